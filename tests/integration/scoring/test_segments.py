"""Segments over HTTP: those that ship, those that people make, and who is in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import DAY, HOUR, NOON, busy_weeks, event, seats, usage

from cskit.clock import Clocks, FrozenClock, RealClock
from cskit.db import DatabaseUnavailable
from cskit.db.sqlite import SqliteDatabase, SqliteTx
from cskit.migrate import upgrade
from scoring.api import segments
from scoring.domain.segments import READY
from scoring.segmenting import Asked, Ranks
from scoring.settings import ScoringSettings
from scoring.store.segments import claimed
from scoring.tables import account_activity, activity_days


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, ["read", "write", "configure"]) as one:
        yield one


def invoice(account: str, number: str, amount: str, *, paid: bool = True) -> Any:
    data = {"invoice": number, "amount": Decimal(amount), "currency": "USD", "due_on": date(2026, 6, 1)}
    return event("invoice.changed", account, NOON, data | ({"paid_at": NOON - DAY} if paid else {}))


def touch(account: str, days: int) -> Any:
    return event("touch.recorded", account, NOON - days * DAY, {"kind": "call", "direction": "both"}, received=NOON)


async def make(scoring: Running, condition: str, id_: str = "mine", status: int = 201) -> Any:
    body = {"id": id_, "names": {"en": "Mine", "ja": "マイ"}, "condition": condition}
    return await scoring.post("/v1/segments", body, status)


async def found(scoring: Running, id_: str = "mine", **query: Any) -> list[str]:
    page = await scoring.get(f"/v1/segments/{id_}/accounts", sort="account", **query)
    return [one["account"] for one in page["items"]]


async def test_segments_ship_with_names_in_japanese_and_english(scoring: Running) -> None:
    listed = await scoring.get("/v1/segments")

    assert [one["id"] for one in listed["items"]] == [segment.id for segment in READY]
    assert all(one["names"].keys() == {"en", "ja"} and one["ready"] for one in listed["items"])
    for segment in READY:
        Asked(segment.condition)  # raises for what cannot be asked


async def test_a_segment_has_the_accounts_that_its_condition_holds_for(scoring: Running) -> None:
    await scoring.append(
        seats("small", NOON, 4, segment="smb", country="JP"),
        seats("large", NOON, 200, country="DE"),
        *busy_weeks(["busy"]),
    )
    await make(scoring, 'account.size == "large" || account.country == "JP"')
    await make(scoring, 'health.band == "green" && health.points.active_share >= 90.0', "healthy")

    assert await found(scoring) == ["large", "small"]
    assert await found(scoring, country="JP") == ["small"]
    assert await found(scoring, "healthy") == ["busy"]
    assert await found(scoring, "large") == ["large"]


async def test_the_accounts_of_a_segment_come_like_the_list(scoring: Running) -> None:
    await scoring.append(*(seats(f"a{number}", NOON, 4) for number in range(7)), seats("other", NOON, 400))
    await make(scoring, "account.seats == 4")

    first = await scoring.get("/v1/segments/mine/accounts", sort="-account", limit=4)
    second = await scoring.get("/v1/segments/mine/accounts", sort="-account", limit=4, cursor=first["next"])

    assert [one["account"] for one in first["items"] + second["items"]] == [f"a{n}" for n in (6, 5, 4, 3, 2, 1, 0)]
    assert second["next"] is None
    assert first["items"][0] == await scoring.get("/v1/accounts/a6")


async def test_of_a_rare_segment_a_page_may_be_short_and_goes_on(
    scoring: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_LOT", 2)
    monkeypatch.setattr(segments, "_MOST", 4)
    await scoring.append(*(seats(f"a{number}", NOON, 4) for number in range(9)), seats("b", NOON, 400))
    await make(scoring, "account.seats == 400")

    met, cursor, pages = list[str](), None, 0
    while True:
        query = {"cursor": cursor} if cursor else {}
        page = await scoring.get("/v1/segments/mine/accounts", sort="account", **query)
        met, cursor, pages = met + [one["account"] for one in page["items"]], page["next"], pages + 1
        if cursor is None:
            break

    assert (met, pages) == (["b"], 3)


async def test_a_wrong_condition_is_refused_with_its_place(scoring: Running) -> None:
    for condition, told in (("account.mrrr > 5.0", "account.mrr"), ("account.name", "text"), ("account.seats >", "")):
        problem = await make(scoring, condition, status=422)

        assert (problem["code"], problem["field"]) == ("invalid_condition", "condition")
        assert told in problem["message"] or problem["column"] >= 1


async def test_a_segment_is_changed_and_dropped_and_what_ships_stays(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4))
    await make(scoring, "account.seats == 4")
    assert (await make(scoring, "account.seats == 5", status=409))["code"] == "segment_exists"
    assert (await make(scoring, "account.seats == 4"))["author"] == "sam"

    body = {"names": {"en": "Mine"}, "condition": "account.seats == 5"}
    changed = await scoring.client.put("/v1/segments/mine", json=body)

    assert (changed.status_code, changed.json()["condition"]) == (200, "account.seats == 5")
    assert await found(scoring) == []
    assert (await scoring.client.put("/v1/segments/champions", json=body)).json()["code"] == "segment_ships"
    assert (await scoring.client.delete("/v1/segments/champions")).status_code == 409
    assert (await scoring.client.delete("/v1/segments/mine")).status_code == 204
    assert (await scoring.client.delete("/v1/segments/mine")).status_code == 404
    assert (await scoring.get("/v1/segments/mine/accounts", 404))["code"] == "segment_not_found"


async def test_only_who_may_configure_makes_segments(tmp_path: Path) -> None:
    async with running(tmp_path, ["read", "write"]) as scoring:
        assert (await make(scoring, "true", status=403))["code"] == "missing_scope"


async def test_revenue_contacts_and_rfm_are_known_once_ranks_are_computed(scoring: Running) -> None:
    await scoring.append(
        *busy_weeks(["busy"]),
        usage("new", NOON),
        seats("idle", NOON, 4),
        invoice("busy", "1", "1000.50"),
        invoice("busy", "2", "9"),
        invoice("busy", "3", "5000", paid=False),
        invoice("new", "4", "10"),
        *(touch("busy", days) for days in (1, 40, 80, 100)),
    )
    await make(scoring, "account.revenue == 1009.5 && account.contacts_90_days == 3")
    assert await found(scoring) == []

    await scoring.ranks.compute()

    assert await found(scoring) == ["busy"]
    assert await found(scoring, "hibernating") == ["idle"]
    assert await found(scoring, "out-of-touch") == ["idle", "new"]
    await make(scoring, "account.idle_days <= 1.0 && rfm.recency >= 2.0", "recent")
    assert await found(scoring, "recent") == ["busy", "new"]
    await make(scoring, "rfm.money == 4.0 && account.core_actions_90_days > 100", "rich")
    assert await found(scoring, "rich") == ["busy"]


async def test_a_day_is_ranked_once_and_anew_when_asked(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4))
    stop = asyncio.Event()
    working = asyncio.create_task(scoring.ranks.run(stop))
    try:
        async with asyncio.timeout(20):
            while (await scoring.get("/v1/segments"))["ranked_on"] != "2026-07-01":
                await asyncio.sleep(0.01)
            await scoring.append(seats("later", NOON, 4))
            assert await found(scoring, "hibernating") == ["acme"]
            await scoring.post("/v1/segments/ranks", {}, 202)
            while await found(scoring, "hibernating") != ["acme", "later"]:
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await working


async def test_a_portfolio_that_has_doubled_since_its_ranks_is_ranked_anew(scoring: Running) -> None:
    database, day = scoring.platform.database("scoring"), scoring.ranks.today

    async def claims() -> bool:
        return await claimed(database, day, NOON, timedelta(minutes=10))

    assert await claims()
    await scoring.ranks.compute()
    assert not await claims()
    await scoring.append(seats("acme", NOON, 4), seats("other", NOON, 4))
    assert await claims()
    assert not await claims()  # it is being computed
    await scoring.ranks.compute()
    assert not await claims()
    await scoring.append(seats("third", NOON, 4))
    assert not await claims()


async def test_a_segment_counts_its_accounts_and_their_revenue_as_of_now(scoring: Running) -> None:
    price = {"contract": "c1", "status": "active", "mrr": Decimal(70), "currency": "USD", "starts_on": date(2026, 1, 1)}
    await scoring.append(seats("acme", NOON, 4), event("contract.changed", "acme", NOON, price), seats("b", NOON, 400))
    await make(scoring, "account.seats == 4")

    first = await scoring.get("/v1/segments/mine", count=True)
    await scoring.append(seats("new", NOON, 4))
    second = await scoring.get("/v1/segments/mine", count=True)

    assert (first["accounts"], first["mrr"]) == (1, 70.0)
    assert (second["accounts"], second["mrr"]) == (2, 70.0)
    assert (await scoring.get("/v1/segments/mine"))["accounts"] is None


class AwayAtFirst(SqliteDatabase):
    """A database that cannot be reached when it is first written to."""

    away = True

    def write(self) -> AbstractAsyncContextManager[SqliteTx]:
        if self.away:
            self.away = False
            raise DatabaseUnavailable("PostgreSQL cannot be reached")
        return super().write()


async def test_ranks_wait_for_a_database_that_is_away(tmp_path: Path) -> None:
    database, stop = AwayAtFirst(tmp_path / "scoring.db"), asyncio.Event()
    await upgrade(database, "scoring")
    settings = ScoringSettings(zone="UTC", currency="USD")
    ranks = Ranks(database=database, settings=settings, clocks=Clocks(world=FrozenClock(NOON), wall=RealClock()))
    running = asyncio.create_task(ranks.run(stop))
    while database.away:
        await asyncio.sleep(0.01)

    ranks.asked.set()

    while not (days := await database.fetch(select(activity_days))) or days[0].done_at is None:
        assert not running.done()
        await asyncio.sleep(0.01)
    stop.set()
    await running
    await database.close()


async def test_an_erased_account_leaves_no_rank_behind(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4), seats("other", NOON, 4))
    await scoring.ranks.compute()

    await scoring.append(event("account.erased", "acme", NOON, {"account": "acme"}))

    async with scoring.platform.database("scoring").read() as tx:
        rows = await tx.fetch(account_activity.select())
    assert [row.account for row in rows] == ["other"]


async def test_a_contact_of_this_morning_was_today_in_the_portfolios_zone(tmp_path: Path) -> None:
    async with running(tmp_path, ("read", "write", "configure"), "Asia/Tokyo") as scoring:
        scoring.world.advance(12 * HOUR)  # 2 July, 9:00 in Tokyo
        at = NOON + 11.5 * HOUR  # 8:30 in Tokyo, still 1 July in UTC
        await scoring.append(
            usage("acme", NOON), event("touch.recorded", "acme", at, {"kind": "call", "direction": "both"})
        )
        await make(scoring, "account.days_since_contact == 0")

        assert await found(scoring) == ["acme"]
