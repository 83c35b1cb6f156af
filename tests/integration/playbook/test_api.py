"""What people and programs ask of playbook over HTTP."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.integration.playbook.conftest import NOW, Stack, health, webhooks

from playbook.tables import runs, tasks

RESCUE = "rescue-declining-usage"
MINE = """\
id: mine
name: {en: Mine}
kind: renewal
trigger: {on: signal.seen}
steps:
  - webhook: {endpoint: crm}
"""


def ok(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json()


async def test_the_shipped_playbooks_are_on_from_the_first_start(stack: Stack) -> None:
    listed = ok(await stack.api.get("/v1/playbooks"))["items"]

    assert [(each["id"], each["version"], each["active"]) for each in listed] == [
        ("detractor-follow-up", 1, True),
        (RESCUE, 1, True),
    ]
    assert listed[1]["name"] == {"en": "Rescue declining usage", "ja": "利用低下の立て直し"}


async def test_applying_makes_a_version_once(stack: Stack) -> None:
    first = ok(await stack.api.post("/v1/playbooks", content=MINE), 201)
    again = ok(await stack.api.post("/v1/playbooks", content=MINE))
    second = ok(await stack.api.post("/v1/playbooks", content=MINE.replace("Mine", "Yours")), 201)

    assert (first["version"], first["changed"], again["version"], again["changed"]) == (1, True, 1, False)
    assert second["version"] == 2
    versions = ok(await stack.api.get("/v1/playbooks/mine/versions"))["items"]
    assert [(each["version"], each["active"]) for each in versions] == [(2, True), (1, False)]
    assert ok(await stack.api.get("/v1/playbooks/mine"))["document"].startswith("id: mine")


async def test_a_rollback_is_a_switch_to_an_older_version(stack: Stack) -> None:
    await stack.api.post("/v1/playbooks", content=MINE)
    await stack.api.post("/v1/playbooks", content=MINE.replace("Mine", "Yours"))

    ok(await stack.api.patch("/v1/playbooks/mine", json={"active": True, "version": 1}))

    assert ok(await stack.api.get("/v1/playbooks/mine"))["version"] == 1


async def test_a_mistake_comes_back_with_its_place(stack: Stack) -> None:
    refused = ok(await stack.api.post("/v1/playbooks", content=f"{MINE}  - email: {{}}\n"), 422)

    assert refused["code"] == "invalid_playbook"
    assert refused["mistakes"] == [
        {
            "line": 7,
            "column": 5,
            "field": "steps.2.email",
            "message": "Step 2 “email” is not available in this version; available: task, webhook.",
        }
    ]


async def test_a_run_is_started_by_hand_once_for_a_key(stack: Stack) -> None:
    await stack.fold(health(1, "green", "grey"))
    headers = {"Idempotency-Key": "k1"}

    first = ok(await stack.api.post(f"/v1/playbooks/{RESCUE}/runs", json={"account": "acme"}, headers=headers), 201)
    again = ok(await stack.api.post(f"/v1/playbooks/{RESCUE}/runs", json={"account": "acme"}, headers=headers))

    assert first == again
    assert (first["state"], first["trigger_type"]) == ("running", "hand")
    assert len(await stack.rows(tasks)) == 1
    assert ok(await stack.api.get("/v1/runs", params={"account": "acme"}))["items"] == [first]


async def test_a_task_is_completed_with_an_outcome_and_a_note_that_does_not_travel(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = ok(await stack.api.get("/v1/tasks", params={"account": "acme", "status": "open"}))["items"]
    body = {"outcome": "reached", "note": "Their champion is on leave."}

    done = ok(await stack.api.post(f"/v1/tasks/{task['id']}/complete", json=body))
    again = ok(await stack.api.post(f"/v1/tasks/{task['id']}/complete", json=body))

    assert done == again
    assert (done["status"], done["outcome"], done["note"]) == ("completed", "reached", body["note"])
    assert [event.type for event in await stack.outbox()][2:] == ["task.completed", "run.ended"]
    assert (await stack.rows(runs))[0]["reason"] == "completed"
    carried = repr(await stack.outbox()) + repr(await stack.rows(webhooks))
    assert "champion is on leave" not in carried


async def test_a_task_is_reassigned_and_moved(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    due = task["due_at"] + timedelta(days=3)

    changed = ok(await stack.api.patch(f"/v1/tasks/{task['id']}", json={"owner": "s-2", "due_at": due.isoformat()}))

    assert (changed["owner"], changed["due_at"], changed["version"]) == (
        "s-2",
        due.isoformat().replace("+00:00", "Z"),
        3,
    )
    assert ok(await stack.api.get("/v1/tasks", params={"owner": "s-2"}))["items"] == [changed]
    assert [getattr(event.data, "reason", None) for event in await stack.outbox("task.changed")] == [
        "reassigned",
        "moved",
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "snoozed"}, "snooze_needs_end"),
        ({"status": "snoozed", "snoozed_until": "2026-06-09T00:00:00Z"}, "snooze_needs_reason"),
        ({"due_at": "2026-05-01T00:00:00Z"}, "due_in_past"),
        ({"due_at": "9999-12-31T23:59:59Z"}, "too_late"),
        ({"status": "snoozed", "snoozed_until": "2036-07-01T00:00:00Z", "reason": "x"}, "too_late"),
        ({}, "nothing_to_change"),
        ({"reason": "x"}, "not_snoozed"),
        ({"title": "x"}, "invalid_request"),
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(stack: Stack, body: dict[str, Any], code: str) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)

    assert ok(await stack.api.patch(f"/v1/tasks/{task['id']}", json=body), 422)["code"] == code


async def test_a_closed_task_does_not_change(stack: Stack) -> None:
    await stack.fold(health(7), health(8, "green", "red"))
    (task,) = await stack.rows(tasks)

    assert ok(await stack.api.patch(f"/v1/tasks/{task['id']}", json={"owner": "s-2"}), 409)["code"] == "task_closed"
    assert ok(await stack.api.post(f"/v1/tasks/{task['id']}/complete", json={"outcome": "x"}), 409)


async def test_tasks_come_in_pages_by_their_due_moment(stack: Stack) -> None:
    await stack.fold(*(health(1, account=f"a{n}") for n in range(5)))
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        page = ok(await stack.api.get("/v1/tasks", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert sorted(seen) == [row["id"] for row in await stack.rows(tasks)]


async def test_staff_is_kept_with_a_calendar_that_exists(stack: Stack) -> None:
    body = {"id": "s-1", "name": "Aya", "role": "csm", "country": "JP", "time_zone": "Asia/Tokyo", "locale": "ja"}
    made = ok(await stack.api.post("/v1/staff", json=body), 201)

    assert ok(await stack.api.post("/v1/staff", json=body)) == made
    assert ok(await stack.api.post("/v1/staff", json={**body, "name": "Ken"}), 409)["code"] == "staff_exists"
    assert ok(await stack.api.put("/v1/staff/s-1", json={**body, "name": "Ken"}))["name"] == "Ken"
    assert ok(await stack.api.put("/v1/staff/s-1", json={**body, "time_zone": "Mars"}), 422)["code"] == "unknown_zone"
    assert ok(await stack.api.put("/v1/staff/s-1", json={**body, "country": "ZZ"}), 422)["code"] == "unknown_country"
    assert [each["id"] for each in ok(await stack.api.get("/v1/staff"))["items"]] == ["s-1"]
    assert (await stack.api.delete("/v1/staff/s-1")).status_code == 204
    assert ok(await stack.api.get("/v1/staff/s-1"), 404)["code"] == "unknown_staff"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/playbooks", "read"),
        ("POST", "/v1/playbooks", "configure"),
        ("PATCH", "/v1/playbooks/x", "configure"),
        ("POST", "/v1/playbooks/x/runs", "write"),
        ("GET", "/v1/runs", "read"),
        ("GET", "/v1/tasks", "read"),
        ("PATCH", "/v1/tasks/x", "write"),
        ("POST", "/v1/tasks/x/complete", "write"),
        ("POST", "/v1/staff", "configure"),
        ("DELETE", "/v1/staff/x", "configure"),
        ("GET", "/v1/audit/playbook", "operate"),
    ],
)
async def test_each_path_needs_its_scope(stack: Stack, method: str, path: str, scope: str) -> None:
    for held, key in stack.keys.items():
        answer = await stack.api.request(method, path, json={}, headers={"Authorization": f"Bearer {key}"})

        assert (answer.status_code == 403) is (held not in (scope, "all")), f"{held}: {answer.text}"


async def test_what_people_change_is_in_the_audit(stack: Stack) -> None:
    await stack.add_staff()
    stack.world.advance(timedelta(seconds=1))
    await stack.api.post("/v1/playbooks", content=MINE)

    entries = ok(await stack.api.get("/v1/audit/playbook"))["items"]

    assert [(each["action"], each["subject"], each["actor"]) for each in entries] == [
        ("playbook.applied", "mine", "all"),
        ("staff.added", "s-1", "all"),
    ]
    assert entries[1]["at"] == NOW.isoformat().replace("+00:00", "Z")


async def test_it_is_ready(stack: Stack) -> None:
    assert ok(await stack.api.get("/readyz"))["status"] == "ok"
