"""An erased person is found nowhere: canaries are sent by every road that there is, and then searched for."""

from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.canaries.insiders import SECONDS
from tests.canaries.search import in_bytes, in_sqlite
from tests.chaos.snapshot import looking
from tests.running.systems import System, embedded_system
from tests.running.worlds import until

from cskit.log import NewRecord
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

ACCOUNT = "akagi"
READERS = ("scoring", "playbook", "survey")  # of cs.customer-events

# What is kept, and in which table; all else that is sent is kept by nobody. It must be found before the erasure, or the
# search is blind.
KEPT: Mapping[str, set[str]] = {
    "canary-name": {"ingest.people"},
    "canary-address": {"ingest.people"},
    "canary-user": {"ingest.users"},
    "canary-other-user": {"ingest.users"},
    "canary-browser": {"ingest.users"},
    "canary-text": {"ingest.texts"},
    "canary-comment": {"survey.texts"},
}
# On the log by no road of ours: who wrote it there brought it past every check. Only its dead letters are ours.
POISON = "canary-poison"


async def answered(request: Awaitable[httpx.Response]) -> Any:
    answer = await request
    assert answer.is_success, answer.text
    return answer.json()


async def send_canaries(system: System) -> str:
    """Send them by every road; the person's random id."""
    said = {"name": "canary-name", "email": "canary-address@example.com", "country": "JP", "note": "canary-trait"}
    context = {"ip": "canary-context", "page": {"url": "https://example.com/canary-page"}}
    who = {"userId": "canary-user@example.com", "context": context}
    track = {"type": "track", "event": "report", "properties": {"pages": 3, "file": "canary-property"}}
    calls = [
        {**who, **track, "messageId": "canary-id@example.com"},  # waits, and is released by the group call
        {**who, "type": "identify", "messageId": "i", "traits": said, "anonymousId": "canary-browser"},
        {**who, "type": "group", "messageId": "g", "groupId": ACCOUNT, "traits": {"plan": "pro", "x": "canary-trait"}},
        {**track, "messageId": "canary-id-2@example.com", "anonymousId": "canary-browser", "context": context},
        {**who, "type": "page", "messageId": "p", "name": "canary-page", "properties": {"title": "canary-page"}},
        {**who, "type": "alias", "messageId": "a", "previousId": "canary-other-user"},
        {**who, **track, "messageId": "last"},
    ]
    event = {"account": ACCOUNT, "user": "canary-user@example.com"}
    contact = {"role": "sponsor", "name": "canary-name", "email": "canary-address@example.com", "bio": "canary-said"}
    usage = {"name": "report", "properties": {"who": "canary-said", "more": {"deep": "canary-said"}}}
    ticket = {"ticket": "T-1", "status": "open", "subject": "canary-said", "body": "canary-said"}
    events = [
        {**event, "id": "n-1", "type": "contact.described", "data": {**contact, "name": "canary-old"}},
        {**event, "id": "n-2", "type": "contact.described", "data": contact},
        {**event, "id": "canary-id@example.com:3", "type": "usage.tracked", "data": usage},
        {**event, "id": "n-4", "type": "ticket.changed", "data": ticket},
    ]
    async with system.client("ingest") as ingest, system.client("survey") as survey:
        answer = await answered(ingest.post("/v1/batch", json={"batch": calls}))
        assert answer["refused"] == 0, answer
        await answered(ingest.post("/v1/events", json={"events": events}))
        people = await answered(ingest.get("/v1/people", params={"user": "canary-user@example.com"}))
        person: str = people["items"][0]["id"]
        await answered(ingest.post("/v1/texts", json={"text": "canary-text: he called", "person": person}))
        wanted = {"account": ACCOUNT, "person": person}
        link = (await answered(survey.post("/v1/surveys/nps/invitations", json=wanted)))["url"]
        form = {"score": "9", "comment": "canary-comment"}
        page = await survey.post(httpx.URL(link).path, data=form)
        assert page.status_code in (200, 303), page.text
    return person


async def letters(system: System) -> int:
    count = 0
    for service in READERS:
        async with system.client(service) as client:
            count += len((await answered(client.get(f"/v1/dead-letters/{service}")))["items"])
    return count


async def test_an_erased_person_is_found_in_no_table_no_file_and_no_log(tmp_path: Path) -> None:
    async with embedded_system(tmp_path) as system:
        data = tmp_path / "data"
        process = system.processes["kizashi"]
        await system.start()
        person = await send_canaries(system)
        await process.stop()
        before, bytes_before = in_sqlite(data), in_bytes(tmp_path)
        async with looking(system.environment) as platform:
            body = f'{{"half of {person}": "{POISON}"'.encode()
            await platform.log.append([NewRecord(CUSTOMER_EVENTS, partition_of(ACCOUNT), ACCOUNT.encode(), body)])
        await system.start()

        async def all_put_it_aside() -> bool | None:
            return True if await letters(system) == len(READERS) else None

        await until("a dead letter of each reader", all_put_it_aside, SECONDS)
        async with system.client("ingest") as ingest:
            erased = await answered(ingest.delete(f"/v1/people/{person}"))

        async def none_has_it() -> bool | None:
            return True if not in_sqlite(data) else None

        await until("everybody forgets", none_has_it, SECONDS)
        await process.stop()

        assert before == KEPT
        assert bytes_before.keys() == {"ingest.db", "survey.db"}
        assert erased["accounts"] == [ACCOUNT]
        assert erased["texts"] == 1
        assert in_sqlite(data) == {}
        assert in_bytes(tmp_path) == {"log.db": {POISON}}
