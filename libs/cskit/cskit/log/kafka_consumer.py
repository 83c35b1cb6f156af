"""A member of a Kafka consumer group.

aiokafka runs rebalance listeners in a task of its own, starts fetching before they have finished and only logs what
they raise. So here they just leave a note, and `poll` tells the listener, in its caller's task: what it owns changes
only inside `poll`, an error surfaces there, and a slow claim does not hold up the heartbeats. New partitions are paused
until the listener has said where to read.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from cskit.log import kafka_lots
from cskit.log.base import Headers, Listener, LogError, OffsetOutOfRange, Partition, Record, Records
from cskit.log.kafka_connection import PATIENCE, TOPIC_BYTES
from cskit.log.kafka_lots import Lot, Lots

log = structlog.get_logger(__name__)

_WATCH: Final = 2.0  # seconds between looks at the topics' ids
_MISSING: Final = 5  # looks in a row that must not find a topic before it counts as deleted
_LEAVE: Final = 5.0  # seconds that leaving the group may take
_FETCH_WAIT_MS: Final = 100
_APPEND_TIME: Final = 1
_REBALANCE: Final = 3  # session timeouts that others wait in a rebalance for who is alive and ends its batch
_NEVER_MS: Final = 2**31 - 1

READING: Final[Mapping[str, Any]] = {  # whatever reads: from where it is told, all that is there, and no other place
    "enable_auto_commit": False,
    "auto_offset_reset": "none",
    "isolation_level": "read_uncommitted",
    "check_crcs": True,
    "fetch_max_wait_ms": _FETCH_WAIT_MS,
    "max_partition_fetch_bytes": TOPIC_BYTES,
    "fetch_max_bytes": 6 * TOPIC_BYTES,
}


class KafkaConsumer(ConsumerRebalanceListener):
    """See base.Consumer. `topic_ids` tells the ids of those topics that exist."""

    def __init__(
        self,
        group: str,
        topics: Sequence[str],
        options: Mapping[str, Any],
        session_timeout_ms: int,
        topic_ids: Callable[[Sequence[str]], Awaitable[Mapping[str, UUID]]],
    ) -> None:
        self._group = group
        self._topics = tuple(topics)
        self._options = options
        self._session_timeout_ms = session_timeout_ms
        self._topic_ids = topic_ids
        self._kafka: Any = None
        self._lots = Lots()
        self._listener: Listener | None = None
        self._watching: asyncio.Task[None] | None = None
        self._owned: frozenset[Partition] = frozenset()  # what the listener was told of
        self._readable: frozenset[Partition] = frozenset()  # the part of it that is not being taken away
        self._assigned: frozenset[Partition] = frozenset()  # still to be told
        self._revoking: asyncio.Future[None] | None = None  # the coordinator waits for it
        self._waiting: asyncio.Timeout | None = None  # a poll that can be woken
        self._failure: BaseException | None = None
        self._stopped = False

    async def start(self, listener: Listener) -> None:
        """See base.Consumer. Raises LogError when Kafka is unreachable or a topic does not exist."""
        ids = await self._topic_ids(self._topics)
        if absent := [t for t in self._topics if t not in ids]:
            raise LogError(f"group {self._group}: there is no topic {', '.join(absent)}")
        self._listener = listener
        rebalance_ms = _REBALANCE * self._session_timeout_ms
        options = {**self._options, "request_timeout_ms": rebalance_ms + 5_000}  # a join waits for others
        self._kafka = AIOKafkaConsumer(  # type: ignore[no-untyped-call]
            **options,
            group_id=self._group,
            **READING,
            session_timeout_ms=self._session_timeout_ms,
            rebalance_timeout_ms=rebalance_ms,
            heartbeat_interval_ms=min(1_000, self._session_timeout_ms // 4),  # how soon a member hears of a rebalance
            max_poll_interval_ms=_NEVER_MS,  # aiokafka would not rejoin after a pause (#847); the runner has a watchdog
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            value_deserializer=self._lots if kafka_lots.install() else None,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await self._kafka.start()
            self._kafka.subscribe(topics=self._topics, listener=self)
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            await self._kafka.stop()
            raise LogError(f"group {self._group} cannot connect to Kafka: {error!r}") from error
        self._watching = asyncio.create_task(self._watch(ids))

    async def poll(self, *, max_records: int, timeout: float) -> Mapping[Partition, Sequence[Record]]:
        """See base.Consumer."""
        deadline = time.monotonic() + timeout
        while True:
            await self._tell()
            left = deadline - time.monotonic()
            records = await self._fetch(max_records, max(left, 0))
            if records or left <= 0:
                return records

    def seek(self, partition: Partition, offset: int) -> None:
        """See base.Consumer."""
        if partition not in self._owned:
            raise LogError(f"group {self._group} does not own {partition.topic}:{partition.number}")
        if partition in self._readable:
            self._kafka.seek(_kafka(partition), offset)

    async def reached(self) -> Mapping[Partition, int]:
        """See base.Consumer."""
        try:
            async with asyncio.timeout(_LEAVE):
                return {partition: await self._kafka.position(_kafka(partition)) for partition in self._readable}
        except (kafka_errors.KafkaError, TimeoutError) as error:
            raise LogError(f"group {self._group} does not know its place: {error!r}") from error

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See base.Consumer."""
        mine = {_kafka(p): offset for p, offset in offsets.items() if p in self._readable}
        if self._kafka is None or self._stopped or not mine:
            return
        try:
            async with asyncio.timeout(_LEAVE):
                await self._kafka.commit(mine)
        except (kafka_errors.KafkaError, TimeoutError, OSError) as error:
            log.warning("log.commit_failed", group=self._group, error=repr(error))

    async def stop(self) -> None:
        """See base.Consumer. The listener is not told."""
        if self._stopped:
            return
        self._stopped = True
        self._owned = self._readable = self._assigned = frozenset()
        self._let_go()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait((self._watching,))
        if self._kafka is not None:
            await leave(self._kafka, self._group)

    # What aiokafka's coordinator calls, in its own task.

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing may be awaited before the pause: the fetcher is running already."""
        if self._stopped:
            return
        for partition in assigned:
            self._kafka.pause(partition)
            self._kafka.seek(partition, 0)  # a position: without one the fetcher asks for a committed offset and fails
        self._assigned = frozenset(Partition(p.topic, p.partition) for p in assigned)
        self._wake()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Hold the rebalance until the next `poll` has told the listener; aiokafka goes on with its heartbeats."""
        self._assigned = self._readable = frozenset()
        if self._owned and not self._stopped and self._failure is None:
            self._revoking = asyncio.get_running_loop().create_future()
            self._wake()
            await self._revoking

    async def _tell(self) -> None:
        """Tell the listener what has changed. Raises what it raises, now and at every later poll."""
        if self._failure is not None:
            raise self._failure
        if self._kafka is None or self._listener is None or self._stopped:
            raise LogError(f"group {self._group}: this consumer does not run")
        try:
            if self._revoking is not None:
                lost, self._owned = self._owned, frozenset()
                await self._listener.on_revoked(lost)
                self._let_go()
            if self._assigned:
                assigned, self._assigned = self._assigned, frozenset()
                self._owned = assigned
                offsets = await self._listener.on_assigned(assigned)
                self._open(assigned, offsets)
        except BaseException as error:
            self._fail(error)
            raise

    def _open(self, assigned: frozenset[Partition], offsets: Mapping[Partition, int]) -> None:
        """Read on from these offsets, unless the partitions are being taken away again already."""
        if forgotten := assigned - offsets.keys():
            raise LogError(f"group {self._group}: the listener gave no offset for {sorted(forgotten)}")
        if self._revoking is not None:
            return
        for partition in assigned:
            self._kafka.seek(_kafka(partition), offsets[partition])
        self._kafka.resume(*map(_kafka, assigned))
        self._readable = assigned

    async def _fetch(self, max_records: int, timeout: float) -> dict[Partition, Records]:
        """One getmany, cut short when there is something to tell. It waits for rebalances without an end by itself."""
        try:
            async with asyncio.timeout(timeout + 0.05) as waiting:
                self._waiting = waiting
                self._lots.ask(max_records)
                try:
                    fetched = await self._kafka.getmany(timeout_ms=int(timeout * 1000), max_records=max_records)
                finally:
                    self._waiting = None
        except TimeoutError:
            return {}
        except kafka_errors.OffsetOutOfRangeError as error:
            raise self._fail(
                OffsetOutOfRange(f"group {self._group}: the log does not hold these offsets: {error.args[0]}")
            ) from error
        except (kafka_errors.KafkaError, OSError) as error:
            if isinstance(error, kafka_errors.KafkaError) and not error.retriable:
                raise self._fail(LogError(f"group {self._group} cannot read on: {error!r}")) from error
            log.warning("log.poll_failed", group=self._group, error=repr(error))
            await asyncio.sleep(min(timeout, _FETCH_WAIT_MS / 1000))
            return {}
        for partition, records in fetched.items():
            of_log = records.append_time if isinstance(records, Lot) else records[0].timestamp_type == _APPEND_TIME
            if not of_log:
                text = f"topic {partition.topic} carries its writers' time: set message.timestamp.type=LogAppendTime"
                raise self._fail(LogError(f"group {self._group}: {text}"))
        return {Partition(*p): records_of(p, records) for p, records in fetched.items() if p in self._readable}

    async def _watch(self, first: Mapping[str, UUID]) -> None:
        """Fail the consumer when a topic has been made anew or deleted: Kafka would go on with the old offsets."""
        absent = dict.fromkeys(first, 0)
        while self._failure is None:
            await asyncio.sleep(_WATCH)
            try:
                now = await self._topic_ids(self._topics)
            except LogError as error:
                log.warning("log.topics_unknown", group=self._group, error=str(error))
                continue
            for topic, known in first.items():
                absent[topic] = 0 if topic in now else absent[topic] + 1
                if now.get(topic, known) != known:
                    text = f"topic {topic} was made anew: its id is {now[topic]} and was {known}"
                    self._fail(LogError(f"group {self._group}: {text}"))
                elif absent[topic] >= _MISSING:
                    self._fail(LogError(f"group {self._group}: topic {topic} was deleted"))

    def _fail(self, error: BaseException) -> BaseException:
        """Read nothing more: every later poll raises `error`."""
        if self._failure is None:
            cancelled = isinstance(error, asyncio.CancelledError)
            text = f"group {self._group}: a poll was cancelled while partitions changed hands"
            self._failure = LogError(text) if cancelled else error
        self._readable = frozenset()
        self._let_go()
        self._wake()
        return error

    def _let_go(self) -> None:
        """Let the coordinator go on with a rebalance that it holds."""
        if self._revoking is not None and not self._revoking.done():
            self._revoking.set_result(None)
        self._revoking = None

    def _wake(self) -> None:
        """End the wait of a poll, so that it looks at what is to be told. It has taken no records yet."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())


async def leave(kafka: Any, group: str) -> None:
    """Leave the group and disconnect, within _LEAVE seconds.

    In a task of its own: where a fetch has just failed, aiokafka's `stop` raises the CancelledError of that fetch and
    leaves its connections open.
    """
    leaving = asyncio.create_task(kafka.stop())
    await asyncio.wait((leaving,), timeout=_LEAVE)
    if leaving.done() and not leaving.cancelled() and leaving.exception() is None:
        return
    failed = leaving.done() and not leaving.cancelled()
    reason = repr(leaving.exception()) if failed else "cut short" if leaving.done() else f"not done in {_LEAVE:.0f} s"
    log.warning("log.leave_failed", group=group, reason=reason)
    leaving.cancel()
    if kafka._fetcher is not None:
        for task in (kafka._fetcher._fetch_task, *kafka._fetcher._pending_tasks):
            task.cancel()
    await kafka._client.close()


def _kafka(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)


def record_of(r: Any) -> Record:
    """aiokafka's record as ours."""
    return Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, _headers(r.headers))


def records_of(partition: TopicPartition, records: Any) -> Records:
    """aiokafka's records of a partition as ours, or those of a lot."""
    if isinstance(records, Lot):
        return records.records
    return Records(
        partition.topic,
        partition.partition,
        [r.offset for r in records],
        [r.timestamp for r in records],
        [r.key for r in records],
        [r.value for r in records],
        [_headers(headers) if (headers := r.headers) else () for r in records],
    )


def _headers(headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Kafka allows a header without a value; here it is an empty one."""
    return tuple([(name, value or b"") for name, value in headers])
