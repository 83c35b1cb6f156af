"""An erased person is found nowhere, nor is an erased account: canaries are sent by every road that there is, and then
searched for.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.canaries import insiders, past
from tests.canaries.insiders import SECONDS
from tests.canaries.place import Place, client_of
from tests.canaries.search import in_archive, in_bytes, in_sqlite, with_shadow, words
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
    "canary-touch": {"ingest.texts"},
    "canary-comment": {"survey.texts"},
}
# What is kept of the account: it stays when the person goes, and goes with the account.
NAME = "canary-account"
OF_ACCOUNT: Mapping[str, set[str]] = {
    **with_shadow({NAME: {"scoring.live", "scoring.account_slow"}}),
    "canary-colleague": {"ingest.users", "ingest.people"},
    "canary-note": {"ingest.texts"},
    "canary-owner": {"ingest.texts"},
    "canary-override-note": {"ingest.texts"},
}
# What is said of a scorecard is about no account: it stays.
CONFIGURED: Mapping[str, set[str]] = {"canary-scorecard": {"scoring.scorecards", "scoring.scorecard_applications"}}
SHADOWED: Mapping[str, set[str]] = with_shadow(CONFIGURED)
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
        {"userId": "canary-colleague", "type": "group", "messageId": "c-1", "groupId": ACCOUNT},
        {"userId": "canary-colleague", "type": "identify", "messageId": "c-2", "traits": {"name": "canary-colleague"}},
    ]
    event = {"account": ACCOUNT, "user": "canary-user@example.com"}
    contact = {"role": "sponsor", "name": "canary-name", "email": "canary-address@example.com"}
    usage = {"name": "report", "properties": {"who": "canary-said", "more": {"deep": "canary-said"}}}
    ticket = {"ticket": "T-1", "status": "open"}
    unknown = {"ticket": "T-2", "subject": "canary-said", "body": "canary-said"}
    events = [
        {**event, "id": "n-1", "type": "contact.described", "data": {**contact, "name": "canary-old"}},
        {**event, "id": "n-2", "type": "contact.described", "data": contact},
        {**event, "id": "canary-id@example.com:3", "type": "usage.tracked", "data": usage},
        {**event, "id": "n-4", "type": "ticket.changed", "data": ticket},
        {**event, "id": "n-6", "type": "ticket.changed", "data": unknown},
        {"account": ACCOUNT, "id": "n-5", "type": "account.described", "data": {"name": NAME, "owner": "kim"}},
    ]
    async with system.client("ingest") as ingest, system.client("survey") as survey:
        answer = await answered(ingest.post("/v1/batch", json={"batch": calls}))
        assert answer["refused"] == 0, answer
        answer = await answered(ingest.post("/v1/events", json={"events": events}))
        assert answer["refused"] == 1, answer
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


@asynccontextmanager
async def life(system: System) -> AsyncIterator[Place]:
    """From a start to a stop in good order."""
    await system.start()
    async with client_of(system.urls, system.key) as admin:
        yield Place(system.urls, system.environment, admin, ACCOUNT)
    await system.processes["kizashi"].stop()


async def test_who_is_erased_is_found_in_no_table_no_file_and_no_log_and_so_is_an_account(tmp_path: Path) -> None:
    async with embedded_system(tmp_path) as system:
        data = tmp_path / "data"
        async with life(system) as place:
            person = await send_canaries(system)
            await insiders.on_the_account(place, person)
            told = await insiders.told_by_scoring(place)
            await past.rebuild(place)
        before, bytes_before = in_sqlite(data), in_bytes(tmp_path)
        async with looking(system.environment) as platform:
            body = f'{{"half of {person}": "{POISON}"'.encode()
            await platform.log.append([NewRecord(CUSTOMER_EVENTS, partition_of(ACCOUNT), ACCOUNT.encode(), body)])
            await past.archive(platform)
        archived = in_archive(tmp_path)

        async with life(system) as place:

            async def all_put_it_aside() -> bool | None:
                return True if await letters(system) == len(READERS) else None

            await until("a dead letter of each reader", all_put_it_aside, SECONDS)
            (erased,) = await insiders.erase(place, [person])
            await until_left(data, {**OF_ACCOUNT, **CONFIGURED})
            gone = await insiders.erase_account(place)
            await past.rebuild_is_given_up(place)
            await until_left(data, CONFIGURED)
        async with looking(system.environment) as platform:
            await past.archive(platform)

        assert before == {**KEPT, **OF_ACCOUNT, **SHADOWED}
        assert bytes_before.keys() == {"ingest.db", "survey.db", "scoring.db", "scoring-shadow.db", "log.db"}
        assert bytes_before["log.db"] == {NAME}
        assert told == {NAME}
        assert archived == {NAME, POISON}
        assert erased["accounts"] == [ACCOUNT]
        assert erased["texts"] == 2
        assert (gone["people"], gone["texts"]) == (1, 3)
        assert in_sqlite(data) == CONFIGURED
        assert in_archive(tmp_path) == set()
        assert in_bytes(tmp_path) == {"log.db": {POISON, NAME}, "scoring.db": set(CONFIGURED)}


async def test_a_backtest_of_a_log_with_people_in_it_names_none_of_them(tmp_path: Path) -> None:
    said = await past.backtest(tmp_path, "canary-person@example.com")

    assert words(said) == set()


async def until_left(data: Path, left: Mapping[str, set[str]]) -> None:
    """Wait until nothing else is in the tables."""

    async def nothing_else() -> bool | None:
        return True if in_sqlite(data).keys() <= left.keys() else None

    await until("all else is forgotten", nothing_else, SECONDS)
