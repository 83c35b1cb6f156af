"""The tables beside the facts, on both databases: whose overrides, what playbooks did, who is watched."""

from datetime import timedelta

from tests.integration.scoring.test_watching import HALVED, good_relation, weeks
from tests.integration.scoring.world import DAY, HOUR, NOON, TEXT, Scoring, Stream, event, neighbours, seats, tick

from cskit.db import Database
from cskit.messages import Message, UnitOfWork
from csmodels.topics import PLAYBOOK_EVENTS
from scoring.store import overrides, timeline, watching
from scoring.tables import PLUMBING
from scoring.timeline import TimelineHandler


async def told(database: Database, *minutes: int, account: str = "acme") -> None:
    """Tasks of these minutes after noon, in one batch."""
    data = {"task": "t1", "status": "open"}
    messages = [
        Message(
            event("task.created", account, NOON + timedelta(minutes=m), data, id=f"e{n}"),
            PLAYBOOK_EVENTS, 0, n, NOON, (),
        )
        for n, m in enumerate(minutes)
    ]  # fmt: skip
    async with database.write() as tx:
        await TimelineHandler().on_batch(messages, UnitOfWork(tx, PLUMBING))


async def test_entries_are_read_the_newest_first_with_all_of_the_moment_that_a_page_ends_at(database: Database) -> None:
    await told(database, 1, 2, 2, 2, 3)

    async with database.read() as tx:
        newest = await timeline.before(tx, "acme", None, 2)
        older = await timeline.before(tx, "acme", NOON + timedelta(minutes=2), 1)
        nobodys = await timeline.before(tx, "other", None, 9)

    assert [row.at.minute for row in newest] == [3, 2]
    assert sorted(row.at.minute for row in older) == [1, 2, 2, 2]
    assert nobodys == []


async def test_an_erasure_takes_overrides_and_entries_along_and_lets_no_late_ones_in(database: Database) -> None:
    data = {"override": "o1", "points": 1.0, "expires_at": NOON + DAY, "author": "sam", "text_ref": TEXT}
    stream = Stream().append(seats("acme", NOON, 4), event("override.set", "acme", NOON, data))
    scoring = await Scoring(database).take(stream.messages)
    await told(database, 1)
    async with database.read() as tx:
        listed = await overrides.listed(tx, "sam")
        others = await overrides.listed(tx, "kim")

    stream.append(event("account.erased", "acme", NOON + HOUR, {"account": "acme"}))
    await scoring.take(stream.messages[-1:])
    await told(database, 61)

    assert [(row.account, row.override) for row in listed] == [("acme", "o1")]
    assert others == []
    async with database.read() as tx:
        assert await overrides.listed(tx, None) == []
        assert await timeline.before(tx, "acme", None, 9) == []


async def test_an_account_that_is_erased_in_the_batch_that_made_it_lets_no_late_entries_in(database: Database) -> None:
    stream = Stream().append(seats("acme", NOON, 4), event("account.erased", "acme", NOON, {"account": "acme"}))
    await Scoring(database).take(stream.messages)

    await told(database, 1)

    async with database.read() as tx:
        assert await timeline.before(tx, "acme", None, 9) == []


async def test_an_override_that_the_facts_have_forgotten_is_forgotten_here_too(database: Database) -> None:
    stream = Stream().append(seats("acme", NOON, 4))
    for id_, days in (("old", 1), ("long", 40)):
        data = {"override": id_, "points": 1.0, "expires_at": NOON + days * DAY, "author": "sam", "text_ref": TEXT}
        stream.append(event("override.set", "acme", NOON, data))
    scoring = await Scoring(database).take(stream.messages)

    stream.append(tick(NOON + 405 * DAY + 12 * HOUR))
    await scoring.take(stream.messages[-1:])

    async with database.read() as tx:
        assert [row.override for row in await overrides.listed(tx, None)] == ["long"]


async def test_only_the_watched_are_read_and_of_one_owner_if_asked(database: Database) -> None:
    stream = Stream().append(
        *weeks("acme", HALVED), *good_relation("acme"), seats(neighbours(2)[1], NOON, 4, owner="kim")
    )
    stream.append(event("owner.changed", "acme", NOON, {"to": "sam"}))
    await Scoring(database).take(stream.messages)

    async with database.read() as tx:
        everyone, sams, kims = [await watching.watched(tx, owner) for owner in (None, "sam", "kim")]

    assert [row.account for row in everyone] == [row.account for row in sams] == ["acme"]
    assert everyone[0].verdict["signs"]
    assert kims == []
