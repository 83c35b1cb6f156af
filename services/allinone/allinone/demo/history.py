"""The past: sent by a process of its own, and scored before time begins to pass."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx
from sqlalchemy import func, select

from allinone.commands.doctor import READS
from allinone.composition import SERVICES, plumbing_of
from allinone.demo.folder import Marker
from allinone.demo.tally import NotDone, checked
from allinone.embedded import Embedded
from cskit.claims import read_offsets
from cskit.db import Database
from cskit.log import Partition
from csmodels.topics import CUSTOMER_EVENTS

_LOOK_EVERY: Final = 0.25  # seconds
_PAGE: Final = 500

Shown = Callable[[int, int, int], None]  # events in all, sent and scored so far


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded, and how long the log took it."""

    events: int
    seconds: float


class Loader:
    """The process that makes the past; it begins at once, and sends when it is told where the server is."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def send(self, server: Embedded, key: str, shown: Shown) -> Loaded:
        """Return once the server has taken everything. Raises NotDone with what the process complained of."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        started = time.monotonic()
        self._process.stdin.write(json.dumps({"url": server.url, "key": key}).encode() + b"\n")
        await self._process.stdin.drain()
        total = sent = 0
        async for line in self._process.stdout:
            said = json.loads(line)
            if "failed" in said:
                raise NotDone(f"The history could not be loaded. {said['failed']}")
            total, sent = said.get("total", total), said.get("sent", sent)
            shown(total, sent, await _scored(server))
        status = await self._process.wait()
        if status != 0 or sent != total:
            raise NotDone(f"The history could not be loaded: its process ended with {status} after {sent} events.")
        return Loaded(total, time.monotonic() - started)


@asynccontextmanager
async def loading(marker: Marker) -> AsyncIterator[Loader]:
    """The process that makes the marker's past; it does not outlive the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "allinone.demo.loader", stdin=PIPE, stdout=PIPE, start_new_session=True
    )  # in a session of its own: Ctrl-C is for the server, which then ends this
    try:
        assert process.stdin is not None
        wanted = {
            "seed": marker.seed, "accounts": marker.accounts, "days": marker.days, "now": marker.origin.isoformat(),
        }  # fmt: skip
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        await process.stdin.drain()
        yield Loader(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_caught_up(server: Embedded, shown: Shown, total: int) -> None:
    """Return once every service has handled all that is on the log, and nothing waits to get there."""
    while not await _caught_up(server):
        shown(total, total, await _scored(server))
        await asyncio.sleep(_LOOK_EVERY)
    shown(total, total, total)


async def scored_accounts(admin: httpx.AsyncClient) -> int:
    """How many accounts have a score. Raises NotDone."""
    count = 0
    params: dict[str, Any] = {"limit": _PAGE}
    while True:
        page = checked(await admin.get("/v1/accounts", params=params)).json()
        count += sum(each["score"] is not None for each in page["items"])
        if page["next"] is None:
            return count
        params["cursor"] = page["next"]


async def _caught_up(server: Embedded) -> bool:
    """Looked at from the source on: what one service has yet to send, the next has yet to read."""
    for name in SERVICES:
        if not await _has_sent(server, name):
            return False
    for name in SERVICES:
        if not await _has_read(server, name, READS.get(name, ())):
            return False
    return all([await _has_sent(server, name) for name in SERVICES])


async def _has_sent(server: Embedded, name: str) -> bool:
    async with _database(server, name).read() as tx:
        (outbox,) = await tx.fetch(select(func.count().label("rows")).select_from(plumbing_of(name).outbox))
    return bool(outbox.rows == 0)


async def _has_read(server: Embedded, name: str, topics: Collection[str]) -> bool:
    offsets = await read_offsets(_database(server, name), plumbing_of(name), name)
    for topic in topics:
        ends = await server.platform.log.end_offsets(topic)
        if any(offsets.get(Partition(topic, number), 0) < end for number, end in ends.items()):
            return False
    return True


async def _scored(server: Embedded) -> int:
    """How many records scoring has folded."""
    offsets = await read_offsets(_database(server, "scoring"), plumbing_of("scoring"), "scoring")
    return sum(next_ for partition, next_ in offsets.items() if partition.topic == CUSTOMER_EVENTS)


def _database(server: Embedded, name: str) -> Database:
    database = server.services[name].database
    assert database is not None, "only the console has none"
    return database
