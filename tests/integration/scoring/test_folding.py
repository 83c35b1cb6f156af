"""cs.customer-events becomes facts, scores, history and cs.health-events."""

from datetime import datetime

import pytest
from sqlalchemy import select
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.world import (
    DAY,
    HOUR,
    MIDNIGHT,
    NOON,
    PERSON,
    SECOND,
    Scoring,
    Stream,
    busy_weeks,
    control,
    event,
    neighbours,
    seats,
    story,
    tick,
    ticket,
    usage,
)

from cskit.clock import Clocks, FrozenClock
from cskit.db import Database
from cskit.migrate import differences
from cskit.settings import SettingsError
from scoring.handlers import ScoringHandler
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings
from scoring.store import folding
from scoring.tables import PLUMBING, metadata, portfolio_tickets, scorecards


async def test_migrations_make_the_tables_that_the_code_knows(database: Database) -> None:
    assert await database.migrate(lambda connection: differences(connection, metadata)) == []


async def test_a_batch_gives_an_account_a_score_and_publishes_it(database: Database) -> None:
    scoring = await Scoring(database, now=NOON + HOUR).take(
        Stream().append(seats("acme", NOON, 4, plan="pro"), usage("acme", NOON)).messages
    )

    row = await scoring.live()
    assert (row.account, row.version, row.offset, row.plan, row.seats) == ("acme", 1, 1, "pro", 4)
    (published,) = await scoring.published()
    assert published["id"] == "acme:1"
    assert published["data"]["score"] == row.score
    assert published["data"]["previous"]["band"] == "grey"
    assert published["data"]["account"]["plan"] == "pro"
    assert len(published["data"]["cause"]["events"]) == 2
    (recorded,) = await scoring.history()
    assert (recorded["kind"], recorded["version"], recorded["offset"]) == ("change", 1, 1)


async def test_the_three_times_are_on_the_record(database: Database) -> None:
    happened, received, scored = NOON, NOON + 3 * SECOND, NOON + 5 * SECOND

    scoring = await Scoring(database, now=scored).take(
        Stream().append(usage("acme", happened, received=received)).messages
    )

    row = await scoring.live()
    assert (row.occurred_at, row.received_at, row.scored_at) == (happened, received, scored)
    (recorded,) = await scoring.history()
    assert (recorded["occurred_at"], recorded["received_at"], recorded["scored_at"]) == (happened, received, scored)
    (published,) = await scoring.published()
    times = [published["data"][name] for name in ("occurred_at", "received_at", "scored_at")]
    assert [datetime.fromisoformat(time) for time in times] == [happened, received, scored]


async def test_a_replay_into_an_empty_database_gives_the_same_facts_verdicts_and_history(fresh: Fresh) -> None:
    batches = story(neighbours(3)).cut(17)

    once = await Scoring(await fresh()).take(*batches)
    again = await Scoring(await fresh(), now=NOON + 400 * DAY).take(*batches)

    assert await again.everything() == await once.everything()


async def test_what_is_in_memory_makes_no_difference(fresh: Fresh) -> None:
    batches = story(neighbours(3)).cut(17)

    remembering = await Scoring(await fresh()).take(*batches)
    cramped = await Scoring(await fresh(), in_memory=1).take(*batches)
    forgetful = await Scoring(await fresh()).take(*batches, forgetful=True)

    expected = await remembering.everything()
    assert await cramped.everything() == expected
    assert await forgetful.everything() == expected


@pytest.mark.parametrize("every", [3, 10_000])
async def test_facts_and_closings_do_not_depend_on_where_batches_are_cut(fresh: Fresh, every: int) -> None:
    stream = story(neighbours(2))

    some = await Scoring(await fresh()).take(*stream.cut(64))
    others = await Scoring(await fresh()).take(*stream.cut(every))

    assert await others.facts() == await some.facts()
    assert await others.closings() == await some.closings()


