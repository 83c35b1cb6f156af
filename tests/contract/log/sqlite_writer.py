"""Appends without end, and prints what is acknowledged, to be killed: sqlite_writer.py FILE TOPIC"""

import asyncio
import itertools
import sys
import time
from pathlib import Path

from cskit.log import NewRecord
from cskit.log.sqlite import SqliteLog


async def main(path: str, topic: str) -> None:
    log = SqliteLog(Path(path), now_ms=lambda: time.time_ns() // 1_000_000)
    await log.start()
    await log.ensure_topics([topic], 2)

    async def call(caller: int) -> None:
        for n in itertools.count():
            value = b"%d:%d" % (caller, n)
            (offset,) = await log.append([NewRecord(topic, caller % 2, None, value)])
            print(caller % 2, offset, value.decode(), flush=True)

    await asyncio.gather(*(call(caller) for caller in range(8)))


asyncio.run(main(*sys.argv[1:]))
