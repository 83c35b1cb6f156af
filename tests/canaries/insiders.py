"""What our own people and services make of the person: texts, surveys, tasks, overrides, pages; and the erasure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from tests.canaries.place import Place, checked, checked_text
from tests.canaries.products import NATIVE
from tests.canaries.search import words
from tests.running.worlds import until

SECONDS: Final = 90.0
_ATTEMPTS: Final = 10
_CALL_BACK: Final = """
id: call-back
name: {en: Call back, ja: 折り返し連絡}
kind: adoption
trigger: {on: voice.recorded, when: 'event.data.sentiment == -2'}
steps:
  - id: call
    task:
      title: {en: Call back, ja: 折り返し連絡する}
      how: {en: Call., ja: 電話する。}
      owner: account.owner
      due: 2 business days
      priority: high
  - id: tell
    webhook:
      endpoint: crm
      data: {person: '{{ event.personid }}', text: '{{ event.data.text_ref }}'}
"""


async def people_of(place: Place, users: Iterable[tuple[str, str]]) -> set[str]:
    """The random ids of these users of these sources, as an operator finds them: by what the sources call them."""
    found: set[str] = set()
    for source, user in users:
        listed = checked(await place.admin.get("/v1/people", params={"user": user}))["items"]
        found |= {each["id"] for each in listed if each["source"] == source}
    return found


async def by_survey(place: Place, person: str) -> None:
    """The person is asked, opens the page, fails to choose a score, answers with a comment, and changes it."""
    wanted = {"account": place.account, "person": person, "role": "sponsor", "locale": "ja"}
    key = {"Idempotency-Key": "canary-survey-key@example.com"}
    link = checked(await place.admin.post("/v1/surveys/nps/invitations", json=wanted, headers=key))["url"]
    path = httpx.URL(link).raw_path.decode()
    async with place.stranger() as browser:
        assert (await browser.get(path, params={"comment": "canary-page"})).status_code == 200
        for form in (
            {"score": "11", "comment": "canary-refused-comment"},
            {"score": "9", "comment": "canary-survey-first"},
            {"score": "3", "comment": "canary-survey-text"},
        ):
            assert (await browser.post(path, data=form)).status_code < 500
    past = {"id": "canary-survey-id@example.com", "account": place.account, "person": person, "score": 8}
    items = [{**past, "at": "2026-01-05T09:00:00Z", "comment": "canary-refused-comment"}]
    answer = await place.admin.post("/v1/surveys/nps/responses", json={"items": items})
    assert answer.status_code in (200, 422), answer.text


async def by_staff(place: Place, person: str) -> None:
    """A CSM keeps what the person said on the phone, gets a task for it, and writes a note on that."""
    checked(await place.admin.post("/v1/playbooks", content=_CALL_BACK.encode()))
    text = {"text": "canary-staff-text: he is angry", "person": person}
    ref = checked(await place.admin.post("/v1/texts", json=text))["text_ref"]
    await _note_on_a_task(place, ref)


async def on_the_account(place: Place, person: str) -> None:
    """What people write about the account: notes, a contact with the person, why it has another owner, an override, and
    why a scorecard is in force.
    """
    admin, account = place.admin, f"/v1/accounts/{place.account}"
    checked(await admin.post(f"{account}/notes", json={"text": "canary-note: they move in May"}))
    touch = {"kind": "call", "direction": "both", "person": person, "text": "canary-touch: wants training"}
    checked(await admin.post(f"{account}/touches", json=touch))
    checked(await admin.patch(f"{account}/owner", json={"to": "hana", "text": "canary-owner: Sam is on leave"}))
    expires = (datetime.fromisoformat(await _now(place)) + timedelta(days=30)).isoformat()
    override = {"points": -5, "note": "canary-override-note: he leaves", "expires_at": expires}
    checked(await admin.post(f"{account}/overrides", json=override))
    await _apply_a_scorecard(admin)
    refused = [
        await admin.post(f"{account}/notes", json={"text": "", "canary-refused-note": "canary-refused-note"}),
        await admin.post(f"{account}/touches", json={**touch, "outcome": "canary-refused Outcome@example.com"}),
        await admin.patch(f"{account}/owner", json={"to": "canary-refused-owner@example.com"}),
        await admin.post(f"{account}/overrides", json={**override, "points": "canary-refused-points"}),
    ]
    assert [answer.status_code for answer in refused] == [422] * len(refused), [each.text for each in refused]


async def _apply_a_scorecard(admin: httpx.AsyncClient) -> None:
    (first,) = [each for each in checked(await admin.get("/v1/scorecards"))["items"] if each["in_force"]]
    document = checked(await admin.get(f"/v1/scorecards/{first['name']}"))["document"]
    document["reference"] += 1
    params = {"note": "canary-scorecard: as agreed with him"}
    stored = checked(await admin.post("/v1/scorecards", json=document, params=params))
    applied = checked(await admin.post(f"/v1/scorecards/{stored['name']}/apply", json=params))
    assert applied["changed"]


async def _now(place: Place) -> str:
    """The time there, which may be a demo's."""
    return str(checked(await place.admin.get(f"/v1/accounts/{place.account}/health"))["scored_at"])