async def test_skipping_hours_equals_ticking_them(fresh: Fresh) -> None:
    accounts = neighbours(2)
    events = [*busy_weeks(accounts), ticket("acme", NOON, NOON), tick(NOON + HOUR)]
    hours = [NOON + n * HOUR for n in range(2, 40)]

    ticked = await Scoring(await fresh()).take(
        Stream().append(*events).append(*(tick(hour) for hour in hours)).messages
    )
    skipped = await Scoring(await fresh()).take(Stream().append(*events, tick(hours[-1])).messages)

    columns = ("kind", "at", "version", "score", "band", "coverage", "contributions", "adjustments", "cause")
    for account in accounts:
        one, other = await ticked.history(account=account), await skipped.history(account=account)
        assert [[row[name] for name in columns] for row in other] == [[row[name] for name in columns] for row in one]
    assert len(await skipped.history("closing")) == 2
    assert (await skipped.live()).score == (await ticked.live()).score


async def test_an_hour_that_was_evaluated_is_ignored(fresh: Fresh) -> None:
    events = [*busy_weeks(["acme"]), tick(MIDNIGHT), tick(MIDNIGHT + HOUR)]

    once = await Scoring(await fresh()).take(Stream().append(*events).messages)
    repeated = await Scoring(await fresh()).take(
        Stream().append(*events, tick(MIDNIGHT), tick(MIDNIGHT + HOUR)).messages
    )

    assert await repeated.everything() == await once.everything()


async def test_the_first_tick_of_a_partition_catches_up_nothing(database: Database) -> None:
    scoring = await Scoring(database).take(Stream().append(*busy_weeks(["acme"]), tick(NOON + 10 * DAY)).messages)

    assert await scoring.history("closing") == []


async def test_each_day_leaves_the_score_it_closed_with(database: Database) -> None:
    accounts = neighbours(2)
    hours = [NOON + n * HOUR for n in range(1, 61)]

    scoring = await Scoring(database).take(
        Stream().append(*busy_weeks(accounts)).append(*(tick(hour) for hour in hours)).messages
    )

    for account in accounts:
        rows = await scoring.history("closing", account=account)
        assert [row["at"] for row in rows] == [MIDNIGHT + n * DAY - (SECOND / 1_000_000) for n in range(3)]
        assert all(row["version"] is None for row in rows)


async def test_days_close_in_the_portfolios_zone(database: Database) -> None:
    hours = [NOON + n * HOUR for n in range(1, 13)]

    scoring = await Scoring(database, zone="Asia/Tokyo").take(
        Stream().append(*busy_weeks(["acme"])).append(*(tick(hour) for hour in hours)).messages
    )

    (closing,) = await scoring.history("closing")
    assert closing["at"] == NOON.replace(hour=15) - SECOND / 1_000_000  # midnight in Tokyo


async def test_silence_alone_moves_the_score(database: Database) -> None:
    stream = Stream().append(*busy_weeks(["acme"]), usage("acme", NOON), tick(NOON + HOUR))
    scoring = await Scoring(database).take(stream.messages)
    before = (await scoring.live()).score
    known = len(stream.messages)

    stream.append(*(tick(NOON + n * HOUR) for n in range(2, 21 * 24)))
    await scoring.take(stream.messages[known:])

    after = await scoring.live()
    assert after.score < before
    last = (await scoring.published())[-1]
    assert last["data"]["cause"] == {"events": [], "more": 0, "time": True, "scorecard": None, "override": None}


async def test_versions_have_no_gaps_and_history_has_each_of_them(database: Database) -> None:
    accounts = neighbours(3)

    scoring = await Scoring(database).take(*story(accounts).cut(11))

    for account in accounts:
        versions = [one["data"]["version"] for one in await scoring.published(account)]
        assert versions == list(range(1, len(versions) + 1))
        assert [row["version"] for row in await scoring.history("backfill", "change", account=account)] == versions
        assert (await scoring.live(account)).version == versions[-1]
        chain = [one["data"]["previous"]["version"] for one in await scoring.published(account)]
        assert chain == [version - 1 for version in versions]


async def test_backfill_is_published_first_and_on_its_own(database: Database) -> None:
    old = busy_weeks(["acme"])
    new = ticket("acme", NOON + SECOND, NOON - DAY)

    scoring = await Scoring(database).take(Stream().append(new, *old).messages)

    first, second = await scoring.published()
    assert (first["backfill"], second.get("backfill", False)) == (True, False)
    assert (first["data"]["backfill"], second["data"]["backfill"]) == (True, False)
    assert new.id not in first["data"]["cause"]["events"]
    assert second["data"]["cause"]["events"][-1] in {new.id, old[0].id}
    assert [row["kind"] for row in await scoring.history()] == ["backfill", "change"]


