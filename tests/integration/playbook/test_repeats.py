"""A write that is sent again with its key changes nothing, whatever happened in between."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
from tests.integration.playbook.conftest import Stack, health

from playbook.tables import definitions, tasks

MINE = """\
id: mine
name: {en: Mine}
kind: renewal
trigger: {on: signal.seen}
steps:
  - webhook: {endpoint: crm}
"""
YOURS = MINE.replace("Mine", "Yours")


def ok(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


def key(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


async def active(stack: Stack) -> list[tuple[int, bool]]:
    return [(row["version"], row["active"]) for row in await stack.rows(definitions) if row["id"] == "mine"]


async def audited(stack: Stack) -> list[str]:
    return [each["action"] for each in ok(await stack.api.get("/v1/audit/playbook"))["items"]]


async def test_a_playbook_applied_again_with_its_key_does_not_come_back(stack: Stack) -> None:
    ok(await stack.api.post("/v1/playbooks", content=MINE, headers=key("a")), 201)
    ok(await stack.api.post("/v1/playbooks", content=YOURS, headers=key("b")), 201)
    before = await audited(stack)

    again = ok(await stack.api.post("/v1/playbooks", content=MINE, headers=key("a")))

    assert (again["version"], again["active"], again["changed"]) == (1, False, False)
    assert await active(stack) == [(1, False), (2, True)]
    assert await audited(stack) == before


async def test_so_does_one_whose_first_request_changed_nothing(stack: Stack) -> None:
    ok(await stack.api.post("/v1/playbooks", content=MINE), 201)
    ok(await stack.api.post("/v1/playbooks", content=MINE, headers=key("a")))
    ok(await stack.api.post("/v1/playbooks", content=YOURS), 201)

    ok(await stack.api.post("/v1/playbooks", content=MINE, headers=key("a")))

    assert await active(stack) == [(1, False), (2, True)]


async def test_without_a_key_the_same_text_is_applied_again(stack: Stack) -> None:
    for text in (MINE, YOURS, MINE):
        ok(await stack.api.post("/v1/playbooks", content=text), 201)

    assert await active(stack) == [(1, False), (2, False), (3, True)]


async def test_a_switch_again_with_its_key_answers_how_it_is_now(stack: Stack) -> None:
    ok(await stack.api.post("/v1/playbooks", content=MINE), 201)
    ok(await stack.api.patch("/v1/playbooks/mine", json={"active": False}, headers=key("off")))
    ok(await stack.api.patch("/v1/playbooks/mine", json={"active": True}, headers=key("on")))

    again = ok(await stack.api.patch("/v1/playbooks/mine", json={"active": False}, headers=key("off")))

    assert again["active"] is True
    assert await active(stack) == [(1, True)]


async def test_a_change_of_a_task_again_with_its_key_changes_nothing(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    path = f"/v1/tasks/{task['id']}"
    due = (stack.world.now() + timedelta(days=1)).isoformat()
    ok(await stack.api.patch(path, json={"owner": "s-8", "due_at": due}, headers=key("a")))
    moved = ok(await stack.api.patch(path, json={"owner": "s-9"}, headers=key("b")))
    stack.world.advance(timedelta(days=2))  # the due moment of the first request has passed since

    again = ok(await stack.api.patch(path, json={"owner": "s-8", "due_at": due}, headers=key("a")))

    assert again == moved
    done = ok(await stack.api.post(f"{path}/complete", json={"outcome": "reached", "note": "One."}, headers=key("c")))
    assert ok(await stack.api.patch(path, json={"owner": "s-8"}, headers=key("a"))) == done
    repeat = await stack.api.post(f"{path}/complete", json={"outcome": "other", "note": "Two."}, headers=key("c"))
    assert ok(repeat) == done


async def test_two_that_come_at_once_with_one_key_change_a_task_once(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    until = (stack.world.now() + timedelta(days=1)).isoformat()
    body = {"status": "snoozed", "snoozed_until": until, "reason": "customer_away"}

    both = await asyncio.gather(
        *(stack.api.patch(f"/v1/tasks/{task['id']}", json=body, headers=key("a")) for _ in range(4))
    )

    assert [answer.json()["version"] for answer in both] == [2] * 4


async def test_a_member_put_again_with_its_key_stays_as_it_is(stack: Stack) -> None:
    body = {"id": "s-1", "name": "Aya", "role": "csm", "time_zone": "Asia/Tokyo", "locale": "ja"}
    ok(await stack.api.put("/v1/staff/s-1", json=body, headers=key("a")))
    ok(await stack.api.put("/v1/staff/s-1", json={**body, "name": "Ken"}, headers=key("b")))

    assert ok(await stack.api.put("/v1/staff/s-1", json=body, headers=key("a")))["name"] == "Ken"
    assert (await stack.api.delete("/v1/staff/s-1", headers=key("c"))).status_code == 204
    assert (await stack.api.delete("/v1/staff/s-1", headers=key("c"))).status_code == 204
    assert (await stack.api.delete("/v1/staff/s-1", headers=key("d"))).status_code == 404


async def test_first_applies_that_come_at_once_all_succeed(stack: Stack) -> None:
    await stack.api.get("/v1/playbooks")
    texts = [MINE.replace("Mine", f"Mine {n % 5}") for n in range(10)]

    answers = await asyncio.gather(*(stack.api.post("/v1/playbooks", content=text) for text in texts))

    assert {answer.status_code for answer in answers} <= {200, 201}
    versions = await active(stack)
    assert sum(is_active for _, is_active in versions) == 1
    assert [number for number, _ in versions] == list(range(1, len(versions) + 1))
