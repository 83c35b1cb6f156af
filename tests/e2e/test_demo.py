"""`kizashi demo`: what thirty days of a made-up company show, and how it starts, stops and goes on."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from tests.running.demos import demo
from tests.running.processes import ended
from tests.running.worlds import until

from allinone.demo.command import furnish, living
from allinone.demo.history import until_caught_up
from allinone.demo.options import Options
from allinone.demo.stage import Stage, staged
from allinone.demo.words import ENGLISH
from cskit.settings import Settings, TestHooks
from csworld import Customer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

ACCOUNTS = 60
LIVED = timedelta(days=30)
SPEED = 6 * 3600.0  # thirty days in two minutes: what two cores can follow with ease
SECONDS = 240.0


async def get(client: httpx.AsyncClient, path: str, **params: str) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


async def every(client: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, Any]]:
    """All items of a list."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next": ""}
    while page["next"] is not None:
        page = await get(client, path, limit="500", **params, **({"cursor": page["next"]} if page["next"] else {}))
        found += page["items"]
    return found


# Thirty days


def largest(changes: Mapping[str, float], direction: str) -> str:
    """The measure that moved a score most in a direction."""
    sign = -1 if direction == "fall" else 1
    return max(changes, key=lambda measure: sign * changes[measure])


def row_that_shows(
    before: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], customer: Customer
) -> Mapping[str, Any] | None:
    """The row where the score has gone furthest the way that the story goes, by the measure that the story moves."""
    fate = customer.fate
    assert fate.direction is not None
    sign = -1 if fate.direction == "fall" else 1

    def shows(row: Mapping[str, Any]) -> bool:
        changes = {name: points - before["contributions"].get(name, 0) for name, points in row["contributions"].items()}
        return sign * (row["score"] - before["score"]) > 0 and largest(changes, fate.direction or "") == fate.measure

    return max(filter(shows, rows), key=lambda row: sign * row["score"], default=None)


async def is_seen(stage: Stage, customer: Customer) -> bool:
    """Whether the account's own explanation of its change since the story began names what the story moves."""
    fate = customer.fate
    begins = datetime.combine(fate.begins_on, datetime.min.time(), tzinfo=ZoneInfo(customer.time_zone))
    if fate.direction is None or not stage.marker.origin < begins < stage.clock.now():
        return False
    path = f"/v1/accounts/{customer.id}"
    rows = await every(stage.admin, f"{path}/history", **{"from": stage.marker.origin.isoformat()})
    before = [row for row in rows if datetime.fromisoformat(row["at"]) < begins]
    if not before:
        return False
    found = row_that_shows(before[-1], rows[len(before) :], customer)
    if found is None:
        return False
    moments = {"from": before[-1]["at"], "to": found["at"]}
    explained = await get(stage.admin, f"{path}/explanation", **moments)
    changes = {each["measure"]: each["data"] for each in explained["measures"]}
    return largest(changes, fate.direction) == fate.measure


async def delivered(stage: Stage) -> list[str] | None:
    """The ids of all webhooks that playbooks sent, once none is on its way any more."""
    sent = await every(stage.admin, "/v1/webhook-endpoints/crm/deliveries")
    return None if any(each["status"] in ("pending", "sending") for each in sent) else [each["id"] for each in sent]


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_thirty_days_show_every_story_by_its_own_measure(seed: int, tmp_path: Path) -> None:
    options = Options(folder=tmp_path / "demo", accounts=ACCOUNTS, seed=seed, speed=SPEED, port=0)
    told: list[str] = []
    async with staged(options, Settings(), TestHooks()) as stage:
        await furnish(stage, ENGLISH, told.append)
        stories = {each.fate.storyline for each in stage.world.customers} - {"steady"}

        assert len(stories) == 8
        assert len(await every(stage.admin, "/v1/accounts")) == ACCOUNTS
        assert await every(stage.admin, "/v1/runs") == []  # the past starts nothing
        assert await every(stage.admin, "/v1/tasks") == []
        assert stage.receiver.counts == {}

        async with living(stage, ENGLISH, told.append):
            await stage.clock.sleep_until(stage.marker.origin + LIVED)
        await asyncio.wait_for(until_caught_up(stage.server, lambda *_: None, 0), SECONDS)
        sent = await until("the last webhook", lambda: delivered(stage), SECONDS)
        seen = {each.fate.storyline for each in stage.world.customers if await is_seen(stage, each)}
        completed = await every(stage.admin, "/v1/tasks", status="completed")
        meant = {each["id"]: stage.world.reaction(each["id"], each["account"]).outcome for each in completed}

    assert seen == stories
    assert completed
    assert {each["id"]: each["outcome"] for each in completed} == meant  # "": nobody was to complete it
    assert sorted(stage.receiver.counts) == sorted(sent)
    assert set(stage.receiver.counts.values()) == {1}
    assert stage.receiver.refused == 0
    assert not stage.tally.failed
    assert any(" fell from " in line and "; playbook " in line for line in told), told


# Starting, stopping, going on


SMALL = ("--accounts", "10", "--speed", "6h/s")


@pytest.mark.long
async def test_it_can_be_stopped_at_any_moment_and_started_again(tmp_path: Path) -> None:
    moments = ("Open http://", "Loading 120 days of", "events loaded in", "Time runs 6h/s", "\n  and ")
    for moment in moments:
        async with demo(tmp_path, *SMALL) as one:
            await one.says(moment)
            await one.press_ctrl_c()
            assert "Nothing failed." in one.text, one.text


async def test_a_demo_goes_on_in_its_own_time_and_no_server_takes_its_folder(tmp_path: Path) -> None:
    async with demo(tmp_path, *SMALL, "--exit-after", "8") as first:
        assert await asyncio.wait_for(first.process.wait(), SECONDS) == 0, first.text
        begun = first.text
    async with demo(tmp_path, "--speed", "1h/s") as second:
        await second.says("Time runs 1h/s")
        await second.press_ctrl_c()
        gone_on = second.text
    other = await ended(*("demo", "--data", str(tmp_path / "demo"), "--seed", "9"), environment={})
    server = await ended(*("serve", "--port", "0", "--data", str(tmp_path / "demo")), environment={})

    assert "10 accounts scored" in begun
    assert "The demo goes on where it stopped: 10 customers" in gone_on
    assert "events loaded" not in gone_on
    assert (other.status, server.status) == (2, 1)
    assert "--seed 1" in other.err
    assert "kizashi demo --data" in server.err
