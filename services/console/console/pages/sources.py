"""/sources: where events come from, how to connect one more, and what became of the last items."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.doors import Unfit
from console.pages.source_snippets import Snippet, snippets
from console.parts import Fragments, Frame, element_id
from console.rendering import HEADERS
from console.upstream import Source, SourceTail, StoppedFeed, Tail, TailItem
from console.visits import Visit

PATH: Final = "/sources"
ITEMS: Final = 100
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_ACCEPTED: Final = ("accepted", "duplicate")
STATUSES: Final = ("accepted", "duplicate", "waiting", "refused")
FAMILIES: Final = ("usage", "tickets", "billing")


@dataclass(frozen=True, slots=True)
class Row:
    """A source of the list. tail None: it was never heard."""

    element: str
    name: str
    href: str
    kind: str
    tail: SourceTail | None
    feed: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item in words; `why` is empty if it was simply accepted."""

    at: datetime
    id: str | None
    type: str | None
    account: str | None
    status: str
    word: str
    why: str
    code: str | None


@dataclass(frozen=True, slots=True)
class SourcesPage:
    """The list and the page of one, with their live parts."""

    frame: Frame
    public_url: str

    async def show(self, request: Request, visit: Visit) -> Response:
        """The list; with `connect` the page of a source that is to come."""
        _check_rights(visit)
        name = request.query_params.get("connect", "").strip()
        if name:
            return RedirectResponse(_url(_checked(visit, name)), 303, HEADERS)
        rows, lead = await self._rows(visit)
        live = f"/live?{urlencode({'view': 'sources'})}"
        return self.frame.page("sources.html", visit, menu="sources", rows=rows, lead=lead, live=live)

    async def show_one(self, request: Request, visit: Visit) -> Response:
        """One source, whether anything is known of it or not: that is how one waits for its first event."""
        _check_rights(visit)
        name = _checked(visit, request.path_params["name"])
        told, tail = await asyncio.gather(visit.calls.source(name), visit.calls.tail(name, limit=ITEMS))
        return self.frame.page(
            "source.html",
            visit,
            menu="sources",
            name=name,
            tail=tail,
            items=_items(visit, tail),
            lead=_lead_of(visit, tail),
            hook=_hook(told, self.public_url),
            snippets=_snippets(told, name, self.public_url),
            live=f"/live?{urlencode({'view': 'source', 'name': name})}",
        )

    async def fragments(self, visit: Visit) -> Fragments:
        """Each row, and the sentence above."""
        rows, lead = await self._rows(visit)
        parts = {row.element: self.frame.fragment("parts/source_row.html", visit, row=row) for row in rows}
        parts["sources-lead"] = self.frame.fragment("parts/sources_lead.html", visit, lead=lead)
        return Fragments(parts, [row.element for row in rows])

    async def fragments_of(self, visit: Visit, name: str) -> Fragments:
        """What came in from one source."""
        tail = await visit.calls.tail(name, limit=ITEMS)
        values = {"tail": tail, "items": _items(visit, tail), "lead": _lead_of(visit, tail)}
        return Fragments({
            f"source-{part}": self.frame.fragment(f"parts/source_{part}.html", visit, **values)
            for part in ("lead", "items")
        })  # fmt: skip

    async def newest(self, visit: Visit) -> str:
        """A text that changes whenever a source is heard or a feed stops or flows again."""
        return (await visit.calls.source_tails()).model_dump_json()

    async def newest_of(self, visit: Visit, name: str) -> str:
        """A text that changes with each item of the source."""
        return (await visit.calls.tail(name, limit=1)).cursor

    async def _rows(self, visit: Visit) -> tuple[list[Row], str]:
        told, heard = await asyncio.gather(visit.calls.sources(), visit.calls.source_tails())
        kinds = {source.name: source.kind for source in told}
        tails = {tail.source: tail for tail in heard.items}
        rows = [_row(visit, name, kinds, tails.get(name), heard.stopped) for name in sorted(kinds.keys() | tails)]
        return rows, _lead(visit, len(tails), heard.stopped)


