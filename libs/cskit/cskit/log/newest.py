"""How late it is by the log itself."""

from cskit.log.base import Log


async def newest_ms(log: Log, topic: str) -> int:
    """The newest append time of a topic, in milliseconds since 1970; 0 if it is empty. Raises LogError."""
    begins, ends = await log.begin_offsets(topic), await log.end_offsets(topic)
    reader = await log.reader(topic, {number: max(begins[number], end - 1) for number, end in ends.items()})
    newest = 0
    try:
        for _ in range(sum(end > begins[number] for number, end in ends.items())):
            for record in await reader.poll(max_records=1, timeout=1.0):
                newest = max(newest, record.timestamp_ms)
    finally:
        await reader.stop()
    return newest
