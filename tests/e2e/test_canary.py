"""An erased person is found nowhere: canaries are sent by every road that there is, and then searched for."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.chaos.snapshot import looking
from tests.running.systems import System, embedded_system

from cskit.log import NewRecord
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SECONDS = 30.0
ACCOUNT = "akagi"
READERS = ("scoring", "playbook", "survey")  # of cs.customer-events

# What is kept, and by whom. It must be found before the erasure, or the search is blind.
KEPT: Mapping[str, frozenset[str]] = {
    "canary-name": frozenset({"ingest"}),
    "canary-address": frozenset({"ingest"}),
    "canary-user": frozenset({"ingest"}),
    "canary-other-user": frozenset({"ingest"}),
    "canary-browser": frozenset({"ingest"}),
    "canary-text": frozenset({"ingest"}),
    "canary-comment": frozenset({"survey"}),
}
# What is never kept, by anybody.
DROPPED = ("canary-property", "canary-context", "canary-page", "canary-id", "canary-trait", "canary-said", "canary-old")
# On the log by no road of ours: who wrote it there brought it past every check. Only its dead letters are ours.
POISON = "canary-poison"


async def until(what: str, look: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + SECONDS
    while not await look():
        assert time.monotonic() < deadline, f"{what}: not within {SECONDS:.0f} s"
        await asyncio.sleep(0.05)


async def answered(request: Awaitable[httpx.Response]) -> Any:
    answer = await request
    assert answer.is_success, answer.text
    return answer.json()


def in_tables(data: Path, word: str) -> set[tuple[str, str]]:
    """The (file, table) pairs in which the word stands, in any column and in either case."""
    found = set()
    for path in sorted(data.rglob("*.db")):
        connection = sqlite3.connect(path)
        connection.text_factory = bytes
        names = [row[0].decode() for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                if any(isinstance(value, bytes) and word.encode() in value.lower() for value in row):
                    found.add((path.stem, table))
        connection.close()
    return found


def in_bytes(folder: Path, word: str) -> set[str]:
    """The files in which the word stands, as bytes: what is deleted and not yet written over, too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name for path in files if word.encode() in path.read_bytes().lower()}


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
        before = {word: in_tables(data, word) for word in (*KEPT, *DROPPED)}
        bytes_before = {word: in_bytes(tmp_path, word) for word in KEPT}
        async with looking(system.environment) as platform:
            body = f'{{"half of {person}": "{POISON}"'.encode()
            await platform.log.append([NewRecord(CUSTOMER_EVENTS, partition_of(ACCOUNT), ACCOUNT.encode(), body)])
        await system.start()

        async def all_put_it_aside() -> bool:
            return await letters(system) == len(READERS)

        await until("a dead letter of each reader", all_put_it_aside)
        async with system.client("ingest") as ingest:
            erased = await answered(ingest.delete(f"/v1/people/{person}"))

        async def none_has_it() -> bool:
            comments = {name for name, _ in in_tables(data, "canary-comment")}
            return await letters(system) == 0 and not comments

        await until("everybody forgets", none_has_it)
        await process.stop()

        assert {word: {file for file, _ in where} for word, where in before.items()} == {
            **KEPT,
            **{word: set() for word in DROPPED},
        }
        assert bytes_before == {word: {f"{file}.db" for file in files} for word, files in KEPT.items()}
        assert erased["accounts"] == [ACCOUNT]
        assert erased["texts"] == 1
        words = (*KEPT, *DROPPED)
        assert {word: in_tables(data, word) for word in words} == {word: set() for word in words}
        assert {word: in_bytes(tmp_path, word) for word in words} == {word: set() for word in words}
        assert {table for _, table in in_tables(data, POISON)} <= {"records"}, "a dead letter still holds it"
