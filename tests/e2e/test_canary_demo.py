"""The person of the canaries comes by every road, and is erased: no road brings them onto the bus, nothing is left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.canaries import companies, insiders, past, products
from tests.canaries.insiders import SECONDS
from tests.canaries.place import Place, client_of
from tests.canaries.search import in_archive, in_bytes, in_postgres, in_sqlite, in_topics, with_shadow, words
from tests.chaos.snapshot import looking
from tests.running.demos import demo
from tests.running.systems import SERVED, System, clustered_system, embedded_system
from tests.running.worlds import until

from allinone.data_folder import running_server
from cskit.log import Log, NewRecord
from cskit.testing.engines import missing_engines
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

# The person as each source calls them; an operator who erases somebody has to know.
# Whom the bus has heard of. Who never belonged to an account has an id that has never left ingest: nobody is told of
# their erasure, and nothing outside of ingest can name them.
KNOWN: Final = (products.NATIVE, "canary-native-user@example.com")
USERS: Final = (
    (products.SEGMENT, "canary-segment-user@example.com"),
    (products.POSTHOG, "canary-posthog-user@example.com"),
    (products.CLOUD, "canary-cloud-user@example.com"),
    KNOWN,
    (products.WAITING, "canary-waiting-user@example.com"),
    ("zendesk", "7001"),
    ("zendesk", "7004"),
    ("zoho_desk", "7002"),
    ("hubspot", "7003"),
    ("salesforce", "003A"),
    ("intercom", "canary-intercom-user@example.com"),
    ("json", "canary-json-user@example.com"),
    (companies.FILES, "canary-import-user"),
    (companies.FILES, "canary-import-only@example.com"),
)
# What is kept of them, and in which table. It must be found before the erasure, or the search is blind.
KEPT: Final[Mapping[str, set[str]]] = {
    **{
        f"canary-{road}-user": {"ingest.users"}
        for road in ("segment", "posthog", "cloud", "native", "intercom", "json", "import")
    },
    "canary-segment-browser": {"ingest.users"},
    "canary-segment-other": {"ingest.users"},
    "canary-segment-former": {"ingest.people"},  # of whom they were before they were merged
    "canary-posthog-browser": {"ingest.users"},
    "canary-waiting-user": {"ingest.users", "ingest.waiting"},
    "canary-import-only": {"ingest.users", "ingest.people"},
    **{
        f"canary-{road}-{field}": {"ingest.people"}
        for road in ("segment", "posthog", "cloud", "native", "waiting", "salesforce", "import")
        for field in ("name", "mail")
    },
    "canary-hubspot-mail": {"ingest.people"},
    **{f"canary-{road}-text": {"ingest.texts"} for road in ("zendesk", "zoho", "intercom", "json", "staff")},
    "canary-zendesk-waiting": {"ingest.texts"},
    "canary-touch": {"ingest.texts"},
    "canary-survey-text": {"survey.texts"},
    "canary-task-note": {"playbook.notes"},
}
# What was written about their account, without saying of whom: it goes with the account.
OF_ACCOUNT: Final[Mapping[str, set[str]]] = {
    f"canary-{said}": {"ingest.texts"} for said in ("note", "owner", "override-note")
}
# What was written about a scorecard: it stays.
CONFIGURED: Final[Mapping[str, set[str]]] = {
    "canary-scorecard": {"scoring.scorecards", "scoring.scorecard_applications"}
}
# On the log by no road of ours: who wrote it there brought it past every check. Only its dead letters are ours.
POISON: Final = "canary-poison"

Life = Callable[[], AbstractAsyncContextManager[Place]]  # from a start to a stop in good order


@dataclass(frozen=True)
class Kizashi:
    """One that can live more than once, how its tables are searched, and which files may hold a person's words, or in
    `log` what others put there, or in `configured` what is written of scorecards.
    """

    life: Life
    tables: Callable[[], Awaitable[Mapping[str, set[str]]]]
    environment: Mapping[str, str]
    files: frozenset[str] = frozenset()
    log: frozenset[str] = frozenset()
    configured: frozenset[str] = frozenset()


@asynccontextmanager
async def a_server(folder: Path) -> AsyncIterator[Kizashi]:
    """All in one process, which says all that it has to say."""
    async with embedded_system(folder) as system:
        yield _embedded(partial(_life_of, system), folder / "data")


@asynccontextmanager
async def a_demo(folder: Path) -> AsyncIterator[Kizashi]:
    """A made-up company with its customers, its staff and its time."""
    yield _embedded(partial(_life_of_a_demo, folder), folder / "demo")


@asynccontextmanager
async def a_cluster(folder: Path) -> AsyncIterator[Kizashi]:
    """A process of each service, on Kafka and PostgreSQL."""
    if reason := missing_engines():
        pytest.skip(reason)
    archive = str(folder / "archive")
    async with clustered_system(folder, replicas={"scoring": 1, "console": 1}, KIZASHI_ARCHIVE=archive) as system:
        search = partial(in_postgres, system.environment["KIZASHI_DATABASE_URL"])
        yield Kizashi(partial(_life_of, system), search, system.environment)


def _embedded(life: Life, data: Path) -> Kizashi:
    async def tables() -> Mapping[str, set[str]]:
        return await asyncio.to_thread(in_sqlite, data)

    return Kizashi(
        life,
        tables,
        {"KIZASHI_DATA": str(data)},
        files=frozenset({"ingest.db", "survey.db", "playbook.db", "scoring.db", "scoring-shadow.db"}),
        log=frozenset({"log.db"}),
        configured=frozenset({"scoring.db"}),
    )


@asynccontextmanager
async def _life_of(system: System) -> AsyncIterator[Place]:
    await system.start()
    async with client_of(system.urls, system.key) as admin:
        yield Place(system.urls, system.environment, admin, "akagi")
    for process in system.processes.values():
        await process.stop()


@asynccontextmanager
async def _life_of_a_demo(folder: Path) -> AsyncIterator[Place]:
    made = (folder / "demo").exists()
    async with demo(folder, *(() if made else ("--accounts", "10"))) as one:
        await one.says("Time runs 1h/s")
        urls = dict.fromkeys(SERVED, one.url)
        here = running_server(one.data)
        assert here is not None, one.text
        async with client_of(urls, here.key) as admin:
            listed = (await admin.get("/v1/accounts", params={"limit": "500"})).json()["items"]
            account = min(each["account"] for each in listed)
            yield Place(urls, {"KIZASHI_DATA": str(one.data)}, admin, account)
        await one.press_ctrl_c()
        assert "Nothing failed." in one.text, one.text


async def come_by_every_road(place: Place, folder: Path) -> None:
    """The person comes, and is written about."""
    await products.by_our_events(place)
    await products.by_segment(place)
    await products.by_posthog(place)
    await products.by_cloudevents(place)
    await products.by_waiting(place)
    await companies.by_webhooks(place)
    await companies.by_files(place, folder)
    (person,) = await insiders.people_of(place, [KNOWN])
    await insiders.by_survey(place, person)
    await insiders.by_staff(place, person)
    await insiders.on_the_account(place, person)
    await insiders.look_around(place, [user for _, user in USERS])


async def poison(log: Log, account: str, person: str) -> None:
    """Bring two records onto the log that nobody can read and that name the person."""
    records = [
        f'{{"half of {person}": "{POISON}"'.encode(),
        f'{{"type": "ticket.changed", "personid": "{person}", "data": {{"subject": "{POISON}"}}}}'.encode(),
    ]
    partition, key = partition_of(account), account.encode()
    await log.append([NewRecord(CUSTOMER_EVENTS, partition, key, record) for record in records])


@pytest.mark.parametrize(
    "kind", [a_server, a_demo, pytest.param(a_cluster, marks=[pytest.mark.kafka, pytest.mark.postgres])]
)
async def test_nothing_of_a_person_is_on_the_bus_and_once_erased_nothing_is_anywhere(
    kind: Callable[[Path], AbstractAsyncContextManager[Kizashi]], tmp_path: Path
) -> None:
    folder, files = tmp_path / "kizashi", tmp_path / "files"
    folder.mkdir()
    files.mkdir()
    async with kind(folder) as kizashi:
        async with kizashi.life() as place:
            await come_by_every_road(place, files)
            people = await insiders.people_of(place, USERS)
            (told,) = await insiders.people_of(place, [KNOWN])
            said = await insiders.told_by_scoring(place)
            await past.rebuild(place)
        kept, kept_files = await kizashi.tables(), in_bytes(folder)
        async with looking(kizashi.environment) as platform:
            bus = await in_topics(platform.log)
            await past.archive(platform)
            archived = in_archive(folder)
            await poison(platform.log, place.account, told)
        said |= words(await past.backtest_of_archive(kizashi.environment, files))
        async with kizashi.life() as place:

            async def all_put_it_aside() -> bool | None:
                return True if min((await insiders.letters(place)).values()) else None

            await until("a dead letter of each reader", all_put_it_aside, SECONDS)
            erased = await insiders.erase(place, people)

            async def they_are_forgotten() -> bool | None:
                return True if (await kizashi.tables()).keys() <= {*OF_ACCOUNT, *CONFIGURED} else None

            await until("all have forgotten them", they_are_forgotten, SECONDS)
            assert await insiders.people_of(place, USERS) == set()
            gone = await insiders.erase_account(place)
            await past.rebuild_is_given_up(place)

            async def all_is_forgotten() -> bool | None:
                return True if await kizashi.tables() == CONFIGURED else None

            await until("all is forgotten", all_is_forgotten, SECONDS)
        left, left_files = await kizashi.tables(), in_bytes(folder)
        async with looking(kizashi.environment) as platform:
            bus_after = await in_topics(platform.log)
            await past.archive(platform)
        archived_after = in_archive(folder)

    assert bus == archived == said == set()
    assert kept == {**KEPT, **OF_ACCOUNT, **with_shadow(CONFIGURED)}
    assert kept_files.keys() == kizashi.files
    assert sum(each["texts"] for each in erased) == 7
    assert gone["texts"] == len(OF_ACCOUNT)
    assert left == CONFIGURED
    configured = {name: set(CONFIGURED) for name in kizashi.configured}
    assert left_files == {**{name: {POISON} for name in kizashi.log}, **configured}
    assert bus_after == {POISON}
    assert archived_after == set()