async def test_what_happened_after_the_full_hour_is_not_taken_back_by_a_tick_that_comes_late(
    database: Database,
) -> None:
    """The tick of 00:00 lies on the log behind an event of 00:00:01: that event must not flicker."""
    red = ticket("acme", MIDNIGHT + SECOND, MIDNIGHT - DAY)
    weeks = Stream().append(*busy_weeks(["acme"]), tick(MIDNIGHT - HOUR)).messages
    stream = Stream(messages=list(weeks)).append(red, tick(MIDNIGHT, MIDNIGHT + 2 * SECOND))

    scoring = await Scoring(database).take(weeks, *([message] for message in stream.messages[len(weeks) :]))

    row = await scoring.live()
    assert (row.band, row.score) == ("red", 49.0)
    bands = [one["data"]["band"] for one in await scoring.published()]
    assert bands.count("red") == 1
    assert bands[-1] == "red"
    (closing,) = await scoring.history("closing")
    assert closing["score"] > 49.0  # the day itself closed without it


async def test_a_stopped_feed_turns_nobody_red(fresh: Fresh) -> None:
    weeks = busy_weeks(["acme"])
    hours = [tick(NOON + n * HOUR) for n in range(1, 30 * 24)]
    stop = control("feed.stopped", NOON + SECOND, {"family": "usage", "since": NOON})

    alive = await Scoring(await fresh()).take(Stream().append(*weeks, *hours).messages)
    dead = await Scoring(await fresh()).take(Stream().append(*weeks, stop, *hours).messages)

    assert (await alive.live()).band == "red"
    assert (await dead.live()).band == "green"


async def test_an_unknown_scorecard_changes_nothing(database: Database) -> None:
    card = built_in()[0]
    known = {"scorecard": card.id, "version": card.version, "sha256": card.sha256}
    unknown = [{**known, "sha256": "0" * 64}, {**known, "version": 9}]

    scoring = await Scoring(database).take(
        Stream()
        .append(*(control("scorecard.applied", NOON, data) for data in (known, *unknown)), usage("acme", NOON))
        .messages
    )

    assert (await scoring.live()).scorecard == "default@1"


async def test_an_erased_account_leaves_nothing_and_its_versions_go_on(database: Database) -> None:
    stream = Stream().append(*busy_weeks(["acme"]), ticket("acme", NOON, NOON - DAY))
    scoring = await Scoring(database).take(*stream.cut(100))
    reached = (await scoring.live()).version

    stream.append(event("account.erased", "acme", NOON + SECOND, {"account": "acme"}), tick(NOON + HOUR))
    await scoring.take(stream.messages[-2:])

    everything = await scoring.everything()
    assert (everything["facts"], everything["live"], everything["history"]) == ({}, [], [])
    stream.append(usage("acme", NOON + 2 * HOUR))
    await scoring.take(stream.messages[-1:])
    again = (await scoring.published())[-1]["data"]
    assert (again["version"], again["previous"]["version"]) == (reached + 1, 0)


async def test_an_account_that_comes_back_in_the_batch_of_its_erasure_begins_anew(fresh: Fresh) -> None:
    before = [usage("acme", NOON), event("account.erased", "acme", NOON + SECOND, {"account": "acme"})]
    after = [seats("acme", NOON + 2 * SECOND, 9), usage("acme", NOON + 2 * SECOND, who=5)]

    cut = await Scoring(await fresh()).take(*Stream().append(*before, *after).cut(1))
    whole = await Scoring(await fresh()).take(Stream().append(*before, *after).messages)

    assert await whole.facts() == await cut.facts()
    assert (await whole.live()).seats == 9


async def test_an_erased_person_does_not_move_the_score(database: Database) -> None:
    stream = Stream().append(*busy_weeks(["acme"]), usage("acme", NOON))
    scoring = await Scoring(database).take(stream.messages)
    before = (await scoring.live()).score

    stream.append(event("person.erased", "acme", NOON + SECOND, {"person": PERSON.format(1)}))
    await scoring.take(stream.messages[-1:])

    assert (await scoring.live()).score == pytest.approx(before, abs=1e-12)


