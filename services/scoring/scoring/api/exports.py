"""The HTTP edge: all accounts in one answer, as large as they are many."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field
from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import StreamingResponse

from cskit.auth import READ, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.http import requires
from cskit.http.queries import query_of
from scoring.api.queries import Filters, Sparse, Text
from scoring.catalogue import ReadingRules
from scoring.encoding import columns_of, summary_of
from scoring.exporting import Csv, Format, Ndjson, gzipped, text_of
from scoring.store import listing
from scoring.weekly import WeekAgo

_LOT: Final = 200  # accounts that are read, and held, at a time


class ExportQuery(Filters, Sparse):
    """GET /v1/exports/accounts."""

    format: Literal["ndjson", "csv"] = "ndjson"
    after: Text = Field(
        default="", description="Go on after this account: the last one whose line came whole. CSV is then without head"
    )
    raw: bool = Field(
        default=False, description="CSV for programs: no apostrophe in front of what a spreadsheet takes for a formula"
    )
    bom: bool = Field(default=False, description="CSV with a byte order mark, by which Excel knows it as UTF-8")


def router(*, database: Database, rules: ReadingRules, clocks: Clocks, week_ago: WeekAgo) -> APIRouter:
    """GET /v1/exports/accounts."""
    routes = APIRouter(tags=["scoring"])

    @routes.get(
        "/v1/exports/accounts",
        response_class=StreamingResponse,
        responses={200: {"content": {"application/x-ndjson": {}, "text/csv": {}}}},
    )
    async def export_accounts(
        request: Request, _: Annotated[Principal, requires(READ)], shown: Annotated[ExportQuery, Query()]
    ) -> StreamingResponse:
        """All accounts with the fields of the list, ordered by account: NDJSON, or CSV with a column per measure.

        Each account is as it was when its line was written. One that was there all the time comes exactly once. The
        answer is packed with gzip where that is accepted. Broken off, it is continued by `after`.
        """
        query = query_of(ExportQuery, request)
        fields = query.chosen()
        form: Format = Ndjson()
        if query.format == "csv":
            measures = await _measures(database, rules) if "contributions" in fields else ()
            form = Csv(fields, measures, bom=query.bom, headed=not query.after, raw=query.raw)
        after = query.after if query.format == "ndjson" or query.raw else text_of(query.after)
        lots = listing.in_lots(database, query.filter(), columns=columns_of(fields), after=after, lot=_LOT)
        parts = _parts(lots, fields, form, database, week_ago, clocks)
        day = clocks.world.now().date().isoformat()
        headers = {
            "Content-Disposition": f'attachment; filename="accounts-{day}.{query.format}"',
            "Cache-Control": "private, no-store",
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            parts = gzipped(parts)
            headers["Content-Encoding"] = "gzip"
        return StreamingResponse(parts, media_type=form.media_type, headers=headers)

    return routes


async def _parts(
    lots: AsyncIterator[Sequence[Row[Any]]],
    fields: Sequence[str],
    form: Format,
    database: Database,
    week_ago: WeekAgo,
    clocks: Clocks,
) -> AsyncIterator[bytes]:
    if head := form.head():
        yield head.encode()
    async for rows in lots:
        before: Any = {}
        if "change" in fields:
            before = await week_ago.scores(database, rows, clocks.world.now())
        yield form.lines([summary_of(row, fields, before.get(row.account)) for row in rows])


async def _measures(database: Database, rules: ReadingRules) -> tuple[str, ...]:
    """The measures of all scorecards in use, of every stage, in the order in which they stand there."""
    found: dict[str, None] = {}
    async with database.read() as tx:
        for row in await listing.one_of_each_scorecard(tx):
            found |= dict.fromkeys((await rules.of(tx, row.scorecard)).card.measures)
            # a version that is not known any more still has its rows
            found |= dict.fromkeys(one["measure"] for one in msgspec.json.decode(row.contributions))
    return tuple(found)
