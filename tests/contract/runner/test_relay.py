"""What leaves by the outbox, on both platforms."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update
from tests.contract.runner.stack import PLUMBING, Noting, Stack, running, usage

from cskit import dead_letters, outbox
from cskit.log import Log, LogError, NewRecord
from cskit.messages import UnitOfWork
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, DEAD_LETTERS, PLAYBOOK_EVENTS


async def send(stack: Stack, records: Sequence[NewRecord]) -> None:
    async with stack.database.write() as tx:
        UnitOfWork(tx, PLUMBING).send(records)


async def waiting(stack: Stack) -> int:
    async with stack.database.read() as tx:
        (row,) = await tx.fetch(select(func.count().label("rows")).select_from(PLUMBING.outbox))
    return int(row.rows)


async def until_sent(stack: Stack) -> None:
    deadline = time.monotonic() + 40
    while await waiting(stack):
        assert time.monotonic() < deadline, "the outbox is not empty after 40 s"
        await asyncio.sleep(0.02)


async def test_what_was_published_arrives_in_order_and_its_rows_are_gone(stack: Stack) -> None:
    async with running(stack.relay()), running(stack.runner(Noting())):
        for start in range(0, 60, 20):
            async with stack.database.write() as tx:
                events = [usage("akagi", f"e{n}") for n in range(start, start + 20)]
                UnitOfWork(tx, PLUMBING).publish(CUSTOMER_EVENTS, events)
        seen = await stack.until(60)
        await until_sent(stack)

    assert seen == [f"e{n}" for n in range(60)]


async def test_what_was_rolled_back_never_leaves(stack: Stack) -> None:
    async with running(stack.relay()):
        try:
            async with stack.database.write() as tx:
                UnitOfWork(tx, PLUMBING).publish(CUSTOMER_EVENTS, [usage("akagi", "never")])
                await tx.flush()
                raise RuntimeError("changed my mind")
        except RuntimeError:
            await send(stack, [NewRecord(PLAYBOOK_EVENTS, 0, b"k", b"{}")])
        await until_sent(stack)

    assert sum((await stack.log.end_offsets(CUSTOMER_EVENTS)).values()) == 0
    assert sum((await stack.log.end_offsets(PLAYBOOK_EVENTS)).values()) == 1


async def test_a_row_that_the_log_can_never_take_is_put_aside_and_the_others_go(stack: Stack) -> None:
    large = NewRecord(PLAYBOOK_EVENTS, 3, b"k", b"x" * (8 * 1024 * 1024 + 1))
    await send(stack, [NewRecord(PLAYBOOK_EVENTS, 3, b"k", b"1"), large, NewRecord(PLAYBOOK_EVENTS, 3, b"k", b"2")])

    async with running(stack.relay()):
        await until_sent(stack)

    async with stack.database.read() as tx:
        (letter,) = await dead_letters.listed(tx, PLUMBING, before=None, limit=5)
    assert letter.code == "too_large"
    assert REGISTRY.get_sample_value("kizashi_dead_letters_total", {"group": "outbox:noting", "reason": "too_large"})
    assert (await stack.log.end_offsets(PLAYBOOK_EVENTS))[3] == 2
    assert sum((await stack.log.end_offsets(DEAD_LETTERS)).values()) == 1


async def test_a_shard_is_sent_by_one_relay_and_taken_over_when_its_lease_is_over(stack: Stack) -> None:
    shards = PLUMBING.outbox_shards
    number = partition_of("akagi")
    now = stack.clocks.wall.now()
    async with stack.database.write() as tx:
        row = {"topic": CUSTOMER_EVENTS, "partition": number, "epoch": 7, "owner": "another"}
        tx.insert(shards, [{**row, "leased_until": now + timedelta(hours=1)}])
        UnitOfWork(tx, PLUMBING).publish(CUSTOMER_EVENTS, [usage("akagi", "a")])

    async with running(stack.relay()):
        await send(stack, [NewRecord(PLAYBOOK_EVENTS, 0, b"k", b"{}")])
        while sum((await stack.log.end_offsets(PLAYBOOK_EVENTS)).values()) == 0:
            await asyncio.sleep(0.02)
        held_back = (await stack.log.end_offsets(CUSTOMER_EVENTS))[number]
        async with stack.database.write() as tx:
            await tx.execute(update(shards).where(shards.c.owner == "another").values(leased_until=now))
        await until_sent(stack)

    assert held_back == 0
    assert (await stack.log.end_offsets(CUSTOMER_EVENTS))[number] == 1


class Interrupted:
    """The log as a relay sees it that is overtaken: between the ack and the delete another relay claims the shard."""

    def __init__(self, stack: Stack) -> None:
        self._log: Log = stack.log
        self._stack = stack
        self.overtaken = 0

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        offsets = await self._log.append(records)
        if not self.overtaken:
            self.overtaken += 1
            shards = PLUMBING.outbox_shards
            async with self._stack.database.write() as tx:
                await tx.execute(update(shards).values(epoch=shards.c.epoch + 1, leased_until=self._now()))
        return offsets

    def _now(self) -> object:
        return self._stack.clocks.wall.now()


async def test_a_relay_that_was_overtaken_deletes_nothing_and_what_is_sent_twice_is_handled_once(stack: Stack) -> None:
    relay = stack.relay()
    log = Interrupted(stack)
    relay._log = log  # type: ignore[assignment]
    async with stack.database.write() as tx:
        UnitOfWork(tx, PLUMBING).publish(CUSTOMER_EVENTS, [usage("akagi", "a"), usage("akagi", "b")])

    async with running(relay), running(stack.runner(Noting())):
        await until_sent(stack)
        await stack.append([usage("akagi", "last")])
        seen = await stack.until(3)

    assert log.overtaken == 1
    assert (await stack.log.end_offsets(CUSTOMER_EVENTS))[partition_of("akagi")] == 5
    assert seen == ["a", "b", "last"]


class Unreachable:
    """A log that does not answer at first."""

    def __init__(self, log: Log, refusals: int) -> None:
        self._log = log
        self._refusals = refusals

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        if self._refusals:
            self._refusals -= 1
            raise LogError("no broker answers")
        return await self._log.append(records)


class Slow:
    """A log that takes longer than a lease."""

    def __init__(self, log: Log, seconds: float) -> None:
        self._log = log
        self._seconds = seconds

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        await asyncio.sleep(self._seconds)
        return await self._log.append(records)


async def test_relays_do_not_overtake_one_another_while_the_log_is_slow(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_LEASE", timedelta(seconds=0.6))
    relays = stack.relay(), stack.relay(owner="two")
    for relay in relays:
        relay._log = Slow(stack.log, 1.5)  # type: ignore[assignment]
    await send(stack, [NewRecord(PLAYBOOK_EVENTS, 1, b"k", b"{}")])

    async with running(relays[0]), running(relays[1]):
        await until_sent(stack)

    assert (await stack.log.end_offsets(PLAYBOOK_EVENTS))[1] == 1


async def test_a_log_that_does_not_answer_only_delays(stack: Stack) -> None:
    relay = stack.relay()
    relay._log = Unreachable(stack.log, 2)  # type: ignore[assignment]
    await send(stack, [NewRecord(PLAYBOOK_EVENTS, 1, b"k", b"{}")])

    async with running(relay):
        await until_sent(stack)

    assert (await stack.log.end_offsets(PLAYBOOK_EVENTS))[1] == 1


async def test_what_waits_is_told_also_while_the_log_takes_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_COUNT_EVERY", 0.0)
    monkeypatch.setattr(outbox, "_BACKOFF", 0.05)
    relay = stack.relay()
    relay._log = Unreachable(stack.log, 1_000_000)  # type: ignore[assignment]

    async def until_told(rows: int) -> None:
        async with asyncio.timeout(40):
            while REGISTRY.get_sample_value("kizashi_relay_pending_rows", {"service": "noting"}) != rows:
                await asyncio.sleep(0.02)

    async with running(relay):
        await until_told(0)
        await send(stack, [NewRecord(PLAYBOOK_EVENTS, 1, b"k", b"{}")] * 3)
        await until_told(3)
        relay._log = stack.log
        await until_told(0)


async def test_a_message_carries_its_trace_through_the_outbox(stack: Stack) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    found: list[str | None] = []
    handler = Noting(before=lambda messages: found.extend(message.traceparent for message in messages))
    async with stack.database.write() as tx:
        UnitOfWork(tx, PLUMBING).publish(CUSTOMER_EVENTS, [usage("akagi", "a")], traceparent=trace)

    async with running(stack.relay()), running(stack.runner(handler)):
        await stack.until(1)

    assert found == [trace]


class OneBadPartition:
    """A log that never takes partition 5."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        if any(record.partition == 5 for record in records):
            raise LogError("partition 5 has no leader")
        return await self._log.append(records)


def failures() -> dict[int, float]:
    """How often partitions of the playbook's events took nothing."""
    told = {"service": "noting", "topic": PLAYBOOK_EVENTS}
    name = "kizashi_relay_failures_total"
    return {n: REGISTRY.get_sample_value(name, told | {"partition": str(n)}) or 0 for n in (1, 2, 5)}


async def test_a_partition_that_takes_nothing_holds_up_only_its_own_rows(stack: Stack) -> None:
    relay = stack.relay()
    before = failures()
    relay._log = OneBadPartition(stack.log)  # type: ignore[assignment]
    await send(stack, [NewRecord(PLAYBOOK_EVENTS, number, b"k", b"{}") for number in (5, 1, 5, 2)])

    async with running(relay):
        deadline = time.monotonic() + 40
        while await waiting(stack) > 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    ends = await stack.log.end_offsets(PLAYBOOK_EVENTS)
    assert (ends[1], ends[2], ends[5]) == (1, 1, 0)
    assert await waiting(stack) == 2
    after = failures()
    assert (after[1], after[2]) == (before[1], before[2])
    assert after[5] > before[5]
