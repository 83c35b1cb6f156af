"""The HTTP edge: the list of accounts, an account, and its health: read often, so plain routes and bytes."""

import re
from typing import Annotated, Any, Final

import xxhash
from fastapi import APIRouter, Query
from sqlalchemy import Row
from starlette.requests import Request
from starlette.responses import Response

from cskit.auth import READ, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.http import principal_of, requires
from cskit.http.queries import query_of
from csmodels.api import AccountSummary, Health, Model, Page
from scoring.api.finding import no_account
from scoring.api.queries import ListQuery, Sparse
from scoring.encoding import HEALTH, columns_of, encode, health_of, summary_of
from scoring.store import listing
from scoring.summaries import Summaries, light, state_of
from scoring.weekly import WeekAgo

JSON: Final = "application/json"
_ALWAYS_ASK: Final = {"Cache-Control": "private, no-cache"}  # keep it, but ask whether it still holds
_ETAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_304: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "As If-None-Match has it"}}


class _None(Model):
    """No parameters."""


def list_routes(routes: APIRouter, *, database: Database, clocks: Clocks, week_ago: WeekAgo) -> None:
    """GET /v1/accounts and …/health. To be added before what else begins with /v1/accounts."""
    summaries = Summaries()

    async def accounts(request: Request) -> Response:
        principal_of(request, READ)
        query = query_of(ListQuery, request)
        (sort, descending), fields = query.order(), query.chosen()
        rows = await listing.page(
            database,
            query.filter(),
            columns=light(fields),
            sort=sort,
            descending=descending,
            after=query.place(),
            limit=query.limit + 1,
        )
        more, rows = len(rows) > query.limit, rows[: query.limit]
        before = await week_ago.scores(database, rows, clocks.world.now()) if "change" in fields else {}
        following = query.cursor_at(rows[-1]) if more else None
        told = [(row.account, *state_of(row), before.get(row.account)) for row in rows]
        etag = f'"{xxhash.xxh3_64_hexdigest(encode([told, fields, following]))}"'
        if _is_known(request, etag):
            return _unchanged(etag)
        items = await summaries.of(database, rows, fields, before)
        return _answer({"items": items, "next": following}, etag)

    async def health(request: Request) -> Response:
        principal_of(request, READ)
        query_of(_None, request)
        id_: str = request.path_params["id"]
        row = await listing.one(database, id_, HEALTH)
        if row is None:
            raise no_account(id_)
        etag = _etag_of(row)
        return _unchanged(etag) if _is_known(request, etag) else _answer(health_of(row), etag)

    routes.add_route("/v1/accounts", accounts, methods=["GET"])
    routes.add_route("/v1/accounts/{id:path}/health", health, methods=["GET"])
    _document(routes)


def account_route(routes: APIRouter, *, database: Database, clocks: Clocks, week_ago: WeekAgo) -> None:
    """GET /v1/accounts/{id}. To be added last: an id may hold slashes, so it takes whatever follows."""

    @routes.get("/v1/accounts/{id:path}", response_model=AccountSummary, responses=_304)
    async def get_account(
        request: Request,
        id: str,
        _: Annotated[Principal, requires(READ)],
        fields: Annotated[list[str] | None, Query(description="Only these, as fields=score,band")] = None,
    ) -> Response:
        """One account, as the list shows it."""
        chosen = query_of(Sparse, request).chosen()
        row = await listing.one(database, id, columns_of(chosen))
        if row is None:
            raise no_account(id)
        before = await week_ago.scores(database, [row], clocks.world.now()) if "change" in chosen else {}
        then = before.get(id)
        etag = f'"{xxhash.xxh3_64_hexdigest(encode([_etag_of(row), chosen, then]))}"'
        return _unchanged(etag) if _is_known(request, etag) else _answer(summary_of(row, chosen, then), etag)


def _etag_of(row: Row[Any]) -> str:
    return '"{}.{}.{}.{}"'.format(*state_of(row))


def _is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match names it, by the weak comparison."""
    said = request.headers.get("if-none-match")
    return said is not None and (said.strip() == "*" or etag in _ETAG.findall(said))


def _unchanged(etag: str) -> Response:
    return Response(status_code=304, headers={"ETag": f"W/{etag}", **_ALWAYS_ASK})


def _answer(content: Any, etag: str) -> Response:
    body = content if isinstance(content, bytes) else encode(content)
    return Response(body, media_type=JSON, headers={"ETag": f"W/{etag}", **_ALWAYS_ASK})


def _document(routes: APIRouter) -> None:
    """Put the plain routes into the document of the app; they are tried first, so these are not reached."""

    @routes.get("/v1/accounts", responses=_304)
    async def list_accounts(
        request: Request, _: Annotated[Principal, requires(READ)], query: Annotated[ListQuery, Query()]
    ) -> Page[AccountSummary]:
        """The accounts and how they are."""
        raise AssertionError(f"{request.url.path} is a plain route, and those are tried first")

    @routes.get("/v1/accounts/{id:path}/health", responses=_304)
    async def get_health(request: Request, id: str, _: Annotated[Principal, requires(READ)]) -> Health:
        """The health of an account with its reasons: reference + contributions + adjustments equals score."""
        raise AssertionError(f"{request.url.path} is a plain route, and those are tried first")
