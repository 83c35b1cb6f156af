"""The server with all that stands around it, as one context: made on the way in, taken down on the way out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from allinone.commands.keys import make_key
from allinone.data_folder import running_server
from allinone.demo.clock import DemoClock, newest_append
from allinone.demo.folder import Marker, held, prepared
from allinone.demo.history import Loader, loading
from allinone.demo.options import DEFAULT_FOLDER, Options
from allinone.demo.receiver import Receiver, receiving
from allinone.demo.tally import NotDone, Tally
from allinone.embedded import Embedded, embedded_server
from allinone.server import calm_garbage_collection
from cskit.auth import INGEST, KeyFile
from cskit.clock import Clocks, RealClock
from cskit.errors import NotFound
from cskit.platform import key_file
from cskit.settings import Settings, TestHooks
from csworld import World, make_world

SOURCE: Final = "demo-product"  # of every event: the history and the live days know the same users
_TIMEOUT: Final = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What the demo plays on. `loader` is None where the folder's history is whole.

    admin, ingest and browser are clients of the server: with all rights, with the product's key, and with no key.
    """

    folder: Path
    marker: Marker
    clock: DemoClock
    clocks: Clocks
    server: Embedded
    world: World
    receiver: Receiver
    loader: Loader | None
    key: str
    admin: httpx.AsyncClient
    ingest: httpx.AsyncClient
    browser: httpx.AsyncClient
    tally: Tally


@asynccontextmanager
async def staged(options: Options, settings: Settings, hooks: TestHooks) -> AsyncIterator[Stage]:
    """A server on the demo's folder, in a world that stands still. Raises as `embedded_server`, and Invalid."""
    wall = RealClock()
    folder = options.folder or DEFAULT_FOLDER
    settings = _of_its_own(settings, folder)
    with held(folder):
        marker = prepared(folder, options, wall.now())
        newest = await newest_append(settings) if marker.loaded else None
        key = _product_key(settings)
    clock = DemoClock(marker.speed, max(newest or marker.origin, marker.origin), wall)
    clocks = Clocks(world=clock, wall=wall)
    async with AsyncExitStack() as stack:
        loader = None if marker.loaded else await stack.enter_async_context(loading(marker))
        receiver = await stack.enter_async_context(receiving(options.host, wall, settings.locale))
        allowed = settings.model_copy(update={"webhook_allow": (*settings.webhook_allow, receiver.address)})
        server = await stack.enter_async_context(
            embedded_server(allowed, host=options.host, port=options.port, clocks=clocks, hooks=hooks)
        )
        here = running_server(folder)
        if here is None:
            raise NotDone(f"The server has left no {folder} to find it by.")
        world = await asyncio.to_thread(_world, marker)
        calm_garbage_collection()
        admin, ingest, browser = [
            await stack.enter_async_context(_client(server.url, key_text)) for key_text in (here.key, key, None)
        ]
        yield Stage(
            folder=folder,
            marker=marker,
            clock=clock,
            clocks=clocks,
            server=server,
            world=world,
            receiver=receiver,
            loader=loader,
            key=key,
            admin=admin,
            ingest=ingest,
            browser=browser,
            tally=Tally(),
        )


def _of_its_own(settings: Settings, folder: Path) -> Settings:
    """The settings without what names a real installation, whose keys and addresses a demo must not touch."""
    kept = {name: getattr(settings, name) for name in ("time_zone", "locale", "currency", "webhook_allow")}
    return Settings(data=folder, **{name: kept[name] for name in kept if name in settings.model_fields_set})


def _product_key(settings: Settings) -> str:
    """A key of the product's backend. The one of an earlier start, whose text nobody knows any more, is revoked."""
    with suppress(NotFound):  # there was none
        KeyFile(key_file(settings), RealClock()).revoke(SOURCE)
    return make_key(settings, SOURCE, [INGEST], [SOURCE], None)


def _world(marker: Marker) -> World:
    return make_world(marker.seed, accounts=marker.accounts, days=marker.days, now=marker.origin)


def _client(url: str, key: str | None) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {key}"} if key is not None else {}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False, follow_redirects=True)
