"""The HTTP edge: segments, and the accounts in them."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import Response

from cskit.auth import CONFIGURE, READ, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Conflict, NotFound
from cskit.http import WriteId, requires
from cskit.http.queries import KNOWN_ONLY, query_of
from csmodels.api import AccountSummary, Model, Page
from csmodels.fields import UtcTime
from scoring.api.queries import ListQuery
from scoring.domain.segments import READY, Segment
from scoring.encoding import columns_of, encode, summary_of
from scoring.segmenting import Asked, Counts, Ranks, members
from scoring.store import listing
from scoring.store import segments as store
from scoring.store.segments import Stored
from scoring.weekly import WeekAgo

_LOT: Final = 250  # accounts that are looked at together
_MOST: Final = 5_000  # accounts that one answer looks at: a page of a rare segment may be short, and goes on by `next`
_NO_NUL: Final = r"^[^\x00]*$"  # PostgreSQL keeps none
_READY: Final = {segment.id: segment for segment in READY}


class SegmentBody(Model):
    """A segment as it is made: a condition in CEL over account, health and rfm, and its names by language."""

    names: Annotated[
        dict[Annotated[str, Field(pattern="^(en|ja)$")], Annotated[str, Field(max_length=128, pattern=_NO_NUL)]],
        Field(min_length=1, description="en, ja"),
    ]
    condition: Annotated[str, Field(min_length=1, max_length=4000, pattern=_NO_NUL, strict=True)]


class NewSegment(SegmentBody):
    """The same with its id."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", strict=True)]


class SegmentAnswer(Model):
    """A segment. ready: it ships. accounts and mrr, in the portfolio's currency, are told where they are asked for."""

    id: str
    names: dict[str, str]
    condition: str
    ready: bool
    author: str | None = None
    changed_at: UtcTime | None = None
    accounts: int | None = None
    mrr: float | None = None


class SegmentsAnswer(Model):
    """All segments. ranked_on: the day as of which activity and RFM are known; null before the first computation."""

    items: list[SegmentAnswer]
    next: None = None
    ranked_on: str | None


