"""What pages have in common: fragments, ids of elements, addresses, and blocks that may be missing."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.responses import Response

from console.rendering import Renderer
from console.upstream import Refused, Unreachable
from console.visits import Visit
from cskit.observability import get_logger

T = TypeVar("T")

BLOCK_SECONDS: Final = 2.5  # how long a page waits for what it can be shown without

log = get_logger()


@dataclass(frozen=True, slots=True)
class Fragments:
    """The parts of a page that live values replace, by the id of the element; `order` is that of its rows."""

    parts: Mapping[str, str]
    order: Sequence[str] | None = None


def element_id(prefix: str, id_: str) -> str:
    """An id for HTML: ours hold anything, those of elements no spaces."""
    return f"{prefix}-{hashlib.blake2s(id_.encode(), digest_size=6).hexdigest()}"


def account_url(account: str) -> str:
    """The page of an account."""
    return f"/accounts/{quote(account, safe='')}"


def with_query(path: str, asked: Mapping[str, str | None]) -> str:
    """The path with those values that are there."""
    kept = {name: value for name, value in asked.items() if value}
    return path + (f"?{urlencode(kept)}" if kept else "")


async def first_if_foreign(load: Callable[[QueryParams], Awaitable[T]], query: QueryParams) -> T:
    """The page at the query's cursor; the first one if the cursor is not of this list."""
    try:
        return await load(query)
    except Refused as error:
        if error.code != "invalid_cursor" or "cursor" not in query:
            raise
        log.info("console.cursor_dropped")
        return await load(QueryParams([pair for pair in query.multi_items() if pair[0] != "cursor"]))


@dataclass(slots=True)
class Missing:
    """Which services could not be asked while a page was loaded; the rest of the page is shown all the same."""

    services: list[str] = field(default_factory=list)

    async def or_else(self, service: str, call: Awaitable[T], otherwise: T) -> T:
        """The answer; `otherwise` if there is none in time, and the page says that something is missing."""
        try:
            async with asyncio.timeout(BLOCK_SECONDS):
                return await call
        except (Unreachable, Refused, TimeoutError) as error:
            log.warning("console.block_missing", service=service, reason=str(error) or "too slow")
            if service not in self.services:
                self.services.append(service)
            return otherwise

    def notes(self, visit: Visit) -> list[str]:
        """A sentence for each."""
        return [visit.say("frame.error_busy", service=visit.say(f"frame.service_{each}")) for each in self.services]


@dataclass(frozen=True, slots=True)
class Frame:
    """Renders a template with what every template of somebody's visit may use."""

    renderer: Renderer
    scale: float

    def values(self, visit: Visit) -> Mapping[str, Any]:
        """The reader, the texts, the formats."""
        rate = visit.formats.rate(self.scale) if self.scale != 1 else None
        return {"visit": visit, "t": visit.say, "f": visit.formats, "rate": rate}

    def page(self, template: str, visit: Visit, *, status: int = 200, **values: Any) -> Response:
        """A whole page."""
        shared = dict(self.values(visit))
        shared.pop("t")
        return self.renderer.page(template, language=visit.language, status=status, **{**shared, **values})

    def fragment(self, template: str, visit: Visit, **values: Any) -> str:
        """A part of it."""
        return self.renderer.fragment(template, language=visit.language, **{**self.values(visit), **values}).strip()
