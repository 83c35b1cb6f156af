"""Lists of accounts, an account and its health as a CRM reads them: orders, filters, sparse fields, ETags."""

import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.server import Running, running, total
from tests.integration.scoring.world import (
    DAY,
    NOON,
    Scoring,
    Stream,
    busy_weeks,
    event,
    neighbours,
    seats,
    ticket,
    usage,
)

from cskit.db import Database
from cskit.http import encode_cursor
from csmodels.api import AccountSummary, Health, Page
from scoring import weekly
from scoring.encoding import HEALTH, SUMMARY, columns_of, encode, health_of, summary_of
from scoring.store import listing
from scoring.store.listing import SORTS, Filter, Place, Sort
from scoring.tables import live


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


def contract(account: str, mrr: str, ends_on: date | None = None) -> Any:
    data = {"contract": "c1", "status": "active", "mrr": Decimal(mrr), "currency": "USD", "starts_on": date(2026, 1, 1)}
    return event("contract.changed", account, NOON, data | ({"ends_on": ends_on} if ends_on else {}))


async def three(scoring: Running) -> None:
    await scoring.append(
        *busy_weeks(["fine"]),
        seats("acme", NOON, 40, name="Acme Ltd", segment="smb", owner="sam", plan="gold", country="JP"),
        seats("beta", NOON, 9, name="beta GmbH", segment="enterprise", owner="kim", plan="basic", country="DE"),
        contract("acme", "90.50", date(2026, 8, 1)),
        contract("beta", "1200", date(2027, 1, 1)),
    )


async def ids(scoring: Running, **query: Any) -> list[str]:
    return [one["account"] for one in (await scoring.get("/v1/accounts", **query))["items"]]


async def test_the_bytes_are_those_of_the_models(scoring: Running) -> None:
    await three(scoring)
    await scoring.append(ticket("fine", NOON, NOON - DAY))

    page = await scoring.get("/v1/accounts")
    health = await scoring.get("/v1/accounts/fine/health")
    one = await scoring.get("/v1/accounts/fine")

    assert Page[AccountSummary].model_validate(page).model_dump(mode="json") == page
    assert Health.model_validate(health).model_dump(mode="json") == health
    assert AccountSummary.model_validate(one).model_dump(mode="json") == one
    assert health["adjustments"]
    assert any(item["contributions"] and item["mrr"] for item in page["items"])


async def test_several_values_of_a_filter_are_any_of_them_and_filters_narrow_each_other(scoring: Running) -> None:
    await three(scoring)

    assert await ids(scoring, sort="account", segment=["smb", "enterprise"]) == ["acme", "beta"]
    assert await ids(scoring, segment=["smb", "enterprise"], country="DE") == ["beta"]
    assert await ids(scoring, plan="gold", owner="kim") == []
    assert await ids(scoring, sort="account", account=["beta", "fine", "nobody"]) == ["beta", "fine"]
    assert await ids(scoring, mrr_min=100) == ["beta"]
    assert await ids(scoring, mrr_max=100) == ["acme"]
    assert await ids(scoring, seats_min=10) == ["acme"]
    assert await ids(scoring, renewal_before="2026-08-01") == ["acme"]
    assert await ids(scoring, renewal_after="2026-08-02") == ["beta"]
    assert "fine" in await ids(scoring, band=["green", "yellow"], score_min=0, score_max=100)
    assert await ids(scoring, changed_since="2999-01-01T00:00:00Z") == []


async def test_orders_go_both_ways_and_what_has_no_value_comes_last(scoring: Running) -> None:
    await three(scoring)

    assert await ids(scoring, sort="mrr") == ["acme", "beta", "fine"]  # 90.5 before 1200: numbers, not texts
    assert await ids(scoring, sort="-mrr") == ["beta", "acme", "fine"]
    assert await ids(scoring, sort="renewal_on") == ["acme", "beta", "fine"]
    assert await ids(scoring, sort="-account") == ["fine", "beta", "acme"]
    assert await ids(scoring, sort="name", owner=["sam", "kim"]) == ["acme", "beta"]
    scores = [one["score"] for one in (await scoring.get("/v1/accounts", sort="-score"))["items"]]
    assert scores == sorted(scores, reverse=True)


