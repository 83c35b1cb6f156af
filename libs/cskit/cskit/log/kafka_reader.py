"""A reader of a Kafka topic without a group: no coordinator, no rebalance, nothing committed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from cskit.log import kafka_lots
from cskit.log.base import LogError, OffsetOutOfRange, Record
from cskit.log.kafka_connection import PATIENCE
from cskit.log.kafka_consumer import READING, leave, record_of

log = structlog.get_logger(__name__)

_AGAIN = 0.1  # seconds after an error that passes


class KafkaReader:
    """See base.Reader."""

    def __init__(self, topic: str, offsets: Mapping[int, int], options: Mapping[str, Any]) -> None:
        self._topic = topic
        self._offsets = dict(offsets)
        self._options = options
        self._kafka: Any = None

    async def start(self) -> None:
        """Connect and stand at the offsets. Raises LogError when Kafka is unreachable."""
        kafka_lots.install()  # before any answer is at hand: a consumer that starts later must not find old ones
        kafka: Any = AIOKafkaConsumer(**self._options, **READING, group_id=None)  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(PATIENCE):
                await kafka.start()
        except BaseException as error:  # also where whoever wanted to read has left meanwhile
            await leave(kafka, f"reader of {self._topic}")
            if isinstance(error, kafka_errors.KafkaError | OSError | TimeoutError):
                raise LogError(f"a reader of {self._topic} cannot connect to Kafka: {error!r}") from error
            raise
        kafka.assign([TopicPartition(self._topic, number) for number in self._offsets])
        for number, offset in self._offsets.items():
            kafka.seek(TopicPartition(self._topic, number), offset)
        self._kafka = kafka

    async def poll(self, *, max_records: int, timeout: float) -> Sequence[Record]:
        """See base.Reader."""
        if self._kafka is None:
            raise LogError(f"the reader of {self._topic} does not run")
        try:
            fetched = await self._kafka.getmany(timeout_ms=int(timeout * 1000), max_records=max_records)
        except kafka_errors.OffsetOutOfRangeError as error:
            raise OffsetOutOfRange(f"{self._topic}: the log does not hold these offsets: {error.args[0]}") from error
        except (kafka_errors.KafkaError, OSError) as error:
            if isinstance(error, kafka_errors.KafkaError) and not error.retriable:
                raise LogError(f"a reader of {self._topic} cannot read on: {error!r}") from error
            log.warning("log.poll_failed", topic=self._topic, error=repr(error))
            await asyncio.sleep(min(timeout, _AGAIN))
            return []
        return [record_of(record) for records in fetched.values() for record in records]

    async def stop(self) -> None:
        """See base.Reader."""
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await leave(kafka, f"reader of {self._topic}")
