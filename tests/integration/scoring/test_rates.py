"""Exchange rates that change while accounts are scored: at one place of the log, for all, and in every replay."""

from datetime import date
from decimal import Decimal

from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.scorecards import Desk, copied, document
from tests.integration.scoring.world import (
    DAY,
    HOUR,
    NOON,
    Scoring,
    Stream,
    busy_weeks,
    event,
    neighbours,
    tick,
    usage,
)

from cskit.clock import Clocks, FrozenClock
from cskit.db import Database
from csmodels.envelope import Event
from scoring.rates import ExchangeRates
from scoring.store import rates as store

JUNE = date(2026, 6, 1)
LARGE = {"applies_to": "account.mrr >= 1500.0", "precedence": 10}


def rates_of(desk: Desk) -> ExchangeRates:
    clocks = Clocks(world=FrozenClock(NOON), wall=FrozenClock(NOON))
    return ExchangeRates(units=desk.unit, database=desk.database, currency="USD", clocks=clocks)


def priced(account: str, currency: str, mrr: str = "1000") -> Event:
    data = {"contract": "c1", "status": "active", "mrr": mrr, "currency": currency}
    return event("contract.changed", account, NOON - 50 * DAY, data, received=NOON - DAY)


async def test_a_rate_prices_the_accounts_that_need_it_at_its_record(database: Database) -> None:
    accounts = neighbours(3)
    desk, stream = Desk(database), Stream().append(*busy_weeks(accounts))
    stream.append(priced(accounts[0], "EUR"), priced(accounts[1], "USD"))
    scoring = await Scoring(database).take(stream.messages)
    assert [(await scoring.live(account)).mrr for account in accounts] == [None, "1000", None]
    before = [await scoring.live(account) for account in accounts]

    await rates_of(desk).set([("EUR", JUNE, Decimal("1.1"))])
    await desk.send(stream)
    await scoring.take(stream.messages[-1:], forgetful=True)

    after = [await scoring.live(account) for account in accounts]
    assert [row.mrr for row in after] == ["1100", "1000", None]
    assert (after[0].offset, after[0].score, after[0].version) == (
        len(stream.messages) - 1, before[0].score, before[0].version,
    )  # fmt: skip
    assert after[1:] == before[1:]


async def test_a_rate_may_bring_an_account_under_another_scorecard(database: Database) -> None:
    desk, stream = Desk(database), Stream().append(*busy_weeks(["acme"]), priced("acme", "EUR"))
    await desk.apply(document("large", **LARGE))
    await desk.send(stream)
    scoring = await Scoring(database).take(stream.messages)
    rates, cards = rates_of(desk), [(await scoring.live()).scorecard]

    for rate in ("1.1", "1.6"):
        await rates.set([("EUR", JUNE, Decimal(rate))])
        await desk.send(stream)
        await scoring.take(stream.messages[-1:])
        cards.append((await scoring.live()).scorecard)
    await rates.drop("EUR", JUNE)
    await desk.send(stream)
    await scoring.take(stream.messages[-1:])

    assert cards == ["default@1", "default@1", "large@1"]
    row = await scoring.live()
    assert (row.scorecard, row.mrr) == ("default@1", None)


async def test_a_replay_with_rates_in_the_middle_gives_the_same_wherever_it_is_cut(fresh: Fresh) -> None:
    accounts = neighbours(3)
    desk = Desk(await fresh())
    stream = Stream().append(*busy_weeks(accounts), *(priced(account, "EUR") for account in accounts))
    await desk.apply(document("large", **LARGE))
    await desk.send(stream)
    for hours, rate in ((5, "1.2"), (20, "1.7"), (30, "1.4")):
        await rates_of(desk).set([("EUR", JUNE, Decimal(rate))])
        await desk.send(stream)
        stream.append(usage(accounts[1], NOON + hours * HOUR, who=4), tick(NOON + hours * HOUR))

    found = []
    for every, forgetful in ((1, False), (7, True), (10_000, False)):
        database = await copied(desk, await fresh())
        scoring = await Scoring(database).take(*stream.cut(every), forgetful=forgetful)
        everything = await scoring.everything()
        found.append((everything["facts"], await scoring.closings(), everything["partitions"]))
        assert (await scoring.live(accounts[0])).mrr == "1400"

    assert found[0] == found[1] == found[2]


async def test_rates_of_a_restored_database_go_on_behind_those_on_the_log(fresh: Fresh) -> None:
    desk, stream = Desk(await fresh()), Stream().append(*busy_weeks(["acme"]), priced("acme", "EUR"))
    await rates_of(desk).set([("EUR", JUNE, Decimal("1.1"))])
    await desk.send(stream)
    restored = Desk(await copied(desk, await fresh()))
    await rates_of(desk).set([("EUR", JUNE, Decimal("1.2"))])
    await desk.send(stream)
    scoring = await Scoring(restored.database).take(stream.messages)
    assert (await scoring.live()).mrr == "1100"

    await rates_of(restored).set([("EUR", JUNE, Decimal("1.5"))])
    await restored.send(stream)
    await scoring.take(stream.messages[-1:])

    assert (await scoring.live()).mrr == "1500"
    assert len({message.event.id for message in stream.messages[-3:]}) == 3


async def test_the_same_rate_again_is_no_new_version(database: Database) -> None:
    desk, stream = Desk(database), Stream()
    rates = rates_of(desk)

    for rate in ("1.1", "1.10", "1.2", "1.2"):
        await rates.set([("EUR", JUNE, Decimal(rate))])

    assert len((await desk.send(stream)).messages) == 2
    async with database.read() as tx:
        assert (await store.newest(tx), await store.rates(tx)) == (2, [("EUR", JUNE, Decimal("1.2"))])
        assert await store.rates(tx, 1) == [("EUR", JUNE, Decimal("1.1"))]