async def test_every_order_gives_every_account_once_page_by_page(scoring: Running) -> None:
    await three(scoring)
    for sort in [*SORTS, *(f"-{name}" for name in SORTS)]:
        whole, found, cursor = await ids(scoring, sort=sort), list[str](), None
        while True:
            page = await scoring.get("/v1/accounts", sort=sort, limit=1, **({"cursor": cursor} if cursor else {}))
            found += [one["account"] for one in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert found == whole, sort
        assert sorted(found) == ["acme", "beta", "fine"]


async def test_a_cursor_of_another_order_is_refused(scoring: Running) -> None:
    await three(scoring)
    following = (await scoring.get("/v1/accounts", sort="mrr", limit=1))["next"]

    for sort in ("-mrr", "account", "changed", "urgency"):
        assert (await scoring.get("/v1/accounts", 422, sort=sort, cursor=following))["code"] == "invalid_cursor"
    for moment in ("9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59"):
        cursor = encode_cursor("changed", False, moment, "acme")
        assert (await scoring.get("/v1/accounts", 422, sort="changed", cursor=cursor))["code"] == "invalid_cursor"


async def test_unknown_names_are_refused_with_the_nearest_right_one(scoring: Running) -> None:
    asked = {
        "unknown_parameter": ({"bands": "red"}, "“band”"),
        "unknown_field": ({"fields": "account,scroe"}, "“score”"),
        "unknown_sort": ({"sort": "-urgncy"}, "“urgency”"),
        "invalid_request": ({"band": "purple"}, "red"),
    }
    assert (await scoring.get("/v1/accounts", 422, fields="account,scroe"))["field"] == "fields"
    assert (await scoring.get("/v1/accounts", 422, renewal_after="2027-02-30"))["field"] == "renewal_after"
    for code, (query, hint) in asked.items():
        problem = await scoring.get("/v1/accounts", 422, **query)
        assert problem["code"] == code
        assert hint in problem["message"]
    assert (await scoring.get("/v1/accounts/x/health", 422, band="red"))["code"] == "unknown_parameter"


async def test_fields_are_sparse_and_the_account_always_comes(scoring: Running) -> None:
    await three(scoring)

    page = await scoring.get("/v1/accounts", fields="score,change", sort="account", limit=1)
    one = await scoring.get("/v1/accounts/acme", fields="band")

    assert page["items"][0].keys() == {"account", "score", "change"}
    assert one == {"account": "acme", "band": "grey"}


async def test_what_did_not_change_is_not_sent_again(scoring: Running) -> None:
    await three(scoring)
    for path in ("/v1/accounts", "/v1/accounts?fields=score", "/v1/accounts/fine", "/v1/accounts/fine/health"):
        first = await scoring.client.get(path)
        tag = first.headers["etag"]
        again = await scoring.client.get(path, headers={"if-none-match": f'"x", {tag}'})
        other = await scoring.client.get(path, headers={"if-none-match": '"x"'})

        assert tag.startswith('W/"')
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (other.status_code, other.json()) == (200, first.json())


async def test_what_changed_is_sent_again(scoring: Running) -> None:
    await three(scoring)
    paths = ("/v1/accounts", "/v1/accounts/fine", "/v1/accounts/fine/health")
    tags = {path: (await scoring.client.get(path)).headers["etag"] for path in paths}

    await scoring.append(ticket("fine", NOON + timedelta(hours=1), NOON))

    for path in paths:
        again = await scoring.client.get(path, headers={"if-none-match": tags[path]})
        assert (again.status_code, again.headers["etag"] != tags[path]) == (200, True), path


async def test_the_change_of_a_week_follows_late_events_within_the_hour(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))
    before = await scoring.get("/v1/accounts/acme", fields="score,change")
    late = [usage("acme", NOON - n * DAY, who, received=NOON, backfill=True) for n in range(8, 40) for who in (7, 8)]

    await scoring.append(*late)

    after = await scoring.get("/v1/accounts/acme", fields="score,change")
    assert before["change"] is not None
    assert after["change"] != before["change"]


