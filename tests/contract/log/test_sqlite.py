"""What only the embedded log promises: kill -9, a full disk, a clock that goes back, expiry."""

import asyncio
import resource
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cskit.log import LogError, NewRecord, OffsetOutOfRange, Partition
from cskit.log.sqlite import SqliteLog
from cskit.testing.log import OffsetBook, member, read_all

TOPIC = "topic"
WRITER = Path(__file__).with_name("sqlite_writer.py")


class Now:
    ms = 1_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
async def log(tmp_path: Path, now: Now) -> AsyncIterator[SqliteLog]:
    opened = await reopen(tmp_path, now)
    yield opened
    await opened.close()


async def reopen(folder: Path, now: Now) -> SqliteLog:
    opened = SqliteLog(folder / "log.db", now_ms=now)
    await opened.start()
    await opened.ensure_topics([TOPIC], 2)
    return opened


def record(value: bytes, partition: int = 0) -> NewRecord:
    return NewRecord(TOPIC, partition, None, value)


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("life", [0.15, 0.3, 0.6])
async def test_all_that_was_acknowledged_before_a_kill_is_there(tmp_path: Path, now: Now, life: float) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, WRITER, tmp_path / "log.db", TOPIC, stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    lines = [await writer.stdout.readline()]
    await asyncio.sleep(life)
    writer.send_signal(signal.SIGKILL)
    lines += (await writer.stdout.read()).splitlines(keepends=True)
    await writer.wait()

    log = await reopen(tmp_path, now)
    found = await read_all(log, TOPIC, 10)
    after = await log.append([record(b"after")])
    await log.close()

    at = {(r.partition, r.offset): r.value for r in found}
    acknowledged = [line.split() for line in lines if line.endswith(b"\n")]
    assert len(acknowledged) > 10
    assert all(at[int(partition), int(offset)] == value for partition, offset, value in acknowledged)
    assert list(after) == [sum(r.partition == 0 for r in found)]


async def test_a_commit_that_fails_reaches_each_caller_and_the_log_goes_on(log: SqliteLog, tmp_path: Path) -> None:
    assert await log.append([record(b"before")]) == [0]
    with no_file_grows_beyond((tmp_path / "log.db-wal").stat().st_size):
        failed = await asyncio.gather(*(log.append([record(b"lost")]) for _ in range(5)), return_exceptions=True)

    assert [type(error) for error in failed] == [LogError] * 5
    assert await log.append([record(b"after")]) == [1]
    assert [r.value for r in await read_all(log, TOPIC, 10)] == [b"before", b"after"]


async def test_what_was_accepted_is_written_when_the_log_closes(log: SqliteLog, tmp_path: Path, now: Now) -> None:
    accepted = [asyncio.create_task(log.append([record(b"%d" % n)])) for n in range(50)]
    await asyncio.sleep(0)

    await log.close()

    assert [list(await task) for task in accepted] == [[n] for n in range(50)]
    again = await reopen(tmp_path, now)
    assert (await again.end_offsets(TOPIC))[0] == 50
    await again.close()


async def test_a_cancelled_append_does_not_hurt_those_beside_it(log: SqliteLog) -> None:
    first = asyncio.create_task(log.append([record(b"a")]))
    second = asyncio.create_task(log.append([record(b"b")]))
    await asyncio.sleep(0)

    first.cancel()

    (offset,) = await second
    assert {r.offset: r.value for r in await read_all(log, TOPIC, 10)}[offset] == b"b"


async def test_a_poll_that_waits_raises_when_the_log_closes(log: SqliteLog) -> None:
    async with member(log, "g", [TOPIC]) as reader:
        waiting = asyncio.create_task(reader.poll(timeout=30))
        await asyncio.sleep(0.05)

        await log.close()

        with pytest.raises(LogError, match="not open"):
            await waiting
        with pytest.raises(LogError, match="not open"):
            await reader.poll()


async def test_time_does_not_go_back_in_a_partition_even_over_a_restart(
    log: SqliteLog, tmp_path: Path, now: Now
) -> None:
    await log.append([record(b"a"), record(b"a", 1)])
    now.ms = 2_000
    await log.append([record(b"b")])
    await log.close()
    now.ms = 1_500
    again = await reopen(tmp_path, now)
    await again.append([record(b"c"), record(b"b", 1)])

    found = [(r.partition, r.timestamp_ms) for r in await read_all(again, TOPIC, 10)]

    assert sorted(found) == [(0, 1_000), (0, 2_000), (0, 2_000), (1, 1_000), (1, 1_500)]
    await again.close()


async def test_expiry_drops_the_old_but_never_the_newest_record(log: SqliteLog, tmp_path: Path, now: Now) -> None:
    await log.append([record(b"old")] * 6_000)
    await log.append([record(b"old", 1)] * 3)
    now.ms = 5_000
    await log.append([record(b"new")] * 2)

    await log.trim(TOPIC, 5_000)

    assert await log.begin_offsets(TOPIC) == {0: 6_000, 1: 2}
    assert await log.end_offsets(TOPIC) == {0: 6_002, 1: 3}
    await log.close()
    again = await reopen(tmp_path, now)
    assert await again.begin_offsets(TOPIC) == {0: 6_000, 1: 2}
    assert await again.append([record(b"more", 1)]) == [3]
    await again.close()


async def test_an_offset_that_has_expired_is_refused(log: SqliteLog, now: Now) -> None:
    await log.append([record(b"old")] * 10)
    now.ms = 5_000
    await log.append([record(b"new")])
    await log.trim(TOPIC, 5_000)

    async with member(log, "g", [TOPIC], OffsetBook({Partition(TOPIC, 0): 9})) as reader:
        with pytest.raises(OffsetOutOfRange, match="holds offsets 10 to 11, and 9 was asked for"):
            await reader.poll()


async def test_a_topic_made_anew_is_refused_even_where_it_holds_the_offset(log: SqliteLog) -> None:
    await log.append([record(b"old")] * 3)
    async with member(log, "g", [TOPIC]) as reader:
        await reader.poll()
        await log.delete_topic(TOPIC)
        await log.ensure_topics([TOPIC], 2)
        await log.append([record(b"new")] * 5)

        with pytest.raises(OffsetOutOfRange, match="made anew"):
            await reader.poll()


async def test_a_listener_that_forgets_an_offset_ends_the_consumer(log: SqliteLog) -> None:
    class Forgetful(OffsetBook):
        def claim(self, partitions: object, member: object) -> dict[Partition, int]:
            return {Partition(TOPIC, 0): 0}

    async with member(log, "g", [TOPIC], Forgetful()) as reader:
        with pytest.raises(LogError, match="no offset for"):
            await reader.poll()


async def test_the_file_of_a_later_version_is_refused(tmp_path: Path, now: Now) -> None:
    with sqlite3.connect(tmp_path / "log.db") as later:
        later.execute("PRAGMA user_version = 2")
    later.close()

    with pytest.raises(LogError, match="later version"):
        await SqliteLog(tmp_path / "log.db", now_ms=now).start()


async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, now: Now) -> None:
    with pytest.raises(LogError, match=r"none/log\.db"):
        await SqliteLog(tmp_path / "none" / "log.db", now_ms=now).start()
