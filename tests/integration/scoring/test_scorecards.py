"""Scorecards that are applied while accounts are scored: at one place of the log, for all, and in every replay."""

import pytest
from sqlalchemy import delete, select
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.scorecards import SAM, Desk, Ids, copied, document, scorecards_of
from tests.integration.scoring.world import (
    DAY,
    HOUR,
    MIDNIGHT,
    NOON,
    SECOND,
    Scoring,
    Stream,
    busy_weeks,
    control,
    neighbours,
    seats,
    tick,
    usage,
)

from cskit.db import Database
from cskit.errors import Conflict
from cskit.messages import Retry
from csmodels.topics import PARTITIONS
from scoring.domain.document import InvalidDocument
from scoring.tables import PLUMBING, partitions, scorecard_applications, scorecards

STRICT = {"bands__green": 99, "bands__yellow": 98, "dwell__at_once": 0, "dwell__margin": 0}
ENTERPRISE = {"applies_to": 'account.segment == "enterprise"', "precedence": 10}


async def test_a_scorecard_scores_every_account_anew_at_its_record(database: Database) -> None:
    accounts = neighbours(3)
    desk, stream = Desk(database), Stream().append(*busy_weeks(accounts))
    scoring = await Scoring(database).take(stream.messages)
    before = {account: await scoring.live(account) for account in accounts}
    name = await desk.apply(document(**STRICT))

    await desk.send(stream)
    await scoring.take(stream.messages[-1:])

    for account in accounts:
        row = await scoring.live(account)
        assert (row.scorecard, row.offset) == (name, len(stream.messages) - 1)
        assert (before[account].band, row.band) == ("green", "red")
        last = (await scoring.history(account=account))[-1]
        assert (last["kind"], last["cause"]["scorecard"], last["cause"]["time"]) == ("change", "default", False)
    published = (await scoring.published())[-1]["data"]
    assert (published["previous"]["band"], published["band"], published["cause"]["scorecard"]) == (
        "green", "red", "default",
    )  # fmt: skip


async def test_a_small_crossing_waits_for_two_closings_as_always(database: Database) -> None:
    desk, stream = Desk(database), Stream().append(*busy_weeks(["acme"]))
    scoring = await Scoring(database).take(stream.messages)
    score = (await scoring.live()).score
    await desk.apply(document(bands__green=score + 4))

    await desk.send(stream)
    stream.append(tick(MIDNIGHT), tick(MIDNIGHT + DAY))
    bands = []
    for message in stream.messages[-3:]:
        await scoring.take([message])
        bands.append((await scoring.live()).band)

    assert bands == ["green", "green", "yellow"]


async def test_a_replay_with_a_change_in_the_middle_gives_the_same_wherever_it_is_cut(fresh: Fresh) -> None:
    accounts = neighbours(3)
    desk = Desk(await fresh())
    stream = Stream().append(*busy_weeks(accounts), seats("acme", NOON, 4, segment="enterprise"))
    for hours, made in ((5, document("strict", **STRICT)), (20, document("own", **STRICT, **ENTERPRISE))):
        stream.append(*(usage(account, NOON + hours * HOUR - SECOND) for account in accounts))
        await desk.apply(made)
        await desk.send(stream)
        stream.append(usage(accounts[1], NOON + hours * HOUR, who=4), tick(NOON + hours * HOUR))
    stream.append(tick(NOON + 30 * HOUR))

    once = await Scoring(await copied(desk, await fresh())).take(*stream.cut(64))
    again = await Scoring(await copied(desk, await fresh()), in_memory=1).take(*stream.cut(64), forgetful=True)
    elsewhere = await Scoring(await copied(desk, await fresh())).take(*stream.cut(7))

    assert await again.everything() == await once.everything()
    assert await elsewhere.facts() == await once.facts()
    assert await elsewhere.closings() == await once.closings()
    assert set((await scorecards_of(once, *accounts)).values()) == {"own@1", "strict@1"}


async def test_each_account_is_scored_by_the_scorecard_of_its_segment(database: Database) -> None:
    acme, other = accounts = neighbours(2)
    desk = Desk(database)
    stream = Stream().append(*busy_weeks(accounts), seats(acme, NOON, 4, segment="enterprise"))
    scoring = await Scoring(database).take(stream.messages)
    await desk.apply(document("own", **ENTERPRISE))

    await desk.send(stream)
    await scoring.take(stream.messages[-1:])
    applied = await scorecards_of(scoring, *accounts)
    stream.append(seats(acme, NOON + HOUR, 4, segment="smb"), seats(other, NOON + HOUR, 4, segment="enterprise"))
    await scoring.take(stream.messages[-2:])
    moved = await scorecards_of(scoring, *accounts)

    assert applied == {acme: "own@1", other: "default@1"}
    assert moved == {acme: "default@1", other: "own@1"}
    (state,) = await scoring._rows(select(partitions.c.applied))
    assert state.applied == {"default": 1, "own": 1}
    assert (await scoring.live(other)).offset == len(stream.messages) - 1