async def test_what_either_database_gives_becomes_the_models(fresh: Fresh) -> None:
    database = await fresh()
    await Scoring(database).take(*Stream().append(*busy_weeks(["acme"]), ticket("acme", NOON, NOON - DAY)).cut(1000))

    row = await listing.one(database, "acme", (*HEALTH, *columns_of(SUMMARY)))

    assert row is not None
    health = json.loads(health_of(row))
    assert Health.model_validate(health).model_dump(mode="json") == health
    assert abs(total(health) - health["score"]) < 1e-9
    found = json.loads(encode(summary_of(row, SUMMARY, None)))
    assert AccountSummary.model_validate(found).model_dump(mode="json") == found
    (again,) = await listing.some(database, ["acme", "nobody"], columns_of(SUMMARY))
    assert json.loads(encode(summary_of(again, SUMMARY, None))) == found


async def test_an_account_that_does_not_move_is_met_once_whatever_others_do(fresh: Fresh) -> None:
    database = await fresh()
    names = neighbours(12)
    await Scoring(database).take(*Stream().append(*(usage(name, NOON) for name in names)).cut(100))
    for sort in SORTS:
        met = await _walk(database, sort, names)
        still = names[::2]
        assert sorted(name for name in met if name in still) == sorted(still), sort


async def _walk(database: Database, sort: Sort, names: list[str]) -> list[str]:
    """Page by page, with every second account rewritten between pages, so that it moves in most orders."""
    met: list[str] = []
    after: Place | None = None
    turn = 0
    while True:
        async with database.read() as tx:
            rows = await listing.page(tx, Filter(), columns=("score",), sort=sort, after=after, limit=3)
        met += [row.account for row in rows]
        if len(rows) < 3:
            return met
        after = listing.place_of(rows[-1])
        turn += 1
        async with database.write() as tx:
            for number, name in enumerate(names[1::2]):
                moved = {
                    "score": (turn * 17 + number * 31) % 100,
                    "urgency": (turn * 29 + number * 7) % 4000,
                    "mrr": str(turn * number),
                    "renewal_on": f"2026-0{1 + turn % 9}-01",
                    "name": f"N{turn * number}",
                }
                await tx.execute(update(live).where(live.c.account == name).values(**moved))


@pytest.mark.parametrize("text", ["Ärzte", "ärzte", "ÄRZTE", "ＡＣＭＥ", "ａｃｍｅ", "工業"])
async def test_a_name_is_found_however_it_is_written(scoring: Running, text: str) -> None:
    await scoring.append(seats("a1", NOON, 4, name="Ärzte GmbH ＡＣＭＥ工業"), seats("a2", NOON, 4, name="Acme"))

    assert await ids(scoring, text=text) == ["a1"]


@pytest.mark.parametrize(
    "query", [{"seats_min": 2**63 - 1}, {"seats_max": -1}, {"score_min": "inf"}, {"mrr_max": "nan"}]
)
async def test_a_number_out_of_all_bounds_is_refused(scoring: Running, query: dict[str, Any]) -> None:
    assert (await scoring.get("/v1/accounts", status=422, **query))["code"] == "invalid_request"


async def test_all_of_many_imported_accounts_have_a_change_at_once(
    scoring: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weekly, "_AT_ONCE", 2)
    await scoring.append(*[usage(f"a{n}", NOON - 9 * DAY, received=NOON, backfill=True) for n in range(5)])

    page = await scoring.get("/v1/accounts", fields="change")

    assert len(page["items"]) == 5
    assert all(item["change"] is not None for item in page["items"])
