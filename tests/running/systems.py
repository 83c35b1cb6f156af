"""A whole Kizashi on each platform, in processes of its own."""

import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.running.processes import Process, command

from cskit.log.kafka import KafkaLog
from cskit.testing.engines import KAFKA, fresh_database
from csmodels import topics

SERVICES = ("ingest", "scoring", "playbook", "survey")  # each with a database
SERVED = (*SERVICES, "console")


@dataclass(frozen=True)
class System:
    """A Kizashi that runs: where each service is, an admin key, its processes by name, and its settings."""

    urls: Mapping[str, str]
    key: str
    processes: Mapping[str, Process]
    environment: Mapping[str, str]

    def client(self, service: str) -> httpx.AsyncClient:
        """An HTTP client of a service with the admin key."""
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.urls[service], headers=headers, timeout=30, trust_env=False)

    async def start(self, **settings: str) -> None:
        """Start all processes and wait until they are ready."""
        for process in self.processes.values():
            await process.start(**settings)
        for process in self.processes.values():
            await process.ready()


@asynccontextmanager
async def embedded_system(folder: Path, **settings: str) -> AsyncIterator[System]:
    """One process; not started yet."""
    environment = {"KIZASHI_DATA": str(folder / "data"), **settings}
    key = (await command("keys", "new", "test", "--scope", "admin", environment=environment)).strip()
    process = Process((), environment, folder / "kizashi.log")
    try:
        yield System({name: process.url for name in SERVED}, key, {"kizashi": process}, environment)
    finally:
        await process.stop()


@asynccontextmanager
async def clustered_system(
    folder: Path, *, replicas: Mapping[str, int] | None = None, **settings: str
) -> AsyncIterator[System]:
    """Each service in processes of its own (two of scoring, no console unless asked for), on Kafka and a database of
    its own; not started yet.
    """
    counts = {name: 1 for name in SERVICES} | {"scoring": 2, "console": 0} | dict(replicas or {})
    prefix = f"t{secrets.token_hex(5)}."
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database())
        environment = {
            "KIZASHI_KAFKA": os.environ[KAFKA],
            "KIZASHI_DATABASE_URL": url,
            "KIZASHI_KEYS": str(folder / "keys.json"),
            "KIZASHI_SERVICE_KEY": secrets.token_urlsafe(24),
            "KIZASHI_TEST_TOPIC_PREFIX": prefix,
            **settings,
        }
        key = (await command("keys", "new", "test", "--scope", "admin", environment=environment)).strip()
        names = [(name, number) for name in SERVED for number in range(counts[name])]
        processes = {
            (name if number == 0 else f"{name}-{number + 1}"): Process((name,), {}, folder / f"{name}-{number}.log")
            for name, number in names
        }
        urls = {name: processes[name].url for name in SERVED if counts[name]}
        environment |= {f"KIZASHI_{name.upper()}_URL": each for name, each in urls.items()}
        environment["KIZASHI_PUBLIC_URL"] = urls["survey"]
        for process in processes.values():
            process.environment = environment
        await command("migrate", environment=environment)
        stack.push_async_callback(_drop_topics, prefix)
        try:
            yield System(urls, key, processes, environment)
        finally:
            for process in processes.values():
                await process.stop()


async def _drop_topics(prefix: str) -> None:
    log = KafkaLog(os.environ[KAFKA], client_id="test")
    await log.start()
    for topic in topics.ALL:
        await log.delete_topic(prefix + topic)
    await log.close()
