"""What cannot be stored or understood is refused with a sentence, never with a 500."""

import base64
import json
from typing import Any

from tests.integration.playbook.conftest import Stack, health

from playbook.domain.calendar import has_calendar
from playbook.tables import tasks


def raw(body: object) -> dict[str, Any]:
    """A body as a client may write it, lone surrogates too."""
    return {"content": json.dumps(body), "headers": {"Content-Type": "application/json"}}


STAFF = {"id": "s-1", "name": "Aya", "role": "csm", "time_zone": "Asia/Tokyo", "locale": "ja"}


async def test_a_cursor_that_was_made_up_is_refused(stack: Stack) -> None:
    wrong = [
        ("2026-06-01T00:00:00", "x"),
        ("0001-01-01T00:00:00+14:00", "x"),
        ("2026-06-01T00:00:00Z", "\x00"),
        ("2026-06-01T00:00:00Z", "\ud800"),
        ("2026-06-01", "x"),
        ("2026-06-01", 1),
        ("9999-12-31T23:59:59.999999-23:59", "x"),
    ]
    paths = ("/v1/tasks", "/v1/runs", "/v1/audit/playbook", "/v1/dead-letters/playbook")
    by_moment = [(path, parts) for path in paths for parts in wrong]
    for path, parts in [*by_moment, ("/v1/staff", ("\x00",)), ("/v1/playbooks", ("\ud800",))]:
        cursor = base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()
        answer = await stack.api.get(path, params={"cursor": cursor})

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor"), (path, parts)


async def test_a_nul_in_the_path_or_the_query_is_refused(stack: Stack) -> None:
    for method, path in [
        ("GET", "/v1/tasks/a%00b"),
        ("PATCH", "/v1/tasks/a%00b"),
        ("GET", "/v1/tasks?account=a%00b"),
        ("GET", "/v1/tasks?owner=a%00b"),
        ("GET", "/v1/runs?playbook=a%00b"),
        ("GET", "/v1/playbooks/a%00b"),
        ("GET", "/v1/playbooks/a%00b/versions"),
        ("PATCH", "/v1/playbooks/a%00b"),
        ("GET", "/v1/staff/a%00b"),
        ("DELETE", "/v1/staff/a%00b"),
    ]:
        answer = await stack.api.request(method, path, json={"active": True} if method == "PATCH" else None)

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text"), path


async def test_a_note_that_cannot_be_stored_is_refused(stack: Stack) -> None:
    await stack.fold(health(7))
    (task,) = await stack.rows(tasks)
    path = f"/v1/tasks/{task['id']}/complete"

    for note in ("a\x00b", "a\ud800b", "a\x1bb"):
        answer = await stack.api.post(path, **raw({"outcome": "reached", "note": note}))
        assert (answer.status_code, answer.json()["field"]) == (422, "note"), answer.text

    assert (await stack.api.post(path, json={"outcome": "reached", "note": "a\tb\r\n兆し"})).status_code == 200


async def test_a_member_that_cannot_be_stored_is_refused(stack: Stack) -> None:
    for wrong in (
        {"country": "utils"},
        {"country": "JPN"},
        {"country": "jp"},
        {"country": ""},
        {"country": "a\ud800"},
        {"country": "a\x00"},
        {"capacity": 3_000_000_000},
        {"name": "x" * 257},
        {"name": "a\x00"},
        {"name": "a\ud800"},
        {"role": "x" * 65},
        {"role": "a\x00"},
        {"email": "x" * 321},
        {"email": "a\x00"},
        {"leader": "x" * 129},
        {"leader": "a\x00"},
        {"id": "a\ud800"},
        {"time_zone": "a\x00"},
        {"time_zone": "a\ud800"},
        {"time_zone": "a/" * 200},
        {"time_zone": ""},
    ):
        body = raw({**STAFF, **wrong})
        for answer in (await stack.api.post("/v1/staff", **body), await stack.api.put("/v1/staff/s-1", **body)):
            assert (answer.status_code, answer.json().get("field")) == (422, next(iter(wrong))), answer.text


async def test_a_member_as_long_as_the_columns_is_kept(stack: Stack) -> None:
    body = {
        **STAFF,
        "name": "兆" * 256,
        "role": "x" * 64,
        "email": "x" * 320,
        "leader": "y" * 128,
        "capacity": 2**31 - 1,
    }

    answer = await stack.api.post("/v1/staff", json={**body, "country": "JP"})

    assert answer.status_code == 201, answer.text


async def test_a_playbook_with_a_value_that_is_none_is_refused(stack: Stack) -> None:
    for value in ("!!bool foo", "!!int ''", '"\\0"', '"\\ud800"'):
        answer = await stack.api.post("/v1/playbooks", content=f"id: {value}\n")

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_playbook"), answer.text
        assert answer.json()["mistakes"][0]["line"] == 1


def test_only_countries_have_calendars() -> None:
    assert [has_calendar(each) for each in ("JP", "US", "utils", "JPN", "HolidayBase", "jp", "")] == [True, True] + [
        False
    ] * 5