async def test_an_account_whose_scorecard_stays_is_not_scored_anew(database: Database) -> None:
    desk, stream = Desk(database), Stream().append(*busy_weeks(["acme"]))
    scoring = await Scoring(database).take(stream.messages)
    before = await scoring.live()
    await desk.apply(document("own", **ENTERPRISE))

    await desk.send(stream)
    await scoring.take(stream.messages[-1:])

    assert (await scoring.live()).offset == before.offset


async def test_two_replicas_know_a_scorecard_that_only_the_database_told_them(fresh: Fresh) -> None:
    database = await fresh()
    here, there = Stream("acme"), Stream("bolt")
    assert here.partition != there.partition
    for stream in (here, there):
        stream.append(*busy_weeks([stream.account]))
    one, other = Scoring(database), Scoring(database)
    await one.take(here.messages)
    await other.take(there.messages)
    desk = Desk(database)
    name = await desk.apply(document(**STRICT))

    for scoring, stream in ((one, here), (other, there)):
        await desk.send(stream)
        await scoring.take(stream.messages[-1:])
    there.append(usage("bolt", NOON + HOUR))
    await one.take(there.messages[-1:])  # the partition went over to the first

    assert await scorecards_of(one, "acme", "bolt") == {"acme": name, "bolt": name}


async def test_an_application_tells_every_partition_once_or_nobody(database: Database) -> None:
    desk = Desk(database)
    name = await desk.store(document(**STRICT))
    version = document("own", **ENTERPRISE)

    first = await desk.scorecards.apply(name, SAM, Ids("k1"))
    repeated = await desk.scorecards.apply(name, SAM, Ids("k1"))
    unchanged = await desk.scorecards.apply(name, SAM, Ids())
    with pytest.raises(ZeroDivisionError):
        async with desk.unit() as uow:
            await desk.scorecards._begin(uow, NOON)
            uow.publish_control("cs.customer-events", control("clock.ticked", NOON, {"hour": NOON}), 0)
            raise ZeroDivisionError  # a process that dies before the commit

    assert (first.changed, repeated.application, unchanged.changed) == (True, first.application, False)
    assert await desk.store(version) == "own@1"
    told = await desk.told()
    assert [partition for partition, _ in told] == list(range(PARTITIONS))
    assert {data["sha256"] for _, data in told} == {first.sha256}


async def test_what_was_told_before_a_crash_is_folded_after_it(fresh: Fresh) -> None:
    """The process dies after the commit and before the relay; another one sends what is in the outbox."""
    database = await fresh()
    stream = Stream().append(*busy_weeks(["acme"]))
    await Scoring(database).take(stream.messages)
    name = await Desk(database).apply(document(**STRICT))

    await Desk(database).send(stream)
    await Desk(database).send(stream)
    scoring = await Scoring(database).take(stream.messages[-1:])

    assert (await scoring.live()).scorecard == name
    assert sum(message.event.type == "scorecard.applied" for message in stream.messages) == 1


async def test_a_partition_whose_scorecard_is_not_stored_waits_and_goes_on_once_it_is(fresh: Fresh) -> None:
    database = await fresh()
    desk, stream = Desk(database), Stream().append(*busy_weeks(["acme"]))
    await Scoring(database).take(stream.messages)
    name = await desk.apply(document(**STRICT))
    await desk.send(stream)
    await Scoring(database).take(stream.messages[-1:])
    async with database.write() as tx:
        (row,) = await tx.fetch(select(scorecards).where(scorecards.c.version == 2))
        await tx.execute(delete(scorecards).where(scorecards.c.version == 2))
    scoring = Scoring(database)
    stream.append(usage("acme", NOON + HOUR))

    with pytest.raises(Retry, match=rf"partition \d+: The scorecard {name} is in force, and not in scoring's table"):
        await scoring.take(stream.messages[-1:])
    scoring.handler.forget()
    async with database.write() as tx:
        tx.insert(scorecards, [dict(row._mapping)])
    await scoring.take(stream.messages[-1:])

    assert ((await scoring.live()).scorecard, (await scoring.live()).offset) == (name, len(stream.messages) - 1)


