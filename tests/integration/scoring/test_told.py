"""What playbooks did stands on the timeline."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import DAY, HOUR, NOON, PERSON, event, seats, usage

from csmodels.envelope import Event

RUN = {"run": "r1", "playbook": "rescue", "version": 2, "trigger": "scoring:acme:3"}
WHO = PERSON.format(1)
PLAYBOOK: dict[str, Any] = {"source": "playbook"}


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, scopes=("read", "write", "people")) as one:
        await one.append(seats("acme", NOON - DAY, 4), usage("acme", NOON - DAY))
        yield one


def task(status: str = "open", account: str = "acme", at: Any = NOON, **fields: Any) -> Event:
    type_ = {"open": "task.created", "completed": "task.completed", "cancelled": "task.changed"}[status]
    return event(type_, account, at, {"task": "t1", "run": "r1", "status": status, "owner": "sam", **fields})


async def told(scoring: Running, **asked: Any) -> list[dict[str, Any]]:
    items = (await scoring.get("/v1/accounts/acme/timeline", **asked))["items"]
    return [item for item in items if item["kind"] in ("task", "run", "email")]


async def test_tasks_runs_and_emails_are_told_the_newest_first(scoring: Running) -> None:
    await scoring.tell(
        event("run.started", "acme", NOON, RUN),
        task(at=NOON + HOUR),
        event("email.sent", "acme", NOON + 2 * HOUR, {"effect": "e1", "run": "r1", "person": WHO}),
        task("completed", at=NOON + 3 * HOUR, outcome="reached"),
        event("run.ended", "acme", NOON + 4 * HOUR, {**RUN, "reason": "completed"}),
        event("webhook.failed", "acme", NOON + 5 * HOUR, {"effect": "e2", "endpoint": "crm"}),
    )

    entries = await told(scoring)

    assert [(each["kind"], each["data"]["what"]) for each in entries] == [
        ("run", "ended"), ("task", "completed"), ("email", "sent"), ("task", "created"), ("run", "started"),
    ]  # fmt: skip
    assert entries[0]["data"] == {
        "what": "ended", "run": "r1", "playbook": "rescue", "version": 2, "reason": "completed",
    }  # fmt: skip
    assert entries[1]["data"]["outcome"] == "reached"
    assert entries[2]["data"]["person"] == WHO


async def test_a_repeated_event_is_told_once(scoring: Running) -> None:
    await scoring.tell(task(), task())
    await scoring.tell(task())

    assert len(await told(scoring)) == 1


async def test_many_entries_of_one_moment_are_each_on_one_page(scoring: Running) -> None:
    await scoring.tell(*(task(id=f"e{n}") for n in range(7)))
    await scoring.post("/v1/accounts/acme/notes", {"text": "n"})

    found, cursor = [], None
    while True:
        place: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = await scoring.get("/v1/accounts/acme/timeline", limit=2, **place)
        assert len(page["items"]) <= 2
        found += page["items"]
        if (cursor := page["next"]) is None:
            break

    assert sum(each["kind"] == "task" for each in found) == 7
    assert sum(each["kind"] == "note" for each in found) == 1
    assert len({each["id"] for each in found}) == len(found)


async def test_who_was_erased_is_not_named(scoring: Running) -> None:
    await scoring.tell(event("email.sent", "acme", NOON, {"effect": "e1", "person": WHO}))

    await scoring.append(event("person.erased", "acme", NOON, {"person": WHO}))

    (entry,) = await told(scoring)
    assert "person" not in entry["data"]


async def test_an_erased_account_that_comes_back_has_nothing_of_before(scoring: Running) -> None:
    await scoring.tell(task())
    await scoring.send("DELETE", "/v1/accounts/acme")
    await scoring.tell(task("cancelled", at=NOON + HOUR, reason="no_longer_needed"))

    await scoring.append(seats("acme", NOON + DAY, 4))

    assert await told(scoring) == []
    await scoring.tell(task(at=NOON + 2 * DAY, task="t2"))
    assert [each["data"]["task"] for each in await told(scoring)] == ["t2"]


async def test_what_a_playbook_did_before_the_account_is_scored_is_not_lost(scoring: Running) -> None:
    await scoring.tell(task(account="later"))
    await scoring.append(seats("later", NOON, 4))

    items = (await scoring.get("/v1/accounts/later/timeline"))["items"]

    assert [item["kind"] for item in items if item["kind"] != "health"] == ["task"]
