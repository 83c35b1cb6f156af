"""The composition root of the console."""

import asyncio
from collections.abc import Mapping
from typing import Final
from zoneinfo import ZoneInfo

from console.doors import Doors, Place
from console.links import link_routes
from console.listening import STREAMS, Listener, News
from console.parts import Frame
from console.rendering import Renderer
from console.routes import Pages, page_routes
from console.upstream import SERVICES, Upstream
from cskit.http.assets import StaticFiles, files_of
from cskit.platform import Platform
from cskit.service import Service
from cskit.settings import SettingsError

NAME: Final = "console"


def build(platform: Platform) -> Service:
    """The console on this platform. SettingsError without the key that services share."""
    settings = platform.settings
    if settings.service_key is None:
        raise SettingsError("KIZASHI_SERVICE_KEY is needed: the console reads everything from the other services.")
    place = Place(
        public_url=settings.public_url,
        secret=settings.service_key.get_secret_value(),
        default=settings.locale,
        zone=ZoneInfo(settings.time_zone),
        currency=settings.currency,
        clocks=platform.clocks,
    )
    upstream = Upstream({name: platform.client(name) for name in SERVICES})
    return assembled(place, upstream, platform.closing)


def assembled(place: Place, upstream: Upstream, closing: asyncio.Event) -> Service:
    """The console at this place, on these clients. Streams of pages end when `closing` is set."""
    static, news = StaticFiles(files_of("console", "static"), "/static"), News()
    renderer = Renderer(static)
    pages = Pages(
        doors=Doors(place, upstream, renderer),
        frame=Frame(renderer, place.clocks.world.scale),
        static=static,
        news=news,
        closing=closing,
    )

    async def ready() -> Mapping[str, str]:
        return {"pages": "ok"}  # what the others cannot answer, its pages say

    return Service(
        name=NAME,
        routers=[link_routes(place), page_routes(pages)],
        workers=[Listener(service, upstream.clients[service], news) for service in STREAMS],
        database=None,
        ready=ready,
        close=upstream.close,
    )