async def test_a_version_stored_later_is_not_taken_for_the_one_that_a_record_named(database: Database) -> None:
    desk, stream = Desk(database), Stream().append(*busy_weeks(["acme"]))
    scoring = await Scoring(database).take(stream.messages)
    name = await desk.store(document(**STRICT))
    foreign = {"scorecard": "default", "version": 2, "sha256": "0" * 64}
    stream.append(control("scorecard.applied", NOON, foreign))
    await scoring.take(stream.messages[-1:])
    refused = (await scoring.live()).scorecard

    await desk.scorecards.apply(name, SAM, Ids())
    await desk.send(stream)
    await scoring.take(stream.messages[-1:])

    assert (refused, (await scoring.live()).scorecard) == ("default@1", name)


async def test_the_eight_most_used_names_become_the_key_features_when_none_are_named(database: Database) -> None:
    stream = Stream().append(*busy_weeks(["acme"]))
    names = [f"feature_{n}" for n in range(10)]
    for n, name in enumerate(names):
        made = usage("acme", NOON, id=f"u{n}")
        data = made.data.model_copy(update={"name": name, "count": n + 1})  # type: ignore[attr-defined]
        stream.append(made.model_copy(update={"data": data}))
    scoring = await Scoring(database).take(stream.messages)
    desk = Desk(database)
    stored = await desk.scorecards.store(document(**STRICT), SAM)

    done = await desk.scorecards.apply(stored.version.name, SAM, Ids())
    again = await desk.scorecards.store(document(**STRICT), SAM)

    expected = ("report_created", *(f"feature_{n}" for n in range(9, 2, -1)))
    assert done.key_features == expected
    assert done.sha256 != stored.version.sha256
    assert (again.new, again.version.name, again.version.sha256) == (False, done.name, done.sha256)
    await desk.send(stream)
    await scoring.take(stream.messages[-1:])
    assert scoring.handler._catalogue.cards[done.name].actions.key_features == expected


async def test_key_features_stay_open_while_fewer_than_eight_names_are_in_use(database: Database) -> None:
    desk = Desk(database)
    await Scoring(database).take(Stream().append(*busy_weeks(["acme"])).messages)
    stored = await desk.scorecards.store(document(**STRICT), SAM)

    done = await desk.scorecards.apply(stored.version.name, SAM, Ids())

    assert (done.key_features, done.sha256) == ((), stored.version.sha256)


async def test_the_same_document_is_the_same_version_whatever_its_layout_and_number(database: Database) -> None:
    desk = Desk(database)
    made = document(**STRICT)
    shuffled = dict(reversed(made.items()))

    names = [
        await desk.store(each) for each in (made, {**shuffled, "version": 7}, document(), document(bands__green=80))
    ]

    assert names == ["default@2", "default@2", "default@1", "default@3"]


async def test_the_order_of_measures_is_kept_with_the_version(database: Database) -> None:
    made = document(**STRICT)
    made["measures"] = dict(reversed(made["measures"].items()))
    desk = Desk(database)

    name = await desk.apply(made)

    other = Desk(database)
    async with database.read() as tx:
        await other.catalogue.load(tx, [name])
    assert list(other.catalogue.cards[name].measures) == list(made["measures"])


async def test_a_rollback_goes_back_step_by_step_and_to_a_version(database: Database) -> None:
    desk = Desk(database)
    for green in (80, 85, 90):
        await desk.apply(document(bands__green=green))

    steps = [(await desk.scorecards.roll_back("default", None, SAM, Ids())).name for _ in range(3)]
    to = await desk.scorecards.roll_back("default", 3, SAM, Ids())

    assert steps == ["default@3", "default@2", "default@1"]
    assert (to.name, dict(to.in_force)) == ("default@3", {"default": 3})
    with pytest.raises(Conflict, match="was never in force"):
        await desk.scorecards.roll_back("default", 9, SAM, Ids())


async def test_a_rollback_goes_back_the_same_way_once_a_second_scorecard_is_in_force(database: Database) -> None:
    desk = Desk(database)
    for green in (80, 85):
        await desk.apply(document(bands__green=green))
    await desk.apply(document("own", **ENTERPRISE))

    steps = [await desk.scorecards.roll_back("default", None, SAM, Ids()) for _ in range(2)]

    assert [(each.name, dict(each.in_force)) for each in steps] == [
        ("default@2", {"default": 2, "own": 1}),
        ("default@1", {"default": 1, "own": 1}),
    ]
    with pytest.raises(Conflict, match="Nothing came before default@1"):
        await desk.scorecards.roll_back("default", None, SAM, Ids())


async def test_the_way_back_of_a_scorecard_passes_what_others_did_meanwhile(database: Database) -> None:
    desk = Desk(database)
    await desk.apply(document(bands__green=80))
    await desk.apply(document("own", **ENTERPRISE))
    await desk.apply(document("own", **ENTERPRISE, bands__green=85))
    await desk.scorecards.roll_back("default", None, SAM, Ids())

    back = await desk.scorecards.roll_back("own", None, SAM, Ids())

    assert (back.name, dict(back.in_force)) == ("own@1", {"default": 1, "own": 1})


