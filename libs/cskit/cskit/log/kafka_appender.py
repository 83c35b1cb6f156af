"""Appending to Kafka: concurrent calls coalesced into one batch in flight per partition.

The producer is idempotent: a batch that is retried over a broken connection or a restarted broker keeps its place and
is stored once. A batch that fails for good leaves a gap in the sequence numbers of the producer that aiokafka never
closes (aiokafka #1017): that producer is thrown away with all it has in flight, and a new one is made.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch

from cskit.log.base import LogError, MessageTooLarge, NewRecord, NewRecords, Partition
from cskit.log.kafka_connection import PATIENCE
from csmodels.topics import MAX_MESSAGE_BYTES

log = structlog.get_logger(__name__)

_RETRY: Final = 0.2  # seconds between attempts to connect
_FULL: Final = 1024 * 1024  # bytes at which a batch takes no further record: compression holds the loop up for it


_Listed = list[tuple[str, bytes]]  # headers, as aiokafka wants them


class _Columns:
    """The records of one append, field by field."""

    __slots__ = ("headers", "keys", "partitions", "values")

    def __init__(self, records: Sequence[NewRecord]) -> None:
        """MessageTooLarge names the first that is."""
        self.keys: Sequence[bytes | None]
        self.values: Sequence[bytes]
        self.headers: Sequence[_Listed]
        self.partitions: Mapping[Partition, Sequence[int]]  # where its records stand in the append
        if isinstance(records, NewRecords):
            self.keys, self.values = records.keys, records.values
            self.headers = [list(records.headers)] * len(records)
            of_number: defaultdict[int, list[int]] = defaultdict(list)
            for index, number in enumerate(records.partitions):
                of_number[number].append(index)
            self.partitions = {Partition(records.topic, number): indexes for number, indexes in of_number.items()}
            listed = self.headers[:1]
        else:
            self.keys, self.values = [record.key for record in records], [record.value for record in records]
            of_headers = {record.headers: list(record.headers) for record in records}  # mostly all have the same
            self.headers = [of_headers[record.headers] for record in records]
            partitions: defaultdict[Partition, list[int]] = defaultdict(list)
            for index, record in enumerate(records):
                partitions[Partition(record.topic, record.partition)].append(index)
            self.partitions = partitions
            listed = list(of_headers.values())
        self._check_sizes(listed)

    def _check_sizes(self, listed: Collection[_Listed]) -> None:
        """By the largest parts of any where that tells of all."""
        sizes = {id(headers): _size_of(headers) for headers in listed}
        keys = [key for key in self.keys if key is not None]
        most = max(map(len, self.values)) + max(map(len, keys), default=0) + max(sizes.values())
        if most <= MAX_MESSAGE_BYTES:
            return
        for index, (key, value, headers) in enumerate(zip(self.keys, self.values, self.headers, strict=True)):
            size = len(value) + len(key or b"") + sizes[id(headers)]
            if size > MAX_MESSAGE_BYTES:
                raise MessageTooLarge(index, size)


class _Call:
    """One append: the offsets of its records as they become known, and who waits for them."""

    __slots__ = ("deadline", "done", "left", "offsets")

    def __init__(self, size: int) -> None:
        loop = asyncio.get_running_loop()
        self.offsets = [-1] * size
        self.left = size
        self.deadline = loop.time() + PATIENCE
        self.done: asyncio.Future[list[int]] = loop.create_future()

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


class _Batch:
    """Records of one partition as they are sent, encoded when they come, and which ones of which calls they are."""

    __slots__ = ("builder", "parts")

    def __init__(self) -> None:
        self.builder: Any = BatchBuilder(_FULL, DefaultRecordBatch.CODEC_ZSTD)  # type: ignore[no-untyped-call]
        self.parts: list[tuple[_Call, Sequence[int]]] = []

    def add(self, call: _Call, records: _Columns, indexes: Sequence[int], now_ms: int) -> Sequence[int]:
        """Take these of a call's records until it is full, the first one in any case; returns the others."""
        append = self.builder._builder.append  # what builder.append calls, at half of its cost
        keys, values, headers = records.keys, records.values, records.headers
        first = offset = self.builder._relative_offset
        try:
            for index in indexes:
                if append(offset, now_ms, keys[index], values[index], headers[index]) is None:
                    break
                offset += 1
        finally:  # whatever cannot be encoded fails its own call only
            self.builder._relative_offset = offset
            if offset > first:
                self.parts.append((call, indexes[: offset - first]))
        return indexes[offset - first :]

    @property
    def is_open(self) -> bool:
        """Whether it may take more: not once its first call has failed, so that it ends with those that came soon."""
        return all(not call.done.done() for call, _ in self.parts[:1])

    @property
    def waiting(self) -> list[_Call]:
        """The calls that still wait for it: those beside it may have failed, or their callers be gone."""
        return [call for call, _ in self.parts if not call.done.done()]

    def stored(self, first: int) -> None:
        """It is in the log; its first record has this offset."""
        for call, indexes in self.parts:
            call.stored(indexes, first)
            first += len(indexes)