async def told_by_scoring(place: Place) -> set[str]:
    """The canaries in all that scoring answers: lists, exports, what is said of the account."""
    account = f"/v1/accounts/{place.account}"
    texts = [
        checked_text(await place.admin.get(path, params=params))
        for path, params in (
            ("/v1/accounts", {"limit": "500"}),
            ("/v1/exports/accounts", {}),
            ("/v1/exports/accounts", {"format": "csv"}),
            ("/v1/watch-list", {}),
            ("/v1/overrides", {}),
            ("/v1/metrics", {}),
            (f"{account}", {}),
            (f"{account}/health", {}),
            (f"{account}/history", {}),
            (f"{account}/timeline", {"limit": "500"}),
            (f"{account}/overrides", {}),
        )
    ]
    return words("\n".join(texts).encode())


async def _note_on_a_task(place: Place, ref: str) -> None:
    """The person complains, which gives a task, which is completed with a note. In a demo the staff may be faster."""
    said = {"sentiment": -2, "text_ref": ref}
    user = "canary-native-user@example.com"
    voice = {"type": "voice.recorded", "account": place.account, "user": user, "data": said}
    done = {"outcome": "reached", "note": "canary-task-note: he is angry still"}
    async with place.client(NATIVE) as client:
        for attempt in range(_ATTEMPTS):
            checked(await client.post("/v1/events", json={"events": [{**voice, "id": f"voice-{attempt}"}]}))
            task = await until("the task", lambda: _open_task(place), SECONDS)
            if (await place.admin.post(f"/v1/tasks/{task['id']}/complete", json=done)).is_success:
                return
    raise AssertionError(f"somebody else was faster, {_ATTEMPTS} times")


async def _open_task(place: Place) -> dict[str, Any] | None:
    listed = checked(await place.admin.get("/v1/tasks", params={"account": place.account, "limit": "500"}))["items"]
    found: dict[str, Any] | None = next(
        (each for each in listed if (each["playbook"], each["status"]) == ("call-back", "open")), None
    )
    return found


async def look_around(place: Place, words: Iterable[str]) -> None:
    """The person is looked for and looked at, by commands' routes and on the console's pages."""
    for word in words:
        for path in ("/v1/people", "/v1/quarantine"):
            checked(await place.admin.get(path, params={"user": word}))
        assert (await place.admin.get(f"/v1/people/{word}")).status_code == 422
        assert (await place.admin.get(f"/v1/accounts/{word}")).status_code == 404
    link = checked(await place.admin.post("/v1/sign-in-links", json={"role": "leader"}))["url"]
    async with place.stranger() as browser:
        signed_in = await browser.post("/sign-in", data={"token": httpx.URL(link).params["token"]})
        assert signed_in.status_code == 200, signed_in.text
        shown = await browser.get(f"/accounts/{place.account}")
        assert shown.status_code == 200, shown.text
        for found in ("/", "/tasks", "/accounts?text=canary-page", f"/sources/{NATIVE}"):
            assert (await browser.get(found)).status_code < 500, found


async def letters(place: Place) -> dict[str, int]:
    """How many dead letters each reader of customers' events keeps."""
    return {
        service: len(checked(await place.admin.get(f"/v1/dead-letters/{service}"))["items"])
        for service in ("scoring", "playbook", "survey")
    }


async def erase(place: Place, people: Iterable[str]) -> list[dict[str, Any]]:
    """Erase these people, one after the other; what was deleted."""
    return [checked(await place.admin.delete(f"/v1/people/{person}")) for person in sorted(people)]


async def erase_account(place: Place) -> dict[str, Any]:
    """Erase the account; what was deleted."""
    gone: dict[str, Any] = checked(await place.admin.delete(f"/v1/accounts/{place.account}"))
    return gone