async def test_a_rollback_to_a_version_is_a_step_of_the_way_back(database: Database) -> None:
    desk = Desk(database)
    for green in (80, 85, 90):
        await desk.apply(document(bands__green=green))
    await desk.apply(document("own", **ENTERPRISE))
    await desk.scorecards.roll_back("default", 2, SAM, Ids())

    first = await desk.scorecards.roll_back("default", None, SAM, Ids())
    await desk.scorecards.roll_back("default", 4, SAM, Ids())
    second = await desk.scorecards.roll_back("default", None, SAM, Ids())

    assert [first.name, second.name] == ["default@1", "default@1"]


async def test_a_scorecard_that_was_put_out_of_force_goes_back_to_the_default_of_that_time(database: Database) -> None:
    desk = Desk(database)
    await desk.apply(document("mine", **STRICT))
    await desk.apply(document(bands__green=80))
    await desk.apply(document("own", **ENTERPRISE))

    back = [await desk.scorecards.roll_back(each, None, SAM, Ids()) for each in ("default", "mine")]

    assert [(each.name, dict(each.in_force)) for each in back] == [
        ("mine@1", {"mine": 1, "own": 1}),
        ("default@1", {"default": 1, "own": 1}),
    ]
    with pytest.raises(Conflict, match="No version of “mine” is in force"):
        await desk.scorecards.roll_back("mine", None, SAM, Ids())
    with pytest.raises(Conflict, match="Nothing came before default@1"):
        await desk.scorecards.roll_back("default", None, SAM, Ids())


async def test_before_the_first_version_of_a_default_another_scorecard_was_the_default(database: Database) -> None:
    desk = Desk(database)
    await desk.apply(document("mine", **STRICT))

    done = await desk.scorecards.roll_back("mine", None, SAM, Ids())

    assert (done.name, dict(done.in_force)) == ("default@1", {"default": 1})
    with pytest.raises(Conflict, match="No version of “mine” is in force"):
        await desk.scorecards.roll_back("mine", None, SAM, Ids())
    with pytest.raises(Conflict, match="Nothing came before default@1"):
        await desk.scorecards.roll_back("default", None, SAM, Ids())


async def test_the_first_version_of_one_with_a_condition_has_nothing_before(database: Database) -> None:
    desk = Desk(database)
    await desk.apply(document("own", **ENTERPRISE))

    with pytest.raises(Conflict, match="applies_to: 'false'"):
        await desk.scorecards.roll_back("own", None, SAM, Ids())


async def test_the_default_cannot_be_given_a_condition(database: Database) -> None:
    desk = Desk(database)
    name = await desk.store(document(**ENTERPRISE))

    with pytest.raises(Conflict, match="no scorecard would be left for all others"):
        await desk.scorecards.apply(name, SAM, Ids())

    assert await desk.told() == []


async def test_a_wrong_document_is_not_stored(database: Database) -> None:
    desk = Desk(database)

    with pytest.raises(InvalidDocument):
        await desk.store(document(bands__green=40))

    async with database.read() as tx:
        assert await tx.fetch(select(scorecards)) == []


async def test_who_applied_what_is_recorded(database: Database) -> None:
    desk = Desk(database)
    name = await desk.store(document(**STRICT))

    await desk.scorecards.apply(name, SAM, Ids(), "stricter for the board")

    async with database.read() as tx:
        first, second = await tx.fetch(select(scorecard_applications).order_by(scorecard_applications.c.number))
    assert (first.kind, first.actor, first.in_force) == ("shipped", "kizashi", {"default": 1})
    assert (second.kind, second.actor, second.note, second.at, second.in_force) == (
        "apply", "sam", "stricter for the board", NOON, {"default": 2},
    )  # fmt: skip


async def test_new_partitions_begin_with_what_the_installation_began_with(fresh: Fresh) -> None:
    database = await fresh()
    desk = Desk(database)
    name = await desk.apply(document(**STRICT))
    stream = Stream("bolt").append(usage("bolt", NOON))

    await desk.send(stream)
    scoring = await Scoring(database).take(stream.messages[:1])
    before = (await scoring.live("bolt")).scorecard
    await scoring.take(stream.messages[1:])

    assert (before, (await scoring.live("bolt")).scorecard) == ("default@1", name)
    async with database.read() as tx:
        assert await tx.fetch(select(PLUMBING.outbox).where(PLUMBING.outbox.c.partition == stream.partition))