class _Connection:
    """A producer, and a future that is done once it must not be used any more."""

    def __init__(self, producer: Any) -> None:
        self.producer = producer
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Appender:
    """See Log.append. Bounded by its callers: it holds what calls are waiting for, and what is in one batch with it."""

    def __init__(self, bootstrap: str, options: Mapping[str, Any]) -> None:
        self._bootstrap = bootstrap
        self._options = options
        self._queues: dict[Partition, deque[_Batch]] = {}  # the last one is open
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
        columns = _Columns(records)
        call, now_ms = _Call(len(records)), time.time_ns() // 1_000_000
        for partition, indexes in columns.partitions.items():
            queue = self._queues.get(partition)
            if queue is None:
                queue = self._queues[partition] = deque()
                self._pumps[partition] = asyncio.create_task(self._pump(partition, queue))
            if queue and queue[-1].is_open:
                indexes = queue[-1].add(call, columns, indexes, now_ms)
            while indexes:
                queue.append(_Batch())
                indexes = queue[-1].add(call, columns, indexes, now_ms)
        del records, columns  # they are encoded
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

    async def _pump(self, partition: Partition, queue: deque[_Batch]) -> None:
        """Send the queue batch by batch until it is empty; an error fails the calls of its batch."""
        try:
            while queue:
                batch = queue[0]
                if not (waiting := batch.waiting):
                    queue.popleft()
                    continue
                try:
                    async with asyncio.timeout_at(min(call.deadline for call in waiting)):
                        first = await self._send(partition, queue)
                except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for these records
                    is_sent = not queue or queue[0] is not batch
                    self._fail(partition, batch, error, is_sent=is_sent)
                else:
                    batch.stored(first)
        finally:
            del self._pumps[partition], self._queues[partition]

    async def _send(self, partition: Partition, queue: deque[_Batch]) -> int:
        """Send the batch at the head of the queue, which it leaves then; returns the offset of its first record."""
        connection = await self._connect(insist=True)
        producer = connection.producer
        if partition.number not in await producer.partitions_for(partition.topic):
            raise LogError(f"topic {partition.topic} has no partition {partition.number}")
        builder = queue.popleft().builder
        sent: asyncio.Future[Any] | None = None
        try:
            sent = await producer.send_batch(builder, partition.topic, partition=partition.number)
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

    def _fail(self, partition: Partition, batch: _Batch, cause: Exception, *, is_sent: bool) -> None:
        """Fail the calls of a batch. One that could not be sent in time may be later, for those who came later."""
        calls = batch.waiting
        text = cause if isinstance(cause, LogError) else repr(cause)
        if isinstance(cause, TimeoutError):
            text = f"Kafka did not acknowledge it within {PATIENCE:.0f} s"
            if not is_sent:
                now = asyncio.get_running_loop().time()
                calls = [call for call in calls if call.deadline <= now]
        log.warning("log.append_failed", topic=partition.topic, partition=partition.number, error=str(text))
        for call in calls:
            error = LogError(f"append to {partition.topic}:{partition.number} at {self._bootstrap} failed: {text}")
            error.__cause__ = cause
            call.fail(error)

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
                    max_batch_size=_FULL,
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


def _size_of(headers: _Listed) -> int:
    return sum(len(name.encode()) + len(told) for name, told in headers)
