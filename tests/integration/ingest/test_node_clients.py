"""Real clients for Node.js, unmodified, on a real server: all they send is on the log, and none is told to retry."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.clients.drivers import NODE, Client, driving
from tests.integration.ingest.conftest import Server
from tests.integration.ingest.test_clients import Counted
from tests.running import node

pytestmark = pytest.mark.node

EVENTS = 50
SECONDS = 60.0
SOURCE = "product"  # of the server's key


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Server, list[Counted]]]:
    """It, and once it has started what counts its answers."""
    apps: list[Counted] = []

    def wrap(app: object) -> Counted:
        apps.append(Counted(app))
        return apps[0]

    try:
        node.prepare()
    except node.Missing as reason:
        pytest.skip(str(reason))
    one = Server(tmp_path, wrap)
    one.start()
    yield one, apps
    one.stop()


@pytest.mark.parametrize("client", NODE, ids=[client.name for client in NODE])
async def test_all_that_it_sends_is_on_the_log_and_each_answer_is_200(
    server: tuple[Server, list[Counted]], client: Client, tmp_path: Path
) -> None:
    one, apps = server

    async with driving(replace(client, name=SOURCE), tmp_path, url=one.url, key=one.key, pause=0.002) as driver:
        await driver.hand_over(EVENTS, last=True)
        status = await driver.ended(SECONDS)
    events = await asyncio.to_thread(one.stop)

    assert status == 0, driver.said()
    assert {status for _, status in apps[0].seen} == {200}
    usage = [event for event in events if event["type"] == "usage.tracked"]
    assert Counter(event["id"] for event in usage) == Counter(driver.ids)
    assert len(driver.ids) == EVENTS
    assert {event["subject"] for event in events} == {f"{SOURCE}-{place}" for place in range(5)}
    assert {event["data"]["properties"]["pages"] for event in usage} == {3}
