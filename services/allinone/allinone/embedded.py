"""Everything in one process on one port: the log and a database per service in SQLite files of the data folder."""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from allinone.composition import SERVED, SERVICES, build, combined_app, started
from allinone.data_folder import RunningServer, announced, locked
from allinone.server import bound_socket, serving
from console.sessions import LINK_FOR, Role, sign_in_link
from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks
from cskit.platform import Platform, key_file, open_platform
from cskit.service import Service
from cskit.settings import Settings, TestHooks

FIRST_KEY_SCOPES = ("ingest", "read", "write", "configure")


@dataclass(frozen=True, slots=True)
class Embedded:
    """A server that runs. `first_key` is the text of the key made at the first start, else None."""

    url: str
    platform: Platform
    services: Mapping[str, Service]
    first_key: str | None
    workers: "asyncio.Task[None]"


@asynccontextmanager
async def embedded_server(
    settings: Settings, *, host: str, port: int, clocks: Clocks | None = None, hooks: TestHooks | None = None
) -> AsyncIterator[Embedded]:
    """Serve all services inside the block, then stop in good order: requests, consumers, relays, files.

    Raises FolderInUse, FolderUnusable, PortInUse, SettingsError.
    """
    clocks = clocks or Clocks.real()
    with locked(settings.data):
        listener = bound_socket(host, port)
        url = _url(host, listener)
        settings = _completed(settings, url)
        operator_key = SecretStr(f"kz_operator_{secrets.token_urlsafe(24)}")
        keys = Keys(KeyFile(key_file(settings), clocks.wall), settings.service_key, operator_key)
        first_key = _first_key(settings, keys, clocks)
        platform = open_platform(settings, clocks=clocks, hooks=hooks, keys=keys)
        try:
            await platform.start()
            for name in SERVICES:
                await platform.prepare(name)
            services = {name: build(name, platform) for name in SERVED}
            async with started(services.values()):
                stop = asyncio.Event()
                workers = asyncio.create_task(platform.run(list(services.values()), stop), name="workers")
                here = RunningServer(url, os.getpid(), operator_key.get_secret_value())
                try:
                    async with serving(combined_app(list(services.values()), platform), listener):
                        try:
                            with announced(settings.data, here):
                                yield Embedded(url, platform, services, first_key, workers)
                        finally:
                            platform.closing.set()
                finally:
                    stop.set()
                    await workers
        finally:
            listener.close()
            await platform.close()


def console_link(server: Embedded, *, staff: str | None = None, role: Role = "operator") -> str:
    """A link that signs a person in to the console for a day."""
    settings = server.platform.settings
    assert settings.service_key is not None, "the embedded server has made it"
    return sign_in_link(
        settings.public_url,
        settings.service_key.get_secret_value(),
        staff=staff,
        role=role,
        now=server.platform.clocks.wall.now(),
        valid=LINK_FOR,
    )


def _url(host: str, listener: socket.socket) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104  compared, not bound
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}"


def _completed(settings: Settings, url: str) -> Settings:
    """What the embedded server knows by itself: where it is, and the key its services share."""
    given = settings.model_fields_set
    known: dict[str, object] = {f"{name}_url": url for name in SERVED if f"{name}_url" not in given}
    if "public_url" not in given:
        known["public_url"] = url
    if settings.service_key is None:
        known["service_key"] = SecretStr(f"kz_service_{secrets.token_urlsafe(24)}")
    return settings.model_copy(update=known)


def _first_key(settings: Settings, keys: Keys, clocks: Clocks) -> str | None:
    if keys.file is None or key_file(settings).exists():
        return None
    text, entry = new_key("first", FIRST_KEY_SCOPES, None, None, clocks.wall.now())
    keys.file.add(entry)
    return text
