"""The log on Apache Kafka (2.8 or newer), by aiokafka."""

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any
from uuid import UUID

from cskit.log.base import Consumer, NewRecord, Reader
from cskit.log.kafka_appender import Appender
from cskit.log.kafka_connection import KafkaSecurity, KafkaTopics, client_options
from cskit.log.kafka_consumer import KafkaConsumer
from cskit.log.kafka_reader import KafkaReader

__all__ = ["KafkaLog", "KafkaSecurity"]


class KafkaLog:
    """See base.Log. `replication` is that of new topics; -1 leaves it to the cluster."""

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str,
        security: KafkaSecurity | None = None,
        session_timeout_ms: int = 10_000,
        replication: int = -1,
    ) -> None:
        self._options = client_options(bootstrap, client_id, security)
        self._session_timeout_ms = session_timeout_ms
        self._topics = KafkaTopics(bootstrap, self._options, replication)
        self._appender = Appender(bootstrap, self._options)

    async def start(self) -> None:
        await self._topics.start()
        await self._appender.start()

    async def ensure_topics(self, topics: Sequence[str], partitions: int) -> None:
        await self._topics.ensure(topics, partitions)

    async def topic_id(self, topic: str) -> UUID:
        return await self._topics.topic_id(topic)

    def append(self, records: Sequence[NewRecord]) -> Coroutine[Any, Any, Sequence[int]]:
        return self._appender.append(records)  # not awaited here, which would hold the records until it has ended

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._topics.begin_offsets(topic)

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        return await self._topics.end_offsets(topic)

    async def trim(self, topic: str, before_ms: int, until: Mapping[int, int] | None = None) -> None:
        await self._topics.trim(topic, before_ms, until)

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return KafkaConsumer(group, topics, self._options, self._session_timeout_ms, self._topic_ids)

    async def reader(self, topic: str, offsets: Mapping[int, int]) -> Reader:
        reader = KafkaReader(topic, offsets, self._options)
        await reader.start()
        return reader

    async def delete_topic(self, topic: str) -> None:
        """Delete a topic with all its records and wait until it is gone. For tests."""
        await self._topics.delete(topic)

    async def close(self) -> None:
        await self._appender.close()
        await self._topics.close()

    async def _topic_ids(self, topics: Sequence[str]) -> Mapping[str, UUID]:
        return {name: topic.id for name, topic in (await self._topics.describe(topics)).items()}