def _check_rights(visit: Visit) -> None:
    if not visit.may_operate:
        raise Unfit(403, visit.say("sources.rights"), visit.say("sources.rights_how"))


def _checked(visit: Visit, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Unfit(422, visit.say("sources.bad_name"), visit.say("sources.bad_name_how"), back=PATH)
    return name


def _url(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"


def _row(
    visit: Visit, name: str, kinds: dict[str, str], tail: SourceTail | None, stopped: Sequence[StoppedFeed]
) -> Row:
    families = tail.families if tail else []
    still = [feed for feed in stopped if feed.family in families]
    if still:
        feed = visit.say(
            "sources.feed_stopped", families=_families(visit, still), time=visit.formats.moment(_since(still))
        )
    else:
        feed = visit.say("sources.feed_flows" if families else "sources.feed_none")
    kind = kinds.get(name, "product")
    return Row(
        element=element_id("source", name),
        name=name,
        href=_url(name),
        kind=visit.say_or(f"sources.kind_{kind}", kind),
        tail=tail,
        feed=feed,
        stopped=bool(still),
    )


def _lead(visit: Visit, heard: int, stopped: Sequence[StoppedFeed]) -> str:
    if stopped:
        families, since = _families(visit, stopped), visit.formats.moment(_since(stopped))
        return visit.say("sources.lead_stopped", families=families, time=since)
    return visit.say("sources.lead", n=heard) if heard else visit.say("sources.lead_none")


def _families(visit: Visit, stopped: Sequence[StoppedFeed]) -> str:
    words = [visit.say_or(f"sources.family_{feed.family}", feed.family) for feed in stopped]
    return visit.say("sources.and").join(words)


def _since(stopped: Sequence[StoppedFeed]) -> datetime:
    return min(feed.since for feed in stopped)


def _lead_of(visit: Visit, tail: Tail) -> str:
    """When it was last heard, and the sums; "" while it was not."""
    if not tail.items:
        return ""
    sums = visit.say(
        "sources.sums",
        n=len(tail.items),
        accepted=sum(item.status in _ACCEPTED for item in tail.items),
        waiting=sum(item.status == "waiting" for item in tail.items),
        refused=sum(item.status == "refused" for item in tail.items),
    )
    heard = visit.say("sources.heard", time=visit.formats.precise(tail.items[0].at))
    return _sentences(visit, heard, sums)


def _sentences(visit: Visit, *told: str) -> str:
    return (" " if visit.language == "en" else "").join(filter(None, told))


def _items(visit: Visit, tail: Tail) -> list[ItemRow]:
    return [
        ItemRow(
            at=item.at,
            id=item.id,
            type=item.type,
            account=item.account,
            status=item.status,
            word=visit.say_or(f"sources.status_{item.status}", item.status),
            why=_why(visit, item),
            code=item.code,
        )
        for item in tail.items
    ]


def _why(visit: Visit, item: TailItem) -> str:
    """Why it was not simply accepted, in plain words."""
    named = item.field or visit.say("sources.a_field")
    if item.status != "refused":
        why = [visit.say_or(f"sources.why_{item.status}", "")]
        why += [visit.say(f"sources.why_{item.code}", field=named)] if item.code == "left_out" else []
        return _sentences(visit, *why)
    if visit.say_or(f"sources.why_{item.code}", ""):
        return visit.say(f"sources.why_{item.code}", field=named)
    return visit.say("sources.why_other", field=named)


def _hook(told: Source | None, public_url: str) -> str | None:
    """Where a help desk or a billing system sends to; None for a product."""
    is_product = told is None or told.kind == "product"
    return None if is_product or told is None else f"{public_url}/v1/webhooks/{quote(told.name, safe='')}"


def _snippets(told: Source | None, name: str, public_url: str) -> Sequence[Snippet]:
    return snippets(public_url, name) if told is None or told.kind == "product" else ()
