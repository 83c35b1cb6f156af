"""Several members of a group: every partition has one owner, and no record is lost or read twice."""

import asyncio

import pytest

from cskit.log import Log, NewRecord, Partition
from cskit.testing.log import LogEngine, Member, OffsetBook, eventually, member, polling


async def append(log: Log, topic: str, rounds: int) -> None:
    for n in range(rounds):
        await log.append([NewRecord(topic, partition, b"k", b"%d" % n) for partition in range(4)])


async def test_two_members_share_the_partitions_and_none_is_read_by_both(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    log, book = log_engine.log, OffsetBook()

    async with (
        member(log, group, [topic], book) as first,
        member(log, group, [topic], book) as second,
        polling(first, second),
    ):
        await eventually(lambda: len(first.owned) == len(second.owned) == 2, log_engine.seconds, "shared")
        await append(log, topic, 50)
        await eventually(lambda: len(book.records) >= 200, log_engine.seconds, "all read")

    assert len(book.records) == 200


async def test_a_member_that_joins_takes_its_share_in_the_middle_of_the_stream(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    log, book = log_engine.log, OffsetBook()

    async with member(log, group, [topic], book) as first:
        await first.poll_until(lambda: len(first.owned) == 4, log_engine.seconds)
        writing = asyncio.create_task(append(log, topic, 300))
        async with member(log, group, [topic], book) as second, polling(first, second):
            await eventually(lambda: len(first.owned) == len(second.owned) == 2, log_engine.seconds, "shared")
            await writing
            await eventually(lambda: len(book.records) >= 1_200, log_engine.seconds, "all read")

    assert len(book.records) == 1_200
    assert first.revoked


@pytest.mark.parametrize("busy", [0.5, 12.0])  # Kafka's session ends after 10 seconds; who is alive is waited for
async def test_a_partition_is_assigned_only_after_its_owner_was_done_with_giving_it_up(
    log_engine: LogEngine, topic: str, group: str, busy: float
) -> None:
    class Slow(Member):
        async def on_revoked(self, partitions: frozenset[Partition]) -> None:
            await asyncio.sleep(busy)
            await super().on_revoked(partitions)

    log, book = log_engine.log, OffsetBook()
    slow = Slow(log.consumer(group, [topic]), book)
    await slow.consumer.start(slow)
    await slow.poll_until(lambda: len(slow.owned) == 4, log_engine.seconds)

    async with member(log, group, [topic], book) as other, polling(other, slow):
        await append(log, topic, 10)
        deadline = log_engine.seconds + busy
        await eventually(lambda: len(other.owned) == len(slow.owned) == 2, deadline, "shared")
        await eventually(lambda: len(book.records) >= 40, log_engine.seconds, "all read")
    await slow.stop()

    assert len(book.records) == 40


async def test_what_a_stopped_member_had_goes_to_the_other(log_engine: LogEngine, topic: str, group: str) -> None:
    log, book = log_engine.log, OffsetBook()

    async with member(log, group, [topic], book) as first:
        async with member(log, group, [topic], book) as second, polling(first, second):
            await eventually(lambda: len(first.owned) == len(second.owned) == 2, log_engine.seconds, "shared")
            await append(log, topic, 20)
            await eventually(lambda: len(book.records) >= 80, log_engine.seconds, "read by two")
        await append(log, topic, 20)
        await first.poll_until(lambda: len(book.records) >= 160, log_engine.seconds)

        assert len(first.owned) == 4
    assert len(book.records) == 160


async def test_what_a_dead_member_had_goes_to_the_other(log_engine: LogEngine, topic: str, group: str) -> None:
    log = log_engine.log
    doomed = await log_engine.doomed(group, [topic])
    await eventually(lambda: len(doomed.owned()) == 4, log_engine.seconds, "the doomed one owns all")

    async with member(log, group, [topic]) as heir:
        await heir.poll_until(lambda: len(heir.owned) == 2, log_engine.seconds)
        await doomed.die()
        await append(log, topic, 10)
        await heir.poll_until(lambda: len(heir.owned) == 4 and len(heir.records) >= 40, log_engine.seconds)

    assert len(heir.records) == 40


async def test_a_member_without_a_partition_waits_for_its_turn(log_engine: LogEngine, topic: str, group: str) -> None:
    log, book = log_engine.log, OffsetBook()
    members = [Member(log.consumer(group, [topic]), book) for _ in range(5)]
    for one in members:
        await one.consumer.start(one)

    async with polling(*members):
        await eventually(lambda: sorted(len(m.owned) for m in members) == [0, 1, 1, 1, 1], log_engine.seconds, "shared")
    idle = next(one for one in members if not one.owned)
    for one in members:
        if one is not idle:
            await one.stop()
    await append(log, topic, 5)
    await idle.poll_until(lambda: len(book.records) >= 20, log_engine.seconds)
    await idle.stop()

    assert len(book.records) == 20


async def test_groups_do_not_see_each_other(log_engine: LogEngine, topic: str, group: str) -> None:
    log = log_engine.log
    await append(log, topic, 10)

    async with member(log, group, [topic]) as one, member(log, f"{group}-b", [topic]) as other, polling(one, other):
        await eventually(
            lambda: len(one.records) >= 40 and len(other.records) >= 40, log_engine.seconds, "both read all"
        )

    assert len(one.records) == len(other.records) == 40


async def test_an_error_of_on_revoked_ends_the_consumer_and_the_other_gets_all(
    log_engine: LogEngine, topic: str, group: str
) -> None:
    class Clinging(Member):
        async def on_revoked(self, partitions: frozenset[Partition]) -> None:
            raise RuntimeError("not mine to give")

    log = log_engine.log
    clinging = Clinging(log.consumer(group, [topic]))
    await clinging.consumer.start(clinging)
    await clinging.poll_until(lambda: len(clinging.owned) == 4, log_engine.seconds)

    async with member(log, group, [topic]) as other:
        joining = asyncio.create_task(other.poll_until(lambda: len(other.owned) == 4, log_engine.seconds))
        with pytest.raises(RuntimeError, match="not mine to give"):
            await clinging.poll_until(lambda: False, log_engine.seconds)
        await clinging.consumer.stop()
        await joining
