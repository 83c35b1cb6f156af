"""The composition root of the console."""

from collections.abc import Mapping
from typing import Final

from cskit.platform import Platform
from cskit.service import Service

NAME: Final = "console"


def build(platform: Platform) -> Service:
    """The console on this platform."""

    async def ready() -> Mapping[str, str]:
        return {}

    return Service(name=NAME, routers=[], workers=[], database=None, ready=ready)
