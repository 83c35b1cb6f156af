"""Topics of events on Kafka, written by the appender that ingest writes with: one send_batch a partition and lot."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

from cskit.log.kafka import KafkaLog
from cskit.messages import event_record
from csmodels.envelope import Event
from csmodels.topics import ALL, CUSTOMER_EVENTS, PARTITIONS

_LOT: Final = 8_000  # records at once: 500 a partition


@asynccontextmanager
async def topics(kafka: str, prefix: str) -> AsyncIterator[KafkaLog]:
    """The topics of an installation of this prefix, deleted at the end; and the log that has them."""
    log = KafkaLog(kafka, client_id="bench")
    await log.start()
    names = [prefix + name for name in ALL]
    try:
        await log.ensure_topics(names, PARTITIONS)
        yield log
    finally:
        for name in names:
            await log.delete_topic(name)
        await log.close()


async def fill(log: KafkaLog, prefix: str, events: Iterable[Event]) -> int:
    """Append events of accounts; how many there were."""
    left, count = iter(events), 0
    while lot := [event_record(prefix + CUSTOMER_EVENTS, event) for event in islice(left, _LOT)]:
        await log.append(lot)
        count += len(lot)
    return count
