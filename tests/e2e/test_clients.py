"""Real clients, unmodified, while ingest and the log are killed: what was acknowledged is there, and counted once."""

import asyncio
import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.chaos.snapshot import looking
from tests.clients.drivers import NODE, PYTHON, STRIPE, Client, Driver, driving
from tests.clients.errand import ACCOUNTS
from tests.running import node
from tests.running.systems import System
from tests.running.worlds import read_topic, until, until_folded

from allinone.commands.keys import make_key
from cskit.auth import INGEST
from cskit.db import Database
from cskit.settings import read_settings
from csmodels.topics import CUSTOMER_EVENTS
from scoring import tables
from scoring.engine.codec import decode_month, decode_slow
from scoring.engine.register import newest

# `alone`: it kills the broker that the others use
pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(600)]

EVENTS = 1_000  # of each client
PAUSE = 0.02  # seconds between two
BEGUN, AHEAD = 20, 200  # events of a third that each client has handed over at a kill, and those it may go on with
SECONDS = 180.0
RESTART = "KIZASHI_TEST_KAFKA_RESTART"
# All at the same time, so that each kill is one for all of them; without Node.js those for Python alone
CLIENTS = [pytest.param((*PYTHON, *NODE), marks=pytest.mark.node, id="all")]
if node.MISSING is not None:
    CLIENTS.append(pytest.param(PYTHON, id="python"))


async def key_of(system: System, client: Client) -> str:
    """What the client shows: a key of its own, or the secret that its source shares with us."""
    if client.name != STRIPE:
        return make_key(read_settings(system.environment), client.name, [INGEST], None, None)
    secret = "whsec_a_secret_that_is_long_enough"
    async with system.client("ingest") as ingest:
        answer = await ingest.put(f"/v1/sources/{client.name}", json={"kind": "stripe", "secret": secret})
    assert answer.status_code == 200, answer.text
    return secret


@asynccontextmanager
async def at_work(system: System, clients: Sequence[Client], folder: Path) -> AsyncIterator[list[Driver]]:
    """All of these clients, sending at the same time."""
    keys = {client.name: await key_of(system, client) for client in clients}
    async with AsyncExitStack() as stack:
        drivers = [
            driving(client, folder, url=system.urls["ingest"], key=keys[client.name], pause=PAUSE) for client in clients
        ]
        yield [await stack.enter_async_context(driver) for driver in drivers]


async def amid(drivers: Sequence[Driver], share: float) -> None:
    """Wait until each client has handed over this share of its events and is in the middle of more."""
    share_of_each = int(share * EVENTS)
    for given, wanted in ((share_of_each, share_of_each), (share_of_each + AHEAD, share_of_each + BEGUN)):
        for driver in drivers:
            await driver.hand_over(given)
        deadline = time.monotonic() + SECONDS
        while min(len(driver.ids) for driver in drivers) < wanted:
            assert time.monotonic() < deadline, "\n".join(driver.said() for driver in drivers)
            await asyncio.sleep(0.02)


async def delivered(drivers: Sequence[Driver]) -> None:
    """Let them hand over the rest, and wait until each has ended well."""
    for driver in drivers:
        await driver.hand_over(EVENTS, last=True)
    for driver in drivers:
        assert await driver.ended(SECONDS) == 0, driver.said()


async def kill_ingest(system: System) -> None:
    """kill -9, and start it again. Embedded, one process is all there is."""
    process = system.processes["kizashi" if "kizashi" in system.processes else "ingest"]
    await process.kill()
    await process.start()
    await process.ready()


async def kill_log(system: System) -> None:
    if "kizashi" in system.processes:
        await kill_ingest(system)
        return
    broker = await asyncio.create_subprocess_shell(f"{os.environ[RESTART]} --kill")
    assert await broker.wait() == 0


async def sent_ids(system: System) -> tuple[Mapping[str, set[str]], Mapping[int, int]]:
    """The ids of the events on the topic by their source, and where its partitions end."""
    async with looking(system.environment) as platform:  # anew: an embedded log knows its own appends only
        ends = await platform.log.end_offsets(CUSTOMER_EVENTS)
        ids: dict[str, set[str]] = defaultdict(set)
        for record in await read_topic(platform.log, CUSTOMER_EVENTS):
            event = json.loads(record.value or b"")
            if event["type"] in ("usage.tracked", "invoice.changed"):
                ids[event["source"]].add(event["id"])
        return ids, ends


async def until_there(system: System, handed: Mapping[str, set[str]]) -> Mapping[int, int]:
    """Where the topic's partitions end, once all of these ids by source are on it."""

    async def all_of_them() -> Mapping[int, int] | None:
        sent, ends = await sent_ids(system)
        return ends if all(ids <= sent[name] for name, ids in handed.items()) else None

    return await until("every acknowledged event on the topic", all_of_them, SECONDS)


async def usage_counts(database: Database) -> Mapping[str, int]:
    """How many usage events scoring has counted, by account."""
    counts: Counter[str] = Counter()
    async with database.read() as tx:
        for row in await tx.fetch(select(tables.account_months)):
            counts[row.account] += sum(decode_month(row.body).events)
    return counts


async def paid_invoices(database: Database) -> Mapping[str, int]:
    """How many invoices scoring knows by account, all of them paid."""
    async with database.read() as tx:
        rows = await tx.fetch(select(tables.account_slow))
    invoices = {row.account: decode_slow(row.body).invoices for row in rows}
    assert all(newest(each, "paid_at") is not None for held in invoices.values() for each in held.values())
    return {account: len(held) for account, held in invoices.items() if held}


@pytest.mark.parametrize("clients", CLIENTS)
async def test_all_that_was_acknowledged_is_on_the_topic_and_each_id_is_counted_once(
    system: System, clients: Sequence[Client], tmp_path: Path
) -> None:
    if NODE[0] in clients:
        try:
            await node.ready()
        except node.Missing as missing:
            pytest.skip(str(missing))
    if "kizashi" not in system.processes and not os.environ.get(RESTART):
        pytest.skip(f"{RESTART} is not set")

    async with at_work(system, clients, tmp_path) as drivers:
        await amid(drivers, 1 / 3)
        await kill_ingest(system)
        await amid(drivers, 2 / 3)
        await kill_log(system)
        await delivered(drivers)
    handed = {driver.client.name: set(driver.ids) for driver in drivers}

    ends = await until_there(system, handed)
    async with looking(system.environment) as platform:
        await until_folded(platform.database("scoring"), ends)
        counts = await usage_counts(platform.database("scoring"))
        invoices = await paid_invoices(platform.database("scoring"))

    assert [name for name, process in system.processes.items() if not process.runs] == []
    assert {name: len(ids) for name, ids in handed.items()} == dict.fromkeys(handed, EVENTS)
    tracked = [name for name in handed if name != STRIPE]
    assert counts == {f"{name}-{place}": EVENTS // ACCOUNTS for name in tracked for place in range(ACCOUNTS)}
    of_stripe = {f"{STRIPE}-{place}": EVENTS // 2 // ACCOUNTS for place in range(ACCOUNTS)}
    assert invoices == (of_stripe if STRIPE in handed else {})