def router(*, database: Database, clocks: Clocks, ranks: Ranks, week_ago: WeekAgo) -> APIRouter:
    """/v1/segments and below."""
    routes = APIRouter(tags=["scoring"])
    counts = Counts(database, ranks.zone)

    @routes.get("/v1/segments")
    async def list_segments(_: Annotated[Principal, requires(READ)]) -> SegmentsAnswer:
        """The segments that people made, then those that ship."""
        async with database.read() as tx:
            made, computed = await store.all_segments(tx), await store.computed(tx)
        ready = [_answer(Stored(segment, "", clocks.world.now())) for segment in READY]
        return SegmentsAnswer(items=[*map(_answer, made), *ready], ranked_on=computed[0] if computed else None)

    @routes.post("/v1/segments", status_code=201)
    async def make_segment(
        body: NewSegment, by: Annotated[Principal, requires(CONFIGURE)], _: WriteId
    ) -> SegmentAnswer:
        """Make a segment. Made again alike, it is what it was."""
        _refuse_ready(body.id)
        stored = _stored(body.id, body, by)
        async with database.write() as tx:
            there = await store.segment(tx, body.id)
            if there is None:
                store.put(tx, stored)
            elif there.segment != stored.segment:
                raise Conflict("segment_exists", f"There is a segment “{body.id}” already. PUT changes it.", field="id")
        return _answer(there or stored)

    @routes.get("/v1/segments/{id}", dependencies=[KNOWN_ONLY])
    async def get_segment(
        id: str,
        _: Annotated[Principal, requires(READ)],
        count: Annotated[bool, Query(description="Also how many accounts it has, and their MRR")] = False,
    ) -> SegmentAnswer:
        """A segment. Counting looks at every account: some seconds for a hundred thousand."""
        stored = await _found(id)
        answer = _answer(stored)
        if not count:
            return answer
        async with database.read() as tx:
            computed = await store.computed(tx)
        accounts, mrr = await counts.of(stored.segment.condition, ranks.today, computed)
        return answer.model_copy(update={"accounts": accounts, "mrr": mrr})

    @routes.put("/v1/segments/{id}")
    async def change_segment(
        id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")],
        body: SegmentBody,
        by: Annotated[Principal, requires(CONFIGURE)],
        _: WriteId,
    ) -> SegmentAnswer:
        """Make it so, whether it was there or not."""
        _refuse_ready(id)
        stored = _stored(id, body, by)
        async with database.write() as tx:
            store.put(tx, stored)
        return _answer(stored)

    @routes.delete("/v1/segments/{id}", status_code=204)
    async def drop_segment(id: str, _: Annotated[Principal, requires(CONFIGURE)], _ids: WriteId) -> None:
        """Forget a segment. Its accounts stay as they are."""
        _refuse_ready(id)
        async with database.write() as tx:
            if not await store.drop(tx, id):
                raise _no_segment(id)

    @routes.post("/v1/segments/ranks", status_code=202)
    async def compute_ranks(_: Annotated[Principal, requires(CONFIGURE)], _ids: WriteId) -> None:
        """Have activity and RFM computed now, and not only with the next day. It takes a minute or so."""
        await store.asked_anew(database, ranks.today)
        ranks.asked.set()

    @routes.get("/v1/segments/{id}/accounts", response_model=Page[AccountSummary])
    async def list_accounts(
        request: Request, id: str, _: Annotated[Principal, requires(READ)], shown: Annotated[ListQuery, Query()]
    ) -> Response:
        """The accounts in a segment, asked for like GET /v1/accounts.

        Of a rare segment a page may hold fewer than `limit`, or none, though `next` says that there is more.
        """
        query = query_of(ListQuery, request)
        fields = query.chosen()
        asked = Asked((await _found(id)).segment.condition)
        rows, following = await _page(asked, query, columns_of(fields))
        before: Any = await week_ago.scores(database, rows, clocks.world.now()) if "change" in fields else {}
        items = [summary_of(row, fields, before.get(row.account)) for row in rows]
        return Response(encode({"items": items, "next": following}), media_type="application/json")

    async def _page(asked: Asked, query: ListQuery, columns: Sequence[str]) -> tuple[list[Row[Any]], str | None]:
        (sort, descending), after = query.order(), query.place()
        wanted, needed = query.filter(), tuple(dict.fromkeys((*asked.columns, *columns)))
        found: list[Row[Any]] = []
        for _ in range(0, _MOST, _LOT):
            rows = await listing.page(
                database, wanted, columns=needed, sort=sort, descending=descending, after=after, limit=_LOT
            )
            found += await members(database, asked, rows, ranks.today, ranks.zone)
            if len(found) > query.limit:
                found = found[: query.limit]
                return found, query.cursor_at(found[-1])
            if len(rows) < _LOT:
                return found, None
            after = listing.place_of(rows[-1])
        return found, query.cursor_at(rows[-1])

    async def _found(id_: str) -> Stored:
        if id_ in _READY:
            return Stored(_READY[id_], "", clocks.world.now())
        async with database.read() as tx:
            stored = await store.segment(tx, id_)
        if stored is None:
            raise _no_segment(id_)
        return stored

    def _stored(id_: str, body: SegmentBody, by: Principal) -> Stored:
        Asked(body.condition, stored=False)  # raises Invalid for what cannot be asked
        return Stored(Segment(id_, body.names, body.condition), by.actor or by.name, clocks.wall.now())

    return routes


def _answer(stored: Stored) -> SegmentAnswer:
    segment = stored.segment
    return SegmentAnswer(
        id=segment.id,
        names=dict(segment.names),
        condition=segment.condition,
        ready=segment.ready,
        author=None if segment.ready else stored.author,
        changed_at=None if segment.ready else stored.changed_at,
    )


def _refuse_ready(id_: str) -> None:
    if id_ in _READY:
        raise Conflict(
            "segment_ships", f"The segment “{id_}” ships with Kizashi and stays as it is. Make one of another id.",
            field="id",
        )  # fmt: skip


def _no_segment(id_: str) -> NotFound:
    return NotFound("segment_not_found", f"There is no segment “{id_[:64]}”. GET /v1/segments lists them.")
