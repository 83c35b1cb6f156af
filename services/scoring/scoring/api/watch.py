"""The HTTP edge: the watch list."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from msgspec import convert
from sqlalchemy import Row

from cskit.auth import READ, Principal
from cskit.db import Database
from cskit.errors import Invalid
from cskit.http import Cursor, Limit, decode_cursor, encode_cursor, moment_of, requires
from cskit.http.pages import DEFAULT_LIMIT
from cskit.http.queries import KNOWN_ONLY
from csmodels.api import Model, Page
from csmodels.fields import Band, PositiveMoney, Stage, UtcTime, Watch
from scoring.domain.verdict import Verdict
from scoring.store import watching

_NOTHING: Final = Decimal(0)

_Place = tuple[Decimal, datetime, str, str]


class Watched(Model):
    """A reason to look at an account that is not red.

    declining: weekly core actions have fallen below the account's own usual level; numbers are usual (a week), last
    (the last whole week), cusum and weeks (for how long it has been rising). divergent: the relation is good while
    usage falls; numbers are the points of the measures. since: when it came on the list.
    """

    account: str
    name: str | None
    reason: Watch
    since: UtcTime
    numbers: dict[str, float]
    score: float
    band: Band
    stage: Stage
    owner: str | None
    segment: str | None
    mrr: PositiveMoney | None
    renewal_on: date | None


def router(*, database: Database) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["scoring"])

    @routes.get("/v1/watch-list", dependencies=[KNOWN_ONLY])
    async def watch_list(
        _: Annotated[Principal, requires(READ)],
        reason: Annotated[Watch | None, Query()] = None,
        owner: Annotated[str | None, Query(max_length=128)] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[Watched]:
        """Accounts that are not red and yet to be looked at: the most revenue at stake first, then the longest."""
        place = _place_of(cursor) if cursor else None
        async with database.read() as tx:
            rows = await watching.watched(tx, owner)
        items = sorted((item for item in _items(rows) if reason in (None, item.reason)), key=_place)
        rest = [item for item in items if place is None or _place(item) > place]
        last = rest[limit - 1] if len(rest) > limit else None
        following = None
        if last is not None:
            mrr, since, account, why = _place(last)
            following = encode_cursor(format(-mrr, "f"), since.isoformat(), account, why)
        return Page(items=rest[:limit], next=following)

    return routes


def _items(rows: Sequence[Row[Any]]) -> list[Watched]:
    return [
        Watched(
            account=row.account,
            name=row.name,
            reason=sign.watch,
            since=sign.since,
            numbers=dict(sign.numbers),
            score=row.score,
            band=row.band,
            stage=row.stage,
            owner=row.owner,
            segment=row.segment,
            mrr=Decimal(row.mrr) if row.mrr is not None else None,
            renewal_on=date.fromisoformat(row.renewal_on) if row.renewal_on else None,
        )
        for row in rows
        for sign in convert(row.verdict, Verdict).signs
    ]


def _place(item: Watched) -> _Place:
    return -(item.mrr or _NOTHING), item.since, item.account, item.reason


def _place_of(cursor: str) -> _Place:
    match decode_cursor(cursor):
        case (str() as mrr, str() as since, str() as account, ("declining" | "divergent") as why):
            try:
                stake = -Decimal(mrr)
            except ArithmeticError:
                raise _bad_cursor() from None
            if stake.is_finite():
                return stake, moment_of(since), account, why
    raise _bad_cursor()


def _bad_cursor() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")
