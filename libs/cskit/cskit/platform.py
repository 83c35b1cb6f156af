"""Which log and which database are in use: the only module that knows.

Embedded (default): an append-only log in a SQLite file, a SQLite file per service, one process, no other software.
Clustered (KIZASHI_KAFKA is set): Apache Kafka, PostgreSQL with one schema per service, one process per replica.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
from fastapi import APIRouter
from pydantic import SecretStr
from sqlalchemy.schema import DropSchema

from cskit import migrate
from cskit.auth import KeyFile, Keys
from cskit.batches import SECONDS
from cskit.clock import Clocks
from cskit.db import Database
from cskit.db.plumbing import Plumbing
from cskit.db.postgres import PostgresDatabase
from cskit.db.sqlite import SqliteDatabase
from cskit.http.calls import service_client
from cskit.http.dead_letters import dead_letter_routes
from cskit.http.feeds import Feed
from cskit.log import Log
from cskit.messages import Handler, UnitOfWork, UnitOfWorks
from cskit.outbox import Relay
from cskit.retention import Retention, Until
from cskit.runner import Runner
from cskit.service import Service
from cskit.settings import Settings, SettingsError, TestHooks
from cskit.supervise import run_workers
from cskit.testing.prefixed import PrefixedLog
from csmodels import topics

_IDLE_EMBEDDED = 1.0  # one process: a commit wakes the relay
_SECONDS_EMBEDDED = 1.0  # SQLite has one writer: whoever calls the API waits for the batch in hand
_IDLE_CLUSTERED = 0.05  # another replica's rows are found by looking; less often while there are none


class SchemaOutdated(Exception):
    """The database of a service is not at the revision that this code wants."""


class Platform:
    """The log, the databases, the clocks and the keys that services are built on."""

    def __init__(self, settings: Settings, *, log: Log, clocks: Clocks, keys: Keys, hooks: TestHooks) -> None:
        self.settings = settings
        self.log = log
        self.clocks = clocks
        self.keys = keys
        self.hooks = hooks
        self.closing = asyncio.Event()  # set when answers that have no end are to end, so that the server can
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._databases: dict[str, Database] = {}
        self._relays: dict[int, Relay] = {}

    async def start(self) -> None:
        """Connect to the log and make the topics that are missing. Raises LogError, TopicMismatch."""
        await self.log.start()
        await self.log.ensure_topics(topics.ALL, topics.PARTITIONS)

    def database(self, service: str) -> Database:
        """The database of a service; the same object at each call."""
        if service not in self._databases:
            self._databases[service] = self._open_database(service)
        return self._databases[service]

    def _open_database(self, service: str) -> Database:
        if not self.settings.clustered:
            return SqliteDatabase(self.settings.data / f"{service}.db")
        url = self.settings.database_url_of(service)
        if url is None:
            raise SettingsError(f"{service} needs KIZASHI_DATABASE_URL or KIZASHI_{service.upper()}_DATABASE_URL.")
        return PostgresDatabase(url.get_secret_value(), service)

    def shadow_database(self, service: str) -> Database:
        """Beside the service's database a second one of the same kind, for a rebuild; opened anew at each call, and
        the caller closes it.
        """
        if not self.settings.clustered:
            return SqliteDatabase(self.settings.data / f"{service}-shadow.db")
        url = self.settings.database_url_of(service)
        if url is None:
            raise SettingsError(f"{service} needs KIZASHI_DATABASE_URL or KIZASHI_{service.upper()}_DATABASE_URL.")
        return PostgresDatabase(url.get_secret_value(), f"{service}_shadow")

    async def drop_shadow_database(self, service: str) -> None:
        """Remove the shadow with all that is in it; nobody has it open."""
        if not self.settings.clustered:
            for ending in ("", "-wal", "-shm"):
                (self.settings.data / f"{service}-shadow.db{ending}").unlink(missing_ok=True)
            return
        database = self.shadow_database(service)
        try:
            gone = DropSchema(f"{service}_shadow", cascade=True, if_exists=True)
            await database.migrate(lambda connection: connection.execute(gone))
        finally:
            await database.close()

    @property
    def archive(self) -> str | None:
        """The address of the archive; None where clustered and none is set."""
        given = self.settings.archive
        return given or (None if self.settings.clustered else str(self.settings.data / "archive"))

    async def prepare(self, service: str) -> None:
        """Make sure of the schema before a service starts: embedded migrates by itself, clustered refuses an old
        one.
        """
        database = self.database(service)
        if not self.settings.clustered:
            await migrate.upgrade(database, service)
            return
        found = await migrate.state(database, service)
        if not found.is_current:
            raise SchemaOutdated(
                f"The database of {service} is at revision {found.current}, this version needs {found.wanted}. "
                f"Run: kizashi migrate {service}"
            )

    def relay(self, service: str, plumbing: Plumbing) -> Relay:
        """The outbox relay of a service; the same object at each call."""
        database = self.database(service)
        if id(database) not in self._relays:
            self._relays[id(database)] = Relay(
                service=service,
                log=self.log,
                database=database,
                plumbing=plumbing,
                clocks=self.clocks,
                owner=self.owner,
                idle=_IDLE_CLUSTERED if self.settings.clustered else _IDLE_EMBEDDED,
            )
        return self._relays[id(database)]

    def runner(
        self,
        service: str,
        plumbing: Plumbing,
        *,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        needs_all: bool = False,
    ) -> Runner:
        """A member of a consumer group that folds into the service's database. A new group begins where the log does,
        unless it needs all that ever was.
        """
        return Runner(
            group=group,
            topics=topics,
            log=self.log,
            database=self.database(service),
            plumbing=plumbing,
            handler=handler,
            clocks=self.clocks,
            owner=self.owner,
            wake_relay=self.relay(service, plumbing).wake,
            hooks=self.hooks,
            batch_seconds=SECONDS if self.settings.clustered else _SECONDS_EMBEDDED,
            needs_all=needs_all,
        )

    def retention(self, topic: str, until: Until | None = None) -> Retention:
        """The worker that drops what is older than KIZASHI_LOG_DAYS, of the service that produces the topic."""
        return Retention(log=self.log, topic=topic, days=self.settings.log_days, clocks=self.clocks, until=until)

    def units_of_work(self, service: str, plumbing: Plumbing) -> UnitOfWorks:
        """Opens units of work outside of the runner: for HTTP, timers and the like."""
        database, relay = self.database(service), self.relay(service, plumbing)

        @asynccontextmanager
        async def unit_of_work() -> AsyncIterator[UnitOfWork]:
            async with database.write() as tx:
                uow = UnitOfWork(tx, plumbing)
                yield uow
            if uow.publishes:
                relay.wake.set()
            uow.committed()

        def opened() -> AbstractAsyncContextManager[UnitOfWork]:
            return unit_of_work()

        return opened

    def client(self, service: str, actor: str | None = None) -> httpx.AsyncClient:
        """An HTTP client of another service with the shared key; the caller closes it."""
        key = self.settings.service_key
        if key is None:
            raise SettingsError("KIZASHI_SERVICE_KEY is needed: services call each other with it.")
        return service_client(self.settings.url_of(service), key, actor)

    def feed(self, service: str, topic: str) -> Feed:
        """A topic as server-sent events: a worker, and the source of a route (feed_routes)."""
        return Feed(self.log, topic, name=f"feed:{service}", closing=self.closing)

    def dead_letters(self, service: str, plumbing: Plumbing) -> APIRouter:
        """/v1/dead-letters/{service}."""
        units = self.units_of_work(service, plumbing)
        return dead_letter_routes(service, self.database(service), plumbing, units, self.clocks.world)

    async def run(self, services: Sequence[Service], stop: asyncio.Event) -> None:
        """Run the workers of these services until `stop`. Clustered, a failed worker is raised: the process is to
        end.
        """
        workers = [worker for service in services for worker in service.workers]
        relays = [worker for worker in workers if isinstance(worker, Relay)]
        others = [worker for worker in workers if not isinstance(worker, Relay)]
        await run_workers(others, stop, last=relays, rebuild=not self.settings.clustered)

    async def close(self) -> None:
        """Close the log, then the databases. Safe to call twice."""
        await self.log.close()
        for database in self._databases.values():
            await database.close()


def check_serves_all(settings: Settings) -> None:
    """SettingsError unless one process is to serve all services."""
    if settings.clustered:
        raise SettingsError("KIZASHI_KAFKA is set, so one service is served at a time: kizashi serve SERVICE.")


def check_serves_one(settings: Settings, service: str) -> None:
    """SettingsError unless each service is to be served by processes of its own."""
    if not settings.clustered:
        raise SettingsError(f"`kizashi serve {service}` needs KIZASHI_KAFKA; without it, `kizashi serve` serves all.")


def check_exists(settings: Settings) -> None:
    """SettingsError if commands would look into a data folder that was never made."""
    if not settings.clustered and not settings.data.exists():
        raise SettingsError(
            f"There is no data folder {settings.data}. `kizashi serve` makes one; --data names another."
        )


def key_file(settings: Settings) -> Path:
    """Where the API keys are. SettingsError if all replicas are to share a file and none is named."""
    if settings.keys is not None:
        return settings.keys
    if settings.clustered:
        raise SettingsError("KIZASHI_KEYS is needed with KIZASHI_KAFKA: name the key file that every replica reads.")
    return settings.data / "keys.json"


def open_platform(
    settings: Settings, *, clocks: Clocks | None = None, hooks: TestHooks | None = None, keys: Keys | None = None
) -> Platform:
    """The platform that the settings name; nothing is connected yet. Embedded needs its data folder to exist."""
    clocks = clocks or Clocks.real()
    if keys is None:
        named = settings.keys is not None or not settings.clustered  # without a file the service key alone opens doors
        keys = Keys(KeyFile(key_file(settings), clocks.wall) if named else None, settings.service_key)
    hooks = hooks or TestHooks()
    log = _open_log(settings, clocks)
    if hooks.topic_prefix:
        log = PrefixedLog(log, hooks.topic_prefix)
    return Platform(settings, log=log, clocks=clocks, keys=keys, hooks=hooks)


def _open_log(settings: Settings, clocks: Clocks) -> Log:
    if settings.kafka is None:
        from cskit.log.sqlite import SqliteLog

        return SqliteLog(settings.data / "log.db", now_ms=lambda: int(clocks.world.now().timestamp() * 1000))
    from cskit.log.kafka import KafkaLog, KafkaSecurity

    def text(secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret is not None else None

    security = None
    if settings.kafka_security != "PLAINTEXT":
        security = KafkaSecurity(
            protocol=settings.kafka_security,
            mechanism=settings.kafka_mechanism,
            user=settings.kafka_user,
            password=text(settings.kafka_password),
            ca_file=str(settings.kafka_ca_file) if settings.kafka_ca_file else None,
        )
    return KafkaLog(settings.kafka, client_id=f"kizashi-{os.getpid()}", security=security)
