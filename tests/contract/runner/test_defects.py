"""An event that a handler fails for is put aside, and nothing else suffers; where more is wrong, the consumer ends."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row
from tests.contract.runner.stack import NOW, PLUMBING, SEEN, Noting, Stack, erased, failing, running, usage

from cskit import dead_letters, defects
from cskit.db import DatabaseUnavailable
from cskit.errors import Conflict
from cskit.log import NewRecord
from cskit.messages import Message, UnitOfWork, event_record
from csmodels.envelope import Event
from csmodels.internal import ClockTicked
from csmodels.partitioning import partition_of
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS

ACCOUNTS = ("akagi", "nantai", "myogi")  # of different partitions


async def letters(stack: Stack) -> list[Row[tuple[object, ...]]]:
    async with stack.database.read() as tx:
        return sorted(await dead_letters.listed(tx, PLUMBING, before=None, limit=50), key=lambda row: row.offset)


async def test_events_that_a_handler_fails_for_are_put_aside_and_all_others_are_handled_in_order(stack: Stack) -> None:
    await stack.append([usage(account, f"{account}{n}") for n in range(30) for account in ACCOUNTS])

    async with running(stack.runner(Noting(before=failing("akagi0", "akagi17", "myogi29")))):
        seen = await stack.until(87)

    aside = await letters(stack)
    assert len({partition_of(account) for account in ACCOUNTS}) == 3
    for account in ACCOUNTS:
        mine = [id_ for id_ in seen if id_.startswith(account)]
        assert mine == [f"{account}{n}" for n in range(30) if f"{account}{n}" not in ("akagi0", "akagi17", "myogi29")]
    assert {(row.key, row.offset, row.code) for row in aside} == {
        (b"akagi", 0, "defect"),
        (b"akagi", 17, "defect"),
        (b"myogi", 29, "defect"),
    }
    assert {row.reason for row in aside} == {aside[0].reason}
    assert aside[0].reason.startswith("ZeroDivisionError at stack.py:")
    assert "somebody" not in aside[0].reason


async def test_what_was_put_aside_is_handled_once_it_is_replayed_after_the_repair(stack: Stack) -> None:
    await stack.append([usage("akagi", "a"), usage("akagi", "b")])
    async with running(stack.runner(Noting(before=failing("a")))):
        await stack.until(1)
    (letter,) = await letters(stack)

    async with stack.database.write() as tx:
        await dead_letters.replay(UnitOfWork(tx, PLUMBING), PLUMBING, letter.id, NOW)
    async with running(stack.runner(Noting(), owner="two")), running(stack.relay()):
        assert await stack.until(2) == ["b", "a"]


async def test_what_other_services_would_count_once_more_is_not_replayed(stack: Stack) -> None:
    await stack.append([usage("akagi", "a"), usage("akagi", "b")])
    async with running(stack.runner(Noting(before=failing("a")))):
        await stack.until(1)
    (letter,) = await letters(stack)

    with pytest.raises(Conflict, match="kizashi rebuild"):
        async with stack.database.write() as tx:
            late = NOW + dead_letters.REPEATS_KNOWN + timedelta(minutes=1)
            await dead_letters.replay(UnitOfWork(tx, PLUMBING), PLUMBING, letter.id, late)
    async with stack.database.write() as tx:
        in_time = await dead_letters.replay(UnitOfWork(tx, PLUMBING), PLUMBING, letter.id, NOW)

    assert in_time


async def test_what_only_this_version_could_read_is_not_replayed_too_late_either(stack: Stack) -> None:
    await stack.append_raw(partition_of("akagi"), b"akagi", b'{"type": "of.tomorrow"}')
    await stack.append([usage("akagi", "a")])
    async with running(stack.runner(Noting())):
        await stack.until(1)
    (letter,) = await letters(stack)

    with pytest.raises(Conflict, match="kizashi rebuild"):
        async with stack.database.write() as tx:
            late = letter.at + dead_letters.REPEATS_KNOWN + timedelta(minutes=1)
            await dead_letters.replay(UnitOfWork(tx, PLUMBING), PLUMBING, letter.id, late)


async def test_a_row_that_the_database_refuses_is_its_events_own_defect(stack: Stack) -> None:
    class Twice(Noting):
        """Writes a row of a key that is taken."""

        async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
            await super().on_batch(messages, uow)
            if any(message.event.id == "e1" for message in messages):
                uow.insert(SEEN, [{"number": 1_000, "account": "akagi", "event": "e1", "batch": 0}] * 2)

    await stack.append([usage("akagi", f"e{n}") for n in range(4)])

    async with running(stack.runner(Twice())):
        assert await stack.until(3) == ["e0", "e2", "e3"]

    assert [(row.offset, row.code) for row in await letters(stack)] == [(1, "defect")]


async def test_a_value_that_no_column_can_hold_is_its_events_own_defect(stack: Stack) -> None:
    class Beyond(Noting):
        async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
            await super().on_batch(messages, uow)
            if any(message.event.id == "e1" for message in messages):
                uow.insert(SEEN, [{"number": 10**30, "account": "akagi", "event": "e1", "batch": 0}])

    await stack.append([usage("akagi", f"e{n}") for n in range(4)])

    async with running(stack.runner(Beyond())):
        assert await stack.until(3) == ["e0", "e2", "e3"]

    assert [(row.offset, row.code) for row in await letters(stack)] == [(1, "defect")]


async def test_a_database_that_breaks_off_between_the_halves_loses_and_doubles_nothing(stack: Stack) -> None:
    broken = iter([True])

    def check(messages: Sequence[Message[Event]]) -> None:
        failing("e5")(messages)
        if next(broken, False):
            raise DatabaseUnavailable("for the sake of the test")

    await stack.append([usage("akagi", f"e{n}") for n in range(8)])

    async with running(stack.runner(Noting(before=check))):
        assert await stack.until(7) == [f"e{n}" for n in range(8) if n != 5]


async def test_where_the_handler_fails_for_too_many_the_consumer_ends_and_the_rest_keeps_its_place(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cskit.defects.LETTERS", 2)
    await stack.append([usage("akagi", f"e{n}") for n in range(5)])

    for owner in ("one", "two"):  # a process that is started again has no more to give
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(
                stack.runner(Noting(before=failing("e0", "e1", "e2", "e4")), owner=owner).run(asyncio.Event()), 40
            )

    assert [row.offset for row in await letters(stack)] == [0, 1]
    async with running(stack.runner(Noting(), owner="three")):
        assert await stack.until(3) == ["e2", "e3", "e4"]


async def test_an_account_that_it_fails_for_at_every_event_stops_nobody_and_too_many_accounts_do(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cskit.defects.ACCOUNTS", 2)
    await stack.append([usage("akagi", f"e{n}") for n in range(6)])
    await stack.append([usage("nantai", "n"), usage("myogi", "m")])

    async with running(stack.runner(Noting(before=failing("n", *(f"e{n}" for n in range(5)))))):
        assert sorted(await stack.until(2)) == ["e5", "m"]
    assert [row.key for row in await letters(stack)].count(b"akagi") == 5

    await stack.append([usage("myogi", "bad"), usage("akagi", "e6")])
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(stack.runner(Noting(before=failing("bad", "e6")), owner="two").run(asyncio.Event()), 40)
    assert {row.key for row in await letters(stack)} == {b"akagi", b"nantai"}


def a_tick() -> NewRecord:
    hour = NOW.replace(minute=0, second=0)
    fields = {"id": "bad", "source": "ingest", "time": NOW, "receivedtime": NOW, "data": {"hour": hour}}
    tick = ClockTicked.model_validate(fields)
    return NewRecord(CUSTOMER_EVENTS, partition_of("akagi"), CONTROL_KEY.encode(), tick.to_bytes())


@pytest.mark.parametrize("record", [a_tick(), event_record(CUSTOMER_EVENTS, erased("akagi", "bad"))])
async def test_what_concerns_all_accounts_and_an_erasure_are_never_put_aside(stack: Stack, record: NewRecord) -> None:
    await stack.append([usage("akagi", "a")])
    await stack.log.append([record])

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(stack.runner(Noting(before=failing("bad"))).run(asyncio.Event()), 40)

    assert await stack.seen() == ["a"]
    assert await letters(stack) == []


async def test_a_failure_that_does_not_come_again_is_nobodys_fault(stack: Stack) -> None:
    once = iter([True])

    def check(_: Sequence[Message[Event]]) -> None:
        if next(once, False):
            raise ZeroDivisionError

    await stack.append([usage("akagi", "a")])

    async with running(stack.runner(Noting(before=check))):
        assert await stack.until(1) == ["a"]

    assert await letters(stack) == []


async def test_a_database_that_breaks_off_while_an_event_is_blamed_is_waited_for(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = iter([True])
    room = defects.room

    async def asked(*arguments: Any) -> bool:
        if next(away, False):
            raise DatabaseUnavailable("for the sake of the test")
        return await room(*arguments)

    monkeypatch.setattr(defects, "room", asked)
    await stack.append([usage("akagi", f"e{n}") for n in range(4)])

    async with running(stack.runner(Noting(before=failing("e2")))):
        assert await stack.until(3) == ["e0", "e1", "e3"]

    assert [row.offset for row in await letters(stack)] == [2]


async def test_what_the_machine_lacks_ends_the_consumer_and_leaves_nothing(stack: Stack) -> None:
    def out_of_memory(_: Sequence[Message[Event]]) -> None:
        raise MemoryError

    await stack.append([usage("akagi", f"e{n}") for n in range(3)])

    with pytest.raises(MemoryError):
        await asyncio.wait_for(stack.runner(Noting(before=out_of_memory)).run(asyncio.Event()), 40)

    assert await stack.seen() == []
    async with running(stack.runner(Noting(), owner="two")):
        assert await stack.until(3) == ["e0", "e1", "e2"]
