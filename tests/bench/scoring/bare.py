"""A bare aiokafka loop: getmany from the start of a topic to its end, and nothing done with the records.

`python -m tests.bench.scoring.bare BOOTSTRAP TOPIC EVENTS`; one line of JSON at the end.
"""

import json
import resource
import sys
import time
from dataclasses import asdict
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from tests.bench.scoring.costs import Measured

from cskit.log.kafka_consumer import READING
from csmodels.topics import PARTITIONS

_RECORDS = 2_000  # a batch, as the runner asks for them


async def main(bootstrap: str, topic: str, events: int) -> Measured:
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=bootstrap, **READING)  # type: ignore[no-untyped-call]
    await consumer.start()
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)
    seen = warm = 0
    warm_at = warm_cpu = 0.0
    while seen < events:
        batch = await consumer.getmany(timeout_ms=1_000, max_records=_RECORDS)
        seen += sum(map(len, batch.values()))
        if not warm and seen >= events // 20:
            warm, warm_at, warm_cpu = seen, time.perf_counter(), time.process_time()
    wall, cpu = time.perf_counter() - warm_at, time.process_time() - warm_cpu
    await consumer.stop()
    return Measured(
        events_per_s=(events - warm) / wall,
        cpu_us=cpu / (events - warm) * 1e6,
        rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    )


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))))))
