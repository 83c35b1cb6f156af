"""The past as a rebuild reads it from the log, where it must go back."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cskit.log import NewRecord, Partition, Reader, Record
from cskit.log.sqlite import SqliteLog
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.rebuilding.source import PastLog

HERE = Partition(CUSTOMER_EVENTS, 3)
SECONDS = 30.0


class Counted:
    """A reader of the log that is told of when it stops."""

    def __init__(self, reader: Reader, running: set["Counted"]) -> None:
        self._reader, self._running = reader, running
        running.add(self)

    async def poll(self, *, max_records: int, timeout: float) -> Sequence[Record]:
        return await self._reader.poll(max_records=max_records, timeout=timeout)

    async def stop(self) -> None:
        self._running.discard(self)
        await self._reader.stop()


class CountedLog(SqliteLog):
    """Knows which of its readers run."""

    running: set[Counted]

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> Any:
        return Counted(await super().reader(topic, offsets), self.running)


class FromTheFirst:
    """Reads all partitions from their first records on."""

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        return dict.fromkeys(partitions, 0)

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        """Never here."""


async def told(_: int) -> None:
    """How far it is, to nobody."""


async def test_it_goes_back_and_keeps_one_reader(tmp_path: Path) -> None:
    log = CountedLog(tmp_path / "log.db", now_ms=lambda: 0)
    log.running = set()
    await log.start()
    await log.ensure_topics([CUSTOMER_EVENTS], PARTITIONS)
    await log.append([NewRecord(CUSTOMER_EVENTS, 3, b"acme", str(n).encode()) for n in range(20)])
    until = dict.fromkeys(range(PARTITIONS), 0) | {3: 20}
    done = asyncio.Event()
    past = PastLog(None, log, until, done, told).consumer("scoring", [CUSTOMER_EVENTS])
    await past.start(FromTheFirst())

    read: list[int] = []
    async with asyncio.timeout(SECONDS):
        for back_to in (4, 4, 11):
            records = (await past.poll(max_records=9, timeout=1.0))[HERE]
            read += [record.offset for record in records]
            past.seek(HERE, back_to)
            assert len(log.running) == 1
        while not done.is_set():
            polled = await past.poll(max_records=9, timeout=1.0)
            read += [record.offset for record in polled.get(HERE, ())]
    assert len(log.running) == 1
    await past.stop()
    await past.stop()
    await log.close()

    assert read == [*range(9), *range(4, 13), *range(4, 13), *range(11, 20)]
    assert not log.running
