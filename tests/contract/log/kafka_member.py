"""A group member in a process of its own, to be killed: kafka_member.py BOOTSTRAP GROUP TOPIC..."""

import asyncio
import importlib
import json
import sys

from cskit.log import Partition
from cskit.testing.log import Member, member


async def main(bootstrap: str, group: str, *topics: str) -> None:
    log = importlib.import_module("cskit.log.kafka").KafkaLog(bootstrap, client_id="doomed")
    await log.start()
    async with member(log, group, topics) as doomed:
        await report(doomed)


async def report(doomed: Member) -> None:
    said: frozenset[Partition] = frozenset()
    while True:
        await doomed.poll()
        if doomed.owned != said:
            said = doomed.owned
            print(json.dumps(sorted(said)), flush=True)


asyncio.run(main(*sys.argv[1:]))
