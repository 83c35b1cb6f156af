"""What a scorecard would change, by hand on a small world, without changing anything."""

from datetime import date
from decimal import Decimal

import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.scorecards import Desk, document
from tests.integration.scoring.world import NOON, Scoring, Stream, busy_weeks, event, neighbours, seats

from cskit.db import Database
from cskit.errors import Conflict
from csmodels.envelope import Event
from scoring.comparing import Compared, Lot, Move, Totals
from scoring.expressions import parsed

ACCOUNTS = neighbours(3)


def contract(account: str, mrr: str) -> Event:
    """A contract at a price."""
    data = {"contract": "c", "status": "active", "mrr": Decimal(mrr), "currency": "USD", "starts_on": date(2026, 1, 1)}
    return event("contract.changed", account, NOON, data)


async def world(database: Database) -> Scoring:
    """Three accounts that work alike: two pay, and the second is an enterprise; of the third no price is known."""
    first, second, _ = ACCOUNTS
    stream = Stream().append(*busy_weeks(ACCOUNTS), contract(first, "100.50"), contract(second, "1000"))
    stream.append(seats(second, NOON, 4, segment="enterprise", name="Second", owner="sam"))
    return await Scoring(database).take(stream.messages)


async def compared(desk: Desk, made: dict[str, object]) -> tuple[Totals, list[Compared], list[Lot]]:
    """The totals, those who change band, and the lots."""
    draft, totals = await desk.scorecards.draft(made), Totals()
    lots = [lot async for lot in desk.comparing.compare(draft.card, totals)]
    return totals, [each for lot in lots for each in lot.moved], lots


async def test_everybody_who_changes_band_is_told_with_the_money_that_moves(database: Database) -> None:
    scoring = await world(database)
    before = await scoring.everything()

    totals, moved, lots = await compared(Desk(database), document(bands__green=99.5, bands__yellow=50))

    assert (totals.accounts, totals.mrr, totals.rescored, totals.unpriced) == (3, Decimal("1100.50"), 0, 1)
    assert totals.moves == {("green", "yellow"): Move(3, Decimal("1100.50"))}
    assert totals.changing == Move(3, Decimal("1100.50"))
    assert {each.account for each in moved} == set(ACCOUNTS)
    second = next(each for each in moved if each.account == ACCOUNTS[1])
    assert (second.name, second.segment, second.owner, second.mrr) == ("Second", "enterprise", "sam", Decimal(1000))
    assert (second.before.scorecard, second.before.band) == ("default@1", "green")
    assert (second.after.scorecard, second.after.band) == ("default@2", "yellow")
    assert second.before.score == second.after.score == (await scoring.live(ACCOUNTS[1])).score
    assert [(lot.done, lot.of) for lot in lots] == [(3, 3)]
    assert await scoring.everything() == before


async def test_a_scorecard_for_a_segment_changes_only_its_accounts(database: Database) -> None:
    await world(database)
    own = document("own", applies_to='account.segment == "enterprise"', bands__green=99.5, bands__yellow=99.4)

    totals, moved, _ = await compared(Desk(database), own)

    assert totals.moves == {("green", "red"): Move(1, Decimal(1000))}
    assert [(each.account, each.after.scorecard) for each in moved] == [(ACCOUNTS[1], "own@1")]


async def test_what_is_in_force_already_changes_nobody(database: Database) -> None:
    await world(database)
    desk = Desk(database)

    totals, moved, _ = await compared(desk, document())

    assert (totals.accounts, totals.rescored, totals.moves, moved) == (3, 0, {}, [])
    assert (await desk.scorecards.draft(document())).changes == ()


async def test_a_change_of_a_curve_changes_scores(database: Database) -> None:
    scoring = await world(database)
    made = document()
    made["measures"]["active_share"]["curve"] = [[0, 0], [1000, 100]]

    totals, _, _ = await compared(Desk(database), made)

    assert totals.rescored == 3
    card = parsed({**made, "version": 2})
    assert (await scoring.live()).score > card.reference


async def test_a_comparison_says_what_is_new_in_the_document(database: Database) -> None:
    draft = await Desk(database).scorecards.draft(document(bands__green=80))

    assert [(each.field, each.before, each.after) for each in draft.changes] == [("bands.green", 75, 80)]
    assert (draft.card.name, draft.key_features) == ("default@2", ())


async def test_what_could_not_be_applied_is_not_compared(database: Database) -> None:
    desk = Desk(database)
    draft = await desk.scorecards.draft(document(applies_to="account.seats > 5"))

    with pytest.raises(Conflict, match="no scorecard would be left"):
        await anext(desk.comparing.compare(draft.card, Totals()))


async def test_many_accounts_are_compared_in_lots(fresh: Fresh) -> None:
    database = await fresh()
    accounts = neighbours(250)
    await Scoring(database).take(Stream().append(*(seats(account, NOON, 4) for account in accounts)).messages)

    totals, _, lots = await compared(Desk(database), document(bands__green=80))

    assert totals.accounts == 250
    assert [(lot.done, lot.of) for lot in lots] == [(100, 250), (200, 250), (250, 250)]
