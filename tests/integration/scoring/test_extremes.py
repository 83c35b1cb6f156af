"""What is long, large, late or of the first day of all stops no partition and swallows nothing."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.world import (
    DAY,
    HOUR,
    MIDNIGHT,
    NOON,
    SECOND,
    Scoring,
    Stream,
    busy_weeks,
    event,
    neighbours,
    seats,
    story,
    tick,
    ticket,
    usage,
)

from cskit import messages
from cskit.db import Database
from cskit.messages import UnitOfWork
from scoring import batch, handlers
from scoring.account import Taken, passing, taking
from scoring.domain.steps import Steps
from scoring.store import folding
from scoring.tables import PLUMBING, account_slow

FIRST = datetime.min.replace(tzinfo=UTC)


async def test_long_work_on_accounts_at_hand_is_never_without_a_statement_and_gives_the_same(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a transaction that is idle, and the watchdog a runner that asks for nothing."""
    stream = story(neighbours(5)).append(tick(NOON + 30 * DAY))
    calm, clock, silence = await fresh(), 0.0, []

    def slowly(work: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def working(*given: Any, **named: Any) -> Any:
            nonlocal clock
            clock += seconds
            return work(*given, **named)

        return working

    def slowly_in_steps(*given: Any) -> Steps[Taken]:
        nonlocal clock
        clock += 0.1
        return (yield from taking(*given))

    whole = await Scoring(calm).take(stream.messages)
    monkeypatch.setattr(messages, "monotonic", lambda: clock)
    monkeypatch.setattr(batch, "passing", slowly(passing, 0.1))
    monkeypatch.setattr(batch, "taking", slowly_in_steps)
    scoring = Scoring(await fresh())
    async with scoring.database.write() as tx:
        spoke = clock

        async def fetch(statement: Any, values: Any = None, plain: Any = tx.fetch) -> Any:
            nonlocal spoke
            silence.append(clock - spoke)
            spoke = clock
            return await plain(statement, values)

        monkeypatch.setattr(tx, "fetch", fetch)
        await scoring.handler.on_batch(stream.messages, UnitOfWork(tx, PLUMBING))

    assert clock > 60
    assert max(silence) < 1
    assert await scoring.everything() == await whole.everything()


@pytest.mark.parametrize(("accounts", "statements"), [(3, 0), (60, 3)])
async def test_a_small_batch_is_sent_together_and_a_large_one_while_it_is_made(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, accounts: int, statements: int
) -> None:
    scoring, sent = Scoring(await fresh()), 0
    async with scoring.database.write() as tx:

        async def flush(plain: Any = tx.flush) -> None:
            nonlocal sent
            sent += 1
            await plain()

        monkeypatch.setattr(tx, "flush", flush)
        await scoring.handler.on_batch(story(neighbours(accounts)).messages, UnitOfWork(tx, PLUMBING))

    assert sent >= statements if statements else not sent


async def test_more_than_one_statement_holds_is_written_whole(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = story(neighbours(5))

    whole = await Scoring(await fresh()).take(stream.messages)
    monkeypatch.setattr(folding, "AT_ONCE", 2)
    parts = await Scoring(await fresh()).take(stream.messages)

    assert await parts.everything() == await whole.everything()


async def test_an_hour_passes_alike_for_accounts_that_are_read_in_lots(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = story(neighbours(5))

    whole = await Scoring(await fresh()).take(*stream.cut(7))
    monkeypatch.setattr(handlers, "_ACCOUNTS_AT_ONCE", 2)
    lots = await Scoring(await fresh(), in_memory=1).take(*stream.cut(7), forgetful=True)

    assert await lots.everything() == await whole.everything()


async def test_an_hour_in_which_an_account_cannot_be_read_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "_ACCOUNTS_AT_ONCE", 2)
    accounts = sorted(neighbours(5))
    scoring = await Scoring(database, in_memory=1).take(Stream().append(*busy_weeks(accounts)).messages)
    before = await scoring.everything()
    hour = Stream().append(*busy_weeks(accounts), tick(MIDNIGHT)).messages[-1:]
    body = account_slow.c.body
    async with database.write() as tx:
        (kept,) = await tx.fetch(select(body).where(account_slow.c.account == accounts[-1]))
        await tx.execute(update(account_slow).where(account_slow.c.account == accounts[-1]).values(body=b"\x07"))

    with pytest.raises(ValueError, match="format 07"):
        await scoring.take(hour, forgetful=True)

    async with database.write() as tx:
        await tx.execute(update(account_slow).where(account_slow.c.account == accounts[-1]).values(body=kept.body))
    assert await scoring.everything() == before
    assert len(await (await scoring.take(hour, forgetful=True)).closings()) == len(accounts)


async def test_an_event_of_the_first_day_of_all_stops_nothing(database: Database) -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    events = [usage("acme", first, received=NOON, backfill=True), seats("acme", first, 4, received=NOON)]

    scoring = await Scoring(database, zone="America/New_York").take(Stream().append(*events, tick(MIDNIGHT)).messages)

    row = await scoring.live()
    assert (row.seats, row.occurred_at) == (4, first)
    assert (await scoring.accounts())["acme"].facts.months.keys() == set()


async def test_contracts_of_any_size_are_published(database: Database) -> None:
    most = {"status": "active", "seats": 2**31 - 1, "mrr": Decimal("999999999999999.999999")}
    signed = [event("contract.changed", "acme", NOON, {"contract": id_, **most}) for id_ in ("c1", "c2")]

    scoring = await Scoring(database).take(Stream().append(*signed).messages)

    row = await scoring.live()
    assert (row.seats, row.mrr) == (2**31 - 1, "999999999999999.999999")
    assert (await scoring.published())[-1]["data"]["account"]["mrr"] == row.mrr


async def test_a_late_event_does_not_swallow_what_time_alone_has_changed(database: Database) -> None:
    """A cap was due at 20:00; the next tick is an hour off when something five days old arrives."""
    open_ = ticket("acme", NOON, NOON)
    calm = Stream().append(*busy_weeks(["acme"]), open_, *(tick(NOON + n * HOUR) for n in range(1, 9)))
    late = usage("acme", NOON - 5 * DAY, received=NOON + 8 * HOUR + 600 * SECOND, backfill=True)
    stream = Stream(messages=list(calm.messages)).append(late, tick(NOON + 9 * HOUR))

    scoring = await Scoring(database).take(calm.messages)
    band = (await scoring.live()).band
    assert band in {"yellow", "green"}
    await scoring.take(*([message] for message in stream.messages[len(calm.messages) :]))

    turned = [one for one in await scoring.published() if one["data"]["band"] == "red"]
    assert turned[0]["data"]["backfill"] is False
    assert turned[0]["data"]["previous"]["band"] == band
    assert turned[0]["data"]["cause"]["time"] is True
    assert late.id not in turned[0]["data"]["cause"]["events"]
    assert [row["kind"] for row in await scoring.history()][-1] == "ageing"
    assert (await scoring.live()).offset == len(stream.messages) - 1


async def test_closings_of_an_outage_that_ask_for_two_bands_are_told_as_of_one_moment_once(fresh: Fresh) -> None:
    """Found by random worlds: one key of history for two changes held the partition up for good."""
    evening, late = datetime(2026, 7, 4, 8, 40, 2, tzinfo=UTC), datetime(2026, 7, 5, 6, 20, 10, tzinfo=UTC)
    latest = datetime(2026, 7, 6, 4, 50, 12, tzinfo=UTC)
    first = {"contract": "c2", "status": "cancelled", "mrr": Decimal(100), "currency": "USD", "seats": 2**31 - 1}
    first |= {"starts_on": date(9999, 1, 1), "ends_on": date(1969, 12, 31), "term_months": 1, "auto_renew": True}
    again = {"opened_at": datetime(1, 1, 2, tzinfo=UTC), "solved_at": datetime(2025, 7, 1, 12, tzinfo=UTC)}
    stream = Stream().append(
        event("contact.described", "acme", NOON + 18 * HOUR, {"role": None, "left": False}, who=1),
        event("touch.recorded", "acme", NOON + 18.2 * HOUR, {"kind": "training", "direction": "out"}, who=1),
        event("contract.changed", "acme", datetime(1, 1, 1, tzinfo=UTC), first, received=NOON + 19.2 * HOUR),
        tick(evening.replace(minute=0, second=0), evening),
        event("usage.tracked", "acme", evening + SECOND, {"name": "export"}),
        event("contract.changed", "acme", NOON, {"contract": "c3", "seats": 0}, received=evening + 1.7 * HOUR),
        event("contact.described", "acme", datetime(1970, 1, 1, tzinfo=UTC), {"role": "sponsor"}, who=1,
              received=evening + 2.7 * HOUR),
        event("ticket.changed", "acme", late, {"ticket": "t", "severity": 4, "csat": 5, **again}),
        event("milestone.reached", "acme", datetime(2025, 7, 1, 12, tzinfo=UTC), {"milestone": "first_value"},
              received=late + 11 * HOUR),
        event("contract.changed", "acme", latest, {"contract": "c3", "seats": None, "starts_on": date(1, 1, 1)}),
        tick(datetime(2026, 7, 6, 23, tzinfo=UTC), datetime(2026, 7, 6, 23, 10, 12, tzinfo=UTC)),
    )  # fmt: skip

    batches = [stream.messages[start:end] for start, end in pairwise((0, 3, 5, 7, 9, 11))]
    scoring = await Scoring(await fresh(), zone="Pacific/Kiritimati").take(*batches)

    told = [(row["offset"], row["at"], row["kind"]) for row in await scoring.history()]
    assert len(told) == len(set(told))
    versions = [row["version"] for row in await scoring.history() if row["version"] is not None]
    assert versions == list(range(1, len(versions) + 1))


async def test_a_contract_put_off_to_the_end_of_all_days_stops_nobody(fresh: Fresh) -> None:
    first = {"contract": "c", "mrr": Decimal(100), "currency": "USD", "starts_on": date(2026, 1, 1)}
    stream = Stream().append(
        event("contract.changed", "acme", NOON, first | {"ends_on": date(2026, 12, 31)}),
        event("contract.changed", "acme", NOON + DAY, {"contract": "c", "ends_on": date.max}),
        event("contract.changed", "acme", NOON + 2 * DAY, {"contract": "c", "starts_on": date.min, "auto_renew": True}),
        event("contract.changed", "acme", NOON + 3 * DAY, {"contract": "c", "cancelled_at": NOON + 3 * DAY}),
        tick(NOON + 4 * DAY),
        event(
            "contract.changed", "acme", FIRST, {"contract": "c", "starts_on": date(1, 1, 2)}, received=NOON + 4 * DAY
        ),
        event("contract.changed", "acme", FIRST, {"contract": "c", "starts_on": date.min}, received=NOON + 4 * DAY),
        tick(NOON + 5 * DAY),
    )

    scoring = await Scoring(await fresh()).take(*stream.cut(1))

    assert (await scoring.live()).stage == "churning"
