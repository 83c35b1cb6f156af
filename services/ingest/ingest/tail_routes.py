"""/v1/sources/{name}/tail and /v1/source-tails: what came in last, of one source and of all."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from cskit.auth import OPERATE, Principal
from cskit.db import Database
from cskit.errors import Invalid
from cskit.http import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, encode_cursor, requires
from csmodels.api import Page
from csmodels.fields import UtcTime
from ingest.api import cursors
from ingest.domain.records import FAMILY_OF
from ingest.store import tails as store
from ingest.tails import LENGTH

_Name = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$", description="The source's name")]
_After = Annotated[str | None, Query(max_length=2048, description="`cursor` of the answer before")]
_ACCEPTED: Final = ("accepted", "duplicate")


class TailItem(BaseModel):
    """An item as it came in, and what became of it: accepted, duplicate, waiting or refused.

    id is the one under which it travels; code and field say why it was refused, or which of its traits was left out
    (`left_out`). What else it said is not kept here.
    """

    at: UtcTime
    index: int
    id: str | None
    type: str | None
    account: str | None
    status: str
    code: str | None
    field: str | None


class Tail(BaseModel):
    """The newest items first; `cursor` asks for those that come after them."""

    items: list[TailItem]
    cursor: str


class SourceTail(BaseModel):
    """When a source was last heard, what became of its last items (a hundred at most), and which families of events
    are among them.
    """

    source: str
    last_at: UtcTime
    accepted: int
    waiting: int
    refused: int
    families: list[str]


class StoppedFeed(BaseModel):
    """A family of events that stands still, over all sources."""

    family: str
    since: UtcTime


class SourceTails(Page[SourceTail]):
    """The sources that were heard, by name, and the feeds that stand still."""

    stopped: list[StoppedFeed]


def router(database: Database) -> APIRouter:
    """The routes on this database."""
    made = APIRouter(prefix="/v1", tags=["ingest"])

    @made.get("/sources/{name}/tail")
    async def get_tail(
        name: _Name, _: Annotated[Principal, requires(OPERATE)], after: _After = None, limit: Limit = DEFAULT_LIMIT
    ) -> Tail:
        """The last items of a source, a hundred at most; with `after` those that came since that answer.

        A source that was never heard has none: that is how one waits for its first event.
        """
        places = _places(after)
        async with database.read() as tx:
            rows = await store.of_source(tx, name)
        found = {row.replica: json.loads(row.items) for row in rows}
        items = _merged(
            item for replica, each in found.items() for item in each if item["n"] > places.get(replica, 0)
        )  # fmt: skip
        newest = {replica: each[0]["n"] for replica, each in sorted(found.items())}
        return Tail(items=[TailItem(**each) for each in items[:limit]], cursor=_cursor(newest))

    @made.get("/source-tails")
    async def get_tails(
        _: Annotated[Principal, requires(OPERATE)], cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> SourceTails:
        """The sources that were heard, and the families of events that stand still."""
        after = cursors.texts(cursor, 1)
        async with database.read() as tx:
            names = await store.names(tx, after="" if after is None else after[0], limit=limit + 1)
            rows = await store.of_sources(tx, names[:limit])
            stopped = await store.stopped(tx)
        by_source: dict[str, list[Any]] = {}
        for row in rows:
            by_source.setdefault(row.source, []).append(row)
        return SourceTails(
            items=[_summed(source, by_source[source]) for source in sorted(by_source)],
            next=encode_cursor(names[limit - 1]) if len(names) > limit else None,
            stopped=[StoppedFeed(family=family, since=since) for family, since in sorted(stopped.items())],
        )

    return made


def _merged(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest hundred of several replicas. Of one moment the later of a request comes first."""
    newest = sorted(items, key=lambda item: (datetime.fromisoformat(item["at"]), item["n"]), reverse=True)
    return newest[:LENGTH]


def _summed(source: str, rows: Sequence[Any]) -> SourceTail:
    items = _merged(item for row in rows for item in json.loads(row.items))
    became = Counter(item["status"] for item in items)
    families = {FAMILY_OF[item["type"]] for item in items if item["type"] in FAMILY_OF}
    return SourceTail(
        source=source,
        last_at=max(row.last_at for row in rows),
        accepted=sum(became[status] for status in _ACCEPTED),
        waiting=became["waiting"],
        refused=became["refused"],
        families=sorted(families),
    )


def _cursor(places: Mapping[str, int]) -> str:
    return encode_cursor(*(part for place in places.items() for part in place))


def _places(cursor: str | None) -> Mapping[str, int]:
    """How far each replica's tail was read. Raises Invalid."""
    if cursor is None:
        return {}
    parts = decode_cursor(cursor)
    replicas, numbers = parts[::2], parts[1::2]
    if len(parts) % 2 or not all(isinstance(each, str) for each in replicas) or not all(map(_is_number, numbers)):
        raise Invalid(
            "invalid_cursor", "This cursor is not one of this list. Leave it out to begin anew.", field="after"
        )
    return {str(replica): int(number or 0) for replica, number in zip(replicas, numbers, strict=True)}


def _is_number(part: object) -> bool:
    return isinstance(part, int) and not isinstance(part, bool)
