"""One event all the way: SDK -> score -> playbook -> task and signed webhook; and an answer back onto the bus."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import segment.analytics
from tests.running.receiver import Receiver, receiving
from tests.running.systems import System
from tests.running.worlds import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ACCOUNT = "akagi-valve"
FEATURES = ("report.created", "report.shared", "order.created", "stock.counted")
PEOPLE = [f"user-{n}" for n in range(8)]
SECONDS = 60.0


async def get(client: httpx.AsyncClient, path: str, **params: str) -> Any:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


def stream_a_year_of_use(system: System) -> None:
    """What a product backend does with the unmodified SDK: who they are, where they belong, what they do."""
    errors: list[str] = []
    client = segment.analytics.Client(
        system.key,
        host=system.urls["ingest"],
        gzip=True,
        upload_interval=0.1,
        on_error=lambda error, _: errors.append(str(error)),
    )
    now = datetime.now(UTC)
    for user in PEOPLE:
        client.identify(user, {"email": f"{user}@example.com", "name": user})
        client.group(user, ACCOUNT, {"name": "Akagi Valve Works", "plan": "team", "seats": 10, "owner": "hana"})
    for day in range(100, 0, -1):
        for user in PEOPLE:
            client.track(user, FEATURES[day % len(FEATURES)], {"pages": 3}, timestamp=now - timedelta(days=day))
    client.flush()
    client.join()
    assert errors == []


def adds_up(health: dict[str, Any]) -> bool:
    parts = [each["contribution"] for each in health["contributions"]] + [
        each["points"] for each in health["adjustments"]
    ]
    return abs(health["reference"] + sum(parts) - health["score"]) < 1e-9


def measure(health: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in health["contributions"] if each["measure"] == name)
    return found


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def prepare(system: System, receiver: Receiver) -> None:
    async with system.client("playbook") as playbook:
        hana = {"id": "hana", "name": "Hana Sato", "email": "hana@example.com", "role": "csm", "country": "JP"}
        member = {**hana, "time_zone": "Asia/Tokyo", "locale": "ja", "capacity": 40}
        answer = await playbook.post("/v1/staff", json=member)
        assert answer.status_code == 201, answer.text
        endpoint = {"id": "crm", "url": receiver.url, "types": ["task.created"]}
        answer = await playbook.post("/v1/webhook-endpoints", json=endpoint)
        assert answer.status_code == 201, answer.text
        receiver.secret = answer.json()["secret"]


async def test_a_drop_becomes_one_task_and_one_signed_webhook_and_an_answer_moves_the_score(system: System) -> None:
    async with receiving() as receiver, system.client("scoring") as scoring, system.client("playbook") as playbook:
        await prepare(system, receiver)
        await asyncio.to_thread(stream_a_year_of_use, system)

        async def healthy() -> dict[str, Any] | None:
            answer = await scoring.get(f"/v1/accounts/{ACCOUNT}/health")
            found: dict[str, Any] = answer.json()
            used = answer.status_code == 200 and measure(found, "active_share")["status"] == "fresh"
            return found if used and found["band"] == "green" else None

        before = await until("a green score from a year of use", healthy, SECONDS)
        assert adds_up(before)
        assert (await get(playbook, "/v1/runs"))["items"] == []  # the past starts nothing

        await a_ticket_grows_old(system)

        async def red() -> dict[str, Any] | None:
            found: dict[str, Any] = await get(scoring, f"/v1/accounts/{ACCOUNT}/health")
            return found if found["band"] == "red" else None

        dropped = await until("red by the cap of an old severity 1 ticket", red, SECONDS)
        assert dropped["score"] <= 49
        assert adds_up(dropped)
        assert [each["kind"] for each in dropped["adjustments"]] == ["cap"]
        assert at(dropped["occurred_at"]) <= at(dropped["received_at"]) <= at(dropped["scored_at"])

        async def told() -> tuple[str, dict[str, Any]] | None:
            return next((each for each in receiver.of_type("task.created")), None)

        webhook_id, payload = await until("the webhook of the task", told, SECONDS)
        tasks = (await get(playbook, "/v1/tasks", account=ACCOUNT))["items"]
        assert [(task["playbook"], task["owner"], task["status"]) for task in tasks] == [
            ("rescue-declining-usage", "hana", "open")
        ]
        assert payload["data"]["task"] == tasks[0]["id"]
        assert webhook_id

        await a_detractor_answers(system)

        async def answered() -> dict[str, Any] | None:
            found: dict[str, Any] = await get(scoring, f"/v1/accounts/{ACCOUNT}/health")
            return found if measure(found, "nps")["status"] == "fresh" else None

        after = await until("the answer in the score", answered, SECONDS)
        assert adds_up(after)
        assert measure(after, "nps")["contribution"] < 0

        async def followed_up() -> list[dict[str, Any]] | None:
            found = (await get(playbook, "/v1/tasks", account=ACCOUNT))["items"]
            return found if len(found) > 1 else None

        tasks = await until("the task of the detractor's playbook", followed_up, SECONDS)
        assert sorted(task["playbook"] for task in tasks) == ["detractor-follow-up", "rescue-declining-usage"]
        assert f"{after['score']:.1f}" in await a_leader_looks(system)
        history = (await get(scoring, f"/v1/accounts/{ACCOUNT}/history"))["items"]
        versions = sorted(row["version"] for row in history if row["version"] is not None)
        assert versions == list(range(1, len(versions) + 1))
        assert receiver.refused == []
        ids = [each for each, _, _ in receiver.received]
        assert len(ids) == len(set(ids))


async def a_ticket_grows_old(system: System) -> None:
    """A severity 1 ticket that was opened three SLAs ago."""
    now = datetime.now(UTC)
    ticket = {
        "id": "ticket-1",
        "type": "ticket.changed",
        "account": ACCOUNT,
        "time": now.isoformat(),
        "data": {
            "ticket": "T-1",
            "severity": 1,
            "status": "open",
            "opened_at": (now - timedelta(hours=12)).isoformat(),
        },
    }
    async with system.client("ingest") as ingest:
        answer = await ingest.post("/v1/events", json={"events": [ticket]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["accepted"] == 1, answer.text


async def a_detractor_answers(system: System) -> None:
    """Somebody is invited, opens the page (which writes nothing) and posts a 3."""
    async with system.client("ingest") as ingest:
        people = await get(ingest, "/v1/people", user=PEOPLE[0])
    async with system.client("survey") as survey:
        wanted = {"account": ACCOUNT, "person": people["items"][0]["id"], "locale": "ja"}
        invited = await survey.post("/v1/surveys/nps/invitations", json=wanted)
        assert invited.status_code == 201, invited.text
    async with httpx.AsyncClient(trust_env=False, timeout=30) as browser:
        url = invited.json()["url"]
        page = await browser.get(url, params={"score": "9"})
        assert page.status_code == 200
        assert 'lang="ja"' in page.text
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        sent = await browser.post(url, data={**hidden, "score": "3"})
        assert sent.status_code in (200, 303), sent.text


async def a_leader_looks(system: System) -> str:
    """The account's page, after signing in by a link."""
    async with system.client("console") as console:
        made = await console.post("/v1/sign-in-links", json={"staff": "hana", "role": "leader"})
        assert made.status_code == 201, made.text
    link = httpx.URL(made.json()["url"])
    async with httpx.AsyncClient(base_url=system.urls["console"], trust_env=False, timeout=30) as browser:
        door = await browser.get(link.raw_path.decode())
        assert door.status_code == 200, door.text
        signed_in = await browser.post("/sign-in", data={"token": link.params["token"]})
        assert signed_in.status_code == 303, signed_in.text
        page = await browser.get(f"/accounts/{ACCOUNT}")
        assert page.status_code == 200, page.text
        return page.text
