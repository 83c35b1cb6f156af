"""The engines under the contract suite: SQLite always, Kafka where KIZASHI_TEST_KAFKA=host:port names one.

KIZASHI_TEST_KAFKA_RESTART is a shell command that restarts that Kafka and returns once it is stopped and started.
"""

import asyncio
import importlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cskit.log import Log, LogError, Partition
from cskit.log.sqlite import SqliteLog
from cskit.testing.log import Doomed, LogEngine, Member

PARTITIONS = 4


class SqliteDoomed:
    """A task of this process that is cancelled wherever it is; one process has no other death of a member alone."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._task = asyncio.create_task(self._poll_on(member))

    def owned(self) -> frozenset[Partition]:
        return self._member.owned

    async def die(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._member.stop()

    @staticmethod
    async def _poll_on(member: Member) -> None:
        while True:
            await member.poll()


class SqliteEngine:
    seconds = 10.0

    def __init__(self, path: Path) -> None:
        self._path = path
        self.log: Log = SqliteLog(path, now_ms=lambda: time.time_ns() // 1_000_000)

    async def close(self) -> None:
        await self.log.close()

    async def restart(self) -> None:
        await self.log.close()
        self.log = SqliteLog(self._path, now_ms=lambda: time.time_ns() // 1_000_000)
        await self.log.start()

    async def make_anew(self, topic: str, partitions: int) -> None:
        assert isinstance(self.log, SqliteLog)
        await self.log.delete_topic(topic)
        await self.log.ensure_topics([topic], partitions)

    async def doomed(self, group: str, topics: Sequence[str]) -> Doomed:
        member = Member(self.log.consumer(group, topics))
        await member.consumer.start(member)
        return SqliteDoomed(member)


class KafkaDoomed:
    """A process that is killed. It prints what it owns, a JSON list a line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._owned: frozenset[Partition] = frozenset()
        self._reading = asyncio.create_task(self._read())

    def owned(self) -> frozenset[Partition]:
        return self._owned

    async def die(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._owned = frozenset(Partition(*found) for found in json.loads(line))


class KafkaEngine:
    seconds = 60.0

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._doomed: list[KafkaDoomed] = []
        self._kafka: Any = importlib.import_module("cskit.log.kafka").KafkaLog(bootstrap, client_id="test")
        self.log: Log = self._kafka

    async def restart(self) -> None:
        command = os.environ.get("KIZASHI_TEST_KAFKA_RESTART")
        if command is None:
            pytest.skip("KIZASHI_TEST_KAFKA_RESTART is not set")
        process = await asyncio.create_subprocess_shell(command)
        assert await process.wait() == 0

    async def make_anew(self, topic: str, partitions: int) -> None:
        before = await self.log.topic_id(topic)
        await self._kafka.delete_topic(topic)
        async with asyncio.timeout(self.seconds):
            while True:  # Kafka deletes later than it answers
                with suppress(LogError):
                    await self.log.ensure_topics([topic], partitions)
                    if await self.log.topic_id(topic) != before:
                        return
                await asyncio.sleep(0.2)

    async def doomed(self, group: str, topics: Sequence[str]) -> Doomed:
        script = Path(__file__).with_name("kafka_member.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, self._bootstrap, group, *topics, stdout=asyncio.subprocess.PIPE
        )
        self._doomed.append(KafkaDoomed(process))
        return self._doomed[-1]

    async def close(self) -> None:
        await asyncio.gather(*(doomed.die() for doomed in self._doomed))
        await self.log.close()


@pytest.fixture(
    params=["sqlite", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.timeout(300)])],
)
async def log_engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LogEngine]:
    """A started engine."""
    engine: LogEngine
    if request.param == "sqlite":
        engine = SqliteEngine(tmp_path / "log.db")
    elif bootstrap := os.environ.get("KIZASHI_TEST_KAFKA"):
        engine = KafkaEngine(bootstrap)
    else:
        pytest.skip("KIZASHI_TEST_KAFKA is not set")
    await engine.log.start()
    yield engine
    await engine.close()


@pytest.fixture
async def topic(log_engine: LogEngine) -> str:
    """The name of a new topic with PARTITIONS (4) partitions."""
    name = f"test-{uuid4().hex}"
    await log_engine.log.ensure_topics([name], PARTITIONS)
    return name


@pytest.fixture
def group() -> str:
    """The name of a group that nobody has used."""
    return f"group-{uuid4().hex}"
