"""Appending to Kafka: concurrent calls coalesced into one batch in flight per partition.

The producer is idempotent: a batch that is retried over a broken connection or a restarted broker keeps its place and
is stored once. A batch that fails for good leaves a gap in the sequence numbers of the producer that aiokafka never
closes (aiokafka #1017): that producer is thrown away with all it has in flight, and a new one is made.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cskit.log.base import Headers, LogError, MessageTooLarge, NewRecord, Partition
from cskit.log.kafka_connection import BATCH_BYTES, PATIENCE
from csmodels.topics import MAX_MESSAGE_BYTES

log = structlog.get_logger(__name__)

_RETRY: Final = 0.2  # seconds between attempts to connect
_FULL: Final = 1024 * 1024  # bytes at which a batch takes no further record: compression holds the loop up for it


class _Call:
    """One append: its records' offsets as they become known, and who waits for them."""

    __slots__ = ("deadline", "done", "left", "offsets")

    def __init__(self, size: int, deadline: float) -> None:
        self.offsets = [-1] * size
        self.left = size
        self.deadline = deadline
        self.done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()

    def stored(self, indexes: Sequence[int], first: int) -> None:
        """These of its records have the offsets from `first` on."""
        for offset, index in enumerate(indexes, first):
            self.offsets[index] = offset
        self.left -= len(indexes)
        if not self.left and not self.done.done():
            self.done.set_result(self.offsets)

    def fail(self, error: LogError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class _Part:
    """The records of one call for one partition, where each stands in the call, and how many were taken so far."""

    __slots__ = ("call", "indexes", "records", "taken")

    def __init__(self, call: _Call) -> None:
        self.call = call
        self.indexes: list[int] = []
        self.records: list[NewRecord] = []
        self.taken = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    """What of a part is in a batch."""

    part: _Part
    start: int
    end: int


class _Connection:
    """A producer, and a future that is done once it must not be used any more."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Appender:
    """See Log.append. Bounded by its callers: it holds only what calls are waiting for."""

    def __init__(self, bootstrap: str, options: Mapping[str, Any]) -> None:
        self._bootstrap = bootstrap
        self._options = options
        self._queues: dict[Partition, deque[_Part]] = {}
        self._pumps: dict[Partition, asyncio.Task[None]] = {}
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._open = False

    async def start(self) -> None:
        """Connect. Raises LogError when no broker answers."""
        await self._connect(insist=False)
        self._open = True

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        """See Log.append."""
        if not self._open:
            raise LogError("the log takes no records: it is not started, or closed")
        if not records:
            return []
        call = _Call(len(records), asyncio.get_running_loop().time() + PATIENCE)
        for (topic, number), part in _parts(records, call).items():
            partition = Partition(topic, number)
            queue = self._queues.get(partition)
            if queue is None:
                queue = self._queues[partition] = deque()
                self._pumps[partition] = asyncio.create_task(self._pump(partition, queue))
            queue.append(part)
        return await call.done

    async def close(self) -> None:
        """Send what was accepted, then disconnect."""
        self._open = False
        while self._pumps:
            await asyncio.wait(self._pumps.values())
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.producer.stop()  # nothing is in flight: this does not wait
        if self._ending:
            await asyncio.wait(self._ending)

    async def _pump(self, partition: Partition, queue: deque[_Part]) -> None:
        """Send the queue batch by batch until it is empty; an error fails the calls of its batch."""
        try:
            while queue:
                deadline = queue[0].call.deadline
                taken: list[_Taken] = []
                try:
                    async with asyncio.timeout_at(deadline):
                        first = await self._send(partition, queue, taken)
                except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for these records
                    self._fail(partition, queue, taken, error)
                    continue
                for one in taken:
                    one.part.call.stored(one.part.indexes[one.start : one.end], first)
                    first += one.end - one.start
        finally:
            del self._pumps[partition], self._queues[partition]

    async def _send(self, partition: Partition, queue: deque[_Part], taken: list[_Taken]) -> int:
        """Send one batch from the head of the queue, moved to `taken`; returns the offset of its first record."""
        connection = await self._connect(insist=True)
        producer = connection.producer
        if partition.number not in await producer.partitions_for(partition.topic):
            raise LogError(f"topic {partition.topic} has no partition {partition.number}")
        batch = producer.create_batch()
        _fill(batch, queue, taken)
        if not taken:
            return 0
        sent: asyncio.Future[Any] | None = None
        try:
            sent = await producer.send_batch(batch, partition.topic, partition=partition.number)
            await asyncio.wait((sent, connection.broken), return_when=asyncio.FIRST_COMPLETED)
            if not sent.done():
                raise LogError("the connection was given up while the records were on their way")
            first: int = sent.result().offset
        except BaseException:
            if sent is not None:
                sent.cancel()
            self._give_up(connection)
            raise
        if first < 0:
            raise LogError("Kafka has the records but does not tell their offsets")
        return first

    def _fail(
        self,
        partition: Partition,
        queue: deque[_Part],
        taken: list[_Taken],
        cause: Exception,
    ) -> None:
        """Fail the calls of a batch; when none was taken, the first call of the queue."""
        calls = {one.part.call for one in taken} or {queue[0].call}
        text = cause if isinstance(cause, LogError) else repr(cause)
        if isinstance(cause, TimeoutError):
            text = f"Kafka did not acknowledge it within {PATIENCE:.0f} s"
        log.warning("log.append_failed", topic=partition.topic, partition=partition.number, error=str(text))
        for call in calls:
            error = LogError(f"append to {partition.topic}:{partition.number} at {self._bootstrap} failed: {text}")
            error.__cause__ = cause
            call.fail(error)
        while queue and queue[0].call.done.done():
            queue.popleft()

    async def _connect(self, *, insist: bool) -> _Connection:
        """The producer in use, or a new one; `insist` tries for ever to make it, so bound it in time."""
        async with self._connecting:
            while self._connection is None:
                producer: Any = AIOKafkaProducer(  # type: ignore[no-untyped-call]
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="zstd",
                    linger_ms=0,
                    max_batch_size=BATCH_BYTES,
                )
                try:
                    async with asyncio.timeout(PATIENCE):
                        await producer.start()
                    self._connection = _Connection(producer)
                except (KafkaError, OSError, TimeoutError) as error:
                    if not insist:
                        raise LogError(f"Kafka at {self._bootstrap} is not reachable: {error!r}") from error
                    await asyncio.sleep(_RETRY)
                finally:
                    if self._connection is None:
                        await producer.stop()
            return self._connection

    def _give_up(self, connection: _Connection) -> None:
        """Throw a producer away with what it has in flight: it must not send that after something newer."""
        if self._connection is connection:
            self._connection = None
        if not connection.broken.done():
            connection.broken.set_result(None)
            task = asyncio.create_task(_end(connection.producer))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


async def _end(producer: Any) -> None:
    """Disconnect without sending what is left: `stop()` would go on trying."""
    producer._closed = True  # what `stop()` sets; without it the collected producer complains
    sender = producer._sender.sender_task
    sender.cancel()
    await producer.client.close()
    while not sender.done():  # its requests wait for metadata that nobody fetches any more; each cancel ends one
        sender.cancel()
        await asyncio.wait((sender,), timeout=0.1)


def _parts(records: Sequence[NewRecord], call: _Call) -> Mapping[tuple[str, int], _Part]:
    """The records by partition, each in its order. MessageTooLarge names the first that is."""
    parts: dict[tuple[str, int], _Part] = {}
    shared: Headers | None = None  # all records of a call mostly have the same ones
    more = 0
    for index, record in enumerate(records):
        topic, number, key, value, headers = record
        if headers is not shared:
            shared, more = headers, sum(len(name.encode()) + len(told) for name, told in headers)
        if (size := len(value) + more + (0 if key is None else len(key))) > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(index, size)
        part = parts.get((topic, number))
        if part is None:
            part = parts[topic, number] = _Part(call)
        part.indexes.append(index)
        part.records.append(record)
    return parts


def _fill(batch: Any, queue: deque[_Part], taken: list[_Taken]) -> None:
    """Move records from the head of the queue to the batch until it is full."""
    size = 0
    shared: Headers | None = None
    listed: list[tuple[str, bytes]] = []
    while queue and size < _FULL:
        part = queue[0]
        if part.call.done.done():  # failed with an earlier batch, or nobody waits any more
            queue.popleft()
            continue
        start = at = part.taken
        records = part.records
        while at < len(records) and size < _FULL:
            _, _, key, value, headers = records[at]
            if headers is not shared:
                shared, listed = headers, list(headers)
            if batch.append(timestamp=None, key=key, value=value, headers=listed) is None:
                size = _FULL
                break
            size += len(value)
            at += 1
        part.taken = at
        if at > start:
            taken.append(_Taken(part, start, at))
        if at == len(records):
            queue.popleft()
