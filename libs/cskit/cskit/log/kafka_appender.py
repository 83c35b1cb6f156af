"""Appending to Kafka: concurrent calls coalesced into one batch in flight per partition.

The producer is idempotent: a batch that is retried over a broken connection or a restarted broker keeps its place and
is stored once. A batch that fails for good leaves a gap in the sequence numbers of the producer that aiokafka never
closes (aiokafka #1017): that producer is thrown away with all it has in flight, and a new one is made.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from cskit.log.base import LogError, MessageTooLarge, NewRecord, NewRecords, Partition
from cskit.log.kafka_connection import BATCH_BYTES, PATIENCE
from csmodels.topics import MAX_MESSAGE_BYTES

log = structlog.get_logger(__name__)

_RETRY: Final = 0.2  # seconds between attempts to connect
_FULL: Final = 1024 * 1024  # bytes at which a batch takes no further record: compression holds the loop up for it


_Listed = list[tuple[str, bytes]]  # headers, as aiokafka wants them


class _Call:
    """One append: its records by columns, their offsets as they become known, and who waits for them."""

    __slots__ = ("deadline", "done", "headers", "keys", "left", "offsets", "values")

    def __init__(
        self, keys: Sequence[bytes | None], values: Sequence[bytes], headers: Sequence[_Listed], deadline: float
    ) -> None:
        self.keys = keys
        self.values = values
        self.headers = headers
        self.offsets = [-1] * len(values)
        self.left = len(values)
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
    """The records of one call for one partition by where they stand in the call, and how many were taken so far."""

    __slots__ = ("call", "indexes", "taken")

    def __init__(self, call: _Call, indexes: Sequence[int]) -> None:
        self.call = call
        self.indexes = indexes
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
        call, parts = _parts(records, asyncio.get_running_loop().time() + PATIENCE)
        for partition, part in parts.items():
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


def _parts(records: Sequence[NewRecord], deadline: float) -> tuple[_Call, Mapping[Partition, _Part]]:
    """The call, and its records by partition, each in its order. MessageTooLarge names the first that is."""
    indexes: dict[Partition, list[int]] = {}
    if isinstance(records, NewRecords):
        call = _Call(records.keys, records.values, [list(records.headers)] * len(records), deadline)
        of_number: defaultdict[int, list[int]] = defaultdict(list)
        for index, number in enumerate(records.partitions):
            of_number[number].append(index)
        indexes = {Partition(records.topic, number): of_it for number, of_it in of_number.items()}
    else:
        for index, record in enumerate(records):
            indexes.setdefault(Partition(record.topic, record.partition), []).append(index)
        listed = {record.headers: list(record.headers) for record in records}  # mostly all have the same
        headers = [listed[record.headers] for record in records]
        call = _Call([record.key for record in records], [record.value for record in records], headers, deadline)
    _check_sizes(call)
    return call, {partition: _Part(call, of_it) for partition, of_it in indexes.items()}


def _check_sizes(call: _Call) -> None:
    """MessageTooLarge for the first record that is; by the largest parts of any where that tells of all."""
    shared = {id(headers): headers for headers in call.headers}
    of_headers = {key: _size_of(headers) for key, headers in shared.items()}
    most = max(map(len, call.values)) + max(map(len, filter(None, call.keys)), default=0) + max(of_headers.values())
    if most <= MAX_MESSAGE_BYTES:
        return
    for index, (key, value, headers) in enumerate(zip(call.keys, call.values, call.headers, strict=True)):
        size = len(value) + len(key or b"") + of_headers[id(headers)]
        if size > MAX_MESSAGE_BYTES:
            raise MessageTooLarge(index, size)


def _size_of(headers: _Listed) -> int:
    return sum(len(name.encode()) + len(told) for name, told in headers)


def _fill(batch: Any, queue: deque[_Part], taken: list[_Taken]) -> None:
    """Move records from the head of the queue to the batch until it is full."""
    append, offset = batch._builder.append, 0  # what batch.append calls, at half of its cost
    size = 0
    while queue and size < _FULL:
        part = queue[0]
        call = part.call
        if call.done.done():  # failed with an earlier batch, or nobody waits any more
            queue.popleft()
            continue
        keys, values, headers = call.keys, call.values, call.headers
        start = at = part.taken
        for index in islice(part.indexes, start, None):
            value = values[index]
            if append(offset, None, keys[index], value, headers[index]) is None:
                size = _FULL
                break
            offset += 1
            at += 1
            size += len(value)
            if size >= _FULL:
                break
        part.taken = at
        if at > start:
            taken.append(_Taken(part, start, at))
        if at == len(part.indexes):
            queue.popleft()
    batch._relative_offset = offset
