"""A log whose topics and groups carry a prefix underneath, so that tests share one Kafka without meeting."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from cskit.log import Consumer, Listener, Log, NewRecord, Partition, Reader, Record, Records


class PrefixedLog:
    """Log: the names seen from above are the plain ones."""

    def __init__(self, log: Log, prefix: str) -> None:
        self._log = log
        self._prefix = prefix

    async def start(self) -> None:
        await self._log.start()

    async def ensure_topics(self, topics: Sequence[str], partitions: int) -> None:
        await self._log.ensure_topics([self._prefix + topic for topic in topics], partitions)

    async def topic_id(self, topic: str) -> UUID:
        return await self._log.topic_id(self._prefix + topic)

    async def append(self, records: Sequence[NewRecord]) -> Sequence[int]:
        return await self._log.append([record._replace(topic=self._prefix + record.topic) for record in records])

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._log.begin_offsets(self._prefix + topic)

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._log.end_offsets(self._prefix + topic)

    async def trim(self, topic: str, before_ms: int, until: Mapping[int, int] | None = None) -> None:
        await self._log.trim(self._prefix + topic, before_ms, until)

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        inner = self._log.consumer(self._prefix + group, [self._prefix + topic for topic in topics])
        return _PrefixedConsumer(inner, self._prefix)

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> Reader:
        return _PrefixedReader(await self._log.reader(self._prefix + topic, offsets), topic)

    async def close(self) -> None:
        await self._log.close()


class _PrefixedReader:
    def __init__(self, reader: Reader, topic: str) -> None:
        self._reader = reader
        self._topic = topic

    async def poll(self, *, max_records: int, timeout: float) -> Sequence[Record]:
        polled = await self._reader.poll(max_records=max_records, timeout=timeout)
        return [record._replace(topic=self._topic) for record in polled]

    async def stop(self) -> None:
        await self._reader.stop()


class _PrefixedConsumer:
    def __init__(self, consumer: Consumer, prefix: str) -> None:
        self._consumer = consumer
        self._prefix = prefix

    async def start(self, listener: Listener) -> None:
        await self._consumer.start(_PrefixedListener(listener, self._prefix))

    async def poll(self, *, max_records: int, timeout: float) -> Mapping[Partition, Sequence[Record]]:
        polled = await self._consumer.poll(max_records=max_records, timeout=timeout)
        cut = len(self._prefix)
        return {
            Partition(partition.topic[cut:], partition.number): Records.of(records).of_topic(partition.topic[cut:])
            for partition, records in polled.items()
        }

    def seek(self, partition: Partition, offset: int) -> None:
        self._consumer.seek(Partition(self._prefix + partition.topic, partition.number), offset)

    async def reached(self) -> Mapping[Partition, int]:
        cut = len(self._prefix)
        return {Partition(each.topic[cut:], each.number): at for each, at in (await self._consumer.reached()).items()}

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        await self._consumer.commit(
            {Partition(self._prefix + each.topic, each.number): offset for each, offset in offsets.items()}
        )

    async def stop(self) -> None:
        await self._consumer.stop()


class _PrefixedListener:
    def __init__(self, listener: Listener, prefix: str) -> None:
        self._listener = listener
        self._prefix = prefix

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        offsets = await self._listener.on_assigned(self._plain(partitions))
        return {Partition(self._prefix + each.topic, each.number): offset for each, offset in offsets.items()}

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        await self._listener.on_revoked(self._plain(partitions))

    def _plain(self, partitions: frozenset[Partition]) -> frozenset[Partition]:
        return frozenset(Partition(each.topic.removeprefix(self._prefix), each.number) for each in partitions)