async def test_months_older_than_facts_are_kept_for_are_dropped_at_a_closing(database: Database) -> None:
    stream = Stream().append(
        usage("acme", NOON - 519 * DAY, received=NOON, backfill=True), usage("acme", NOON), tick(NOON + HOUR)
    )
    scoring = await Scoring(database).take(stream.messages)
    assert "2025-01" in (await scoring.accounts())["acme"].facts.months

    stream.append(tick(NOON + 40 * DAY))
    await scoring.take(stream.messages[-1:])

    assert set((await scoring.accounts())["acme"].facts.months) == {"2026-07"}


async def test_what_a_closing_drops_does_not_depend_on_where_batches_are_cut(fresh: Fresh) -> None:
    old = [usage("acme", NOON - days * DAY, received=NOON, backfill=True) for days in (1, 519)]
    solved = ticket("acme", NOON - 519 * DAY, NOON - 519 * DAY, status="solved")
    stream = Stream().append(*old, solved, at=NOON)
    stream.append(tick(NOON), tick(MIDNIGHT + 9 * DAY), usage("acme", MIDNIGHT + 9 * DAY), solved)

    found = []
    for every in (1, 3, 100):
        scoring = await Scoring(await fresh()).take(*stream.cut(every))
        found.append((await scoring.facts(), await scoring._rows(select(portfolio_tickets))))

    assert found[0] == found[1] == found[2]


async def test_what_is_too_old_is_dropped_from_the_slow_facts_at_a_closing(fresh: Fresh) -> None:
    calls = [event("touch.recorded", "acme", NOON - n * DAY, {"kind": "call", "direction": "in"}) for n in (9, 8, 7, 1)]
    batches = [calls, [tick(NOON + HOUR)], [tick(NOON + 575 * DAY)], [usage("acme", NOON + 576 * DAY)]]
    stream = Stream().append(*(one for batch in batches for one in batch))

    remembering = await Scoring(await fresh()).take(*stream.cut(1))
    forgetful = await Scoring(await fresh()).take(*stream.cut(1), forgetful=True)
    whole = await Scoring(await fresh()).take(stream.messages)

    for scoring in (remembering, forgetful, whole):
        touches = (await scoring.accounts())["acme"].facts.slow.touches.values()
        assert sorted((NOON - one.stamp.time).days for one in touches) == [1, 7, 9]


async def test_an_erased_person_of_an_erased_account_makes_no_ghost_of_it(database: Database) -> None:
    stream = Stream().append(
        *busy_weeks(["acme"]),
        event("account.erased", "acme", NOON + SECOND, {"account": "acme"}),
        event("person.erased", "acme", NOON + 2 * SECOND, {"person": PERSON.format(1)}),
    )

    scoring = await Scoring(database).take(stream.messages[:-1], stream.messages[-1:])

    everything = await scoring.everything()
    assert (everything["facts"], everything["live"], everything["history"]) == ({}, [], [])


async def test_partitions_of_one_batch_do_not_mix(fresh: Fresh) -> None:
    here, there = Stream("acme"), Stream("bolt")
    assert here.partition != there.partition
    for stream in (here, there):
        stream.append(*busy_weeks([stream.account]), usage(stream.account, NOON), tick(MIDNIGHT))

    together = await Scoring(await fresh()).take([*there.messages, *here.messages])
    apart = await Scoring(await fresh()).take(here.messages, there.messages)

    assert await together.everything() == await apart.everything()


async def test_a_second_zone_is_refused_with_a_sentence(database: Database) -> None:
    def handler(zone: str) -> ScoringHandler:
        clocks = Clocks(world=FrozenClock(NOON), wall=FrozenClock(NOON))
        settings = ScoringSettings(zone=zone, currency="USD")
        return ScoringHandler(settings=settings, cards=built_in(), database=database, clocks=clocks)

    await handler("Asia/Tokyo").on_assigned(frozenset())

    with pytest.raises(
        SettingsError, match=r"ZONE is UTC, but .* Asia/Tokyo since .* Set it to Asia/Tokyo\. Another zone"
    ):
        await handler("UTC").on_assigned(frozenset())
    async with database.read() as tx:
        assert await folding.stored_zone(tx, PLUMBING) == "Asia/Tokyo"
        (card,) = await tx.fetch(select(scorecards))
    assert (card.scorecard, card.version, card.sha256) == ("default", 1, built_in()[0].sha256)
