"""The HTTP edge: accounts, their health and history, overrides, scorecards."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from sqlalchemy import Row

from cskit.auth import READ, WRITE, Principal
from cskit.clock import Clocks
from cskit.db import Database, Tx
from cskit.errors import Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, decode_cursor, encode_cursor, requires
from cskit.http.pages import DEFAULT_LIMIT
from csmodels.api import (
    AccountSummary,
    Explanation,
    Health,
    HistoryRow,
    Model,
    OverrideRequest,
    Page,
    TimelineEntry,
)
from csmodels.fields import Band, Stage, UtcTime, Watch
from scoring import explaining, views
from scoring.account import Rules
from scoring.engine import story
from scoring.engine.facts import KEPT_DAYS, Facts
from scoring.overrides import Overrides
from scoring.store import folding, reading
from scoring.store.reading import Filter, Sort

_CHANGE_OVER: Final = timedelta(days=7)
_TOLD_BY_FACTS: Final = 100  # accounts of a page; of imported ones nothing is recorded of a week ago
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)
_LAST_OFFSET: Final = 2**63 - 1

Text = Annotated[str | None, Query(max_length=128)]


class OverrideAnswer(Model):
    """The override that was set or ended, and the health; `folded` tells whether the health knows it already."""

    override: str
    text_ref: str | None
    folded: bool
    health: Health


class ScorecardVersion(Model):
    """A version of a scorecard: its name as scores carry it, and the hash of its content."""

    name: str
    scorecard: str
    version: int
    sha256: str
    created_at: UtcTime


def router(*, database: Database, overrides: Overrides, rules: Rules, clocks: Clocks) -> APIRouter:
    """The routes. An account id may hold slashes; what follows the id is told apart by its last parts."""
    routes = APIRouter(tags=["scoring"])

    @routes.get("/v1/accounts")
    async def list_accounts(
        _: Annotated[Principal, requires(READ)],
        band: Annotated[Band | None, Query()] = None,
        stage: Annotated[Stage | None, Query()] = None,
        segment: Text = None,
        owner: Text = None,
        watch: Annotated[Watch | None, Query()] = None,
        text: Annotated[str | None, Query(max_length=128, description="Part of the id or of the name")] = None,
        sort: Annotated[Sort, Query(description="urgency: red, yellow, grey, green; low scores first")] = "urgency",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[AccountSummary]:
        """The accounts and how they are."""
        after = _list_place(cursor, sort) if cursor else None
        wanted = Filter(band=band, stage=stage, segment=segment, owner=owner, watch=watch, text=text)
        async with database.read() as tx:
            rows = await reading.accounts(tx, wanted, sort=sort, after=after, limit=limit + 1)
            page = rows[:limit]
            items = await _summaries(tx, page, clocks.world.now(), rules)
        following = encode_cursor(sort, page[-1].urgency, page[-1].account) if len(rows) > limit else None
        return Page(items=items, next=following)

    @routes.get("/v1/accounts/{id:path}/health")
    async def get_health(id: str, _: Annotated[Principal, requires(READ)]) -> Health:
        """The health of an account with its reasons: reference + contributions + adjustments equals score."""
        return views.health(await _found(database, id))

    @routes.get("/v1/accounts/{id:path}/history")
    async def get_history(
        id: str,
        _: Annotated[Principal, requires(READ)],
        first: Annotated[UtcTime | None, Query(alias="from")] = None,
        last: Annotated[UtcTime | None, Query(alias="to")] = None,
        view: Annotated[
            Literal["known", "corrected"],
            Query(description="known: as recorded when scored. corrected: each day's end by what is known today"),
        ] = "known",
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[HistoryRow]:
        """The scores of an account over time, the oldest first."""
        live = await _found(database, id)
        if view == "corrected":
            return await _corrected(database, live, rules, _span(live, first, last, cursor), limit)
        after = _history_place(cursor) if cursor else None
        async with database.read() as tx:
            rows = await reading.recorded(tx, id, first=first, last=last, after=after, limit=limit + 1)
        page = rows[:limit]
        more = len(rows) > limit
        following = encode_cursor(page[-1].offset, page[-1].at.isoformat(), page[-1].kind) if more else None
        return Page(items=[views.known(row) for row in page], next=following)

    @routes.get("/v1/accounts/{id:path}/explanation")
    async def get_explanation(
        id: str,
        _: Annotated[Principal, requires(READ)],
        first: Annotated[UtcTime | None, Query(alias="from", description="7 days before `to` if left out")] = None,
        last: Annotated[UtcTime | None, Query(alias="to", description="Now if left out")] = None,
    ) -> Explanation:
        """Why the score changed between two moments: data, configuration and override add up to the change.

        A score that was recorded is taken as it was known; before the first record, as today's facts give it. Before
        anything was known of the account there was no score: `from` is then the moment from which on there was. It
        lies at most 400 days back: so long facts are kept.
        """
        live = await _found(database, id)
        oldest = live.at - timedelta(days=KEPT_DAYS)
        end = live.at if last is None else max(min(last, live.at), oldest)
        start = end - _CHANGE_OVER if first is None else max(first, oldest)
        if start > end:
            raise Invalid("from_after_to", "from lies after to, or after the newest score.", field="from")
        async with database.read() as tx:
            start = min(max(start, await _begin(tx, live, rules)), end)
        to = explaining.now(live) if end == live.at else await _score_at(database, live, end, rules)
        begin = await _score_at(database, live, start, rules)
        same_card = begin.moment.scorecard == to.moment.scorecard
        rescored = None if same_card else await _score_by_facts(database, live, begin.moment.at, rules)
        async with database.read() as tx:
            causes = [explaining.causes_of(each) for each in await reading.causes_between(tx, id, start, end)]
        if end == live.at:
            causes.append(explaining.causes_of(live.causes))
        return explaining.explanation(id, begin, to, causes, rescored)

    @routes.get("/v1/accounts/{id:path}/timeline")
    async def get_timeline(
        id: str, _: Annotated[Principal, requires(READ)], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[TimelineEntry]:
        """What befell the account, the newest first: changes of health, tickets, contracts, contacts, answers."""
        await _found(database, id)
        before = _timeline_place(cursor) if cursor else None
        async with database.read() as tx:
            slow = (await folding.load(tx, {id: frozenset()}))[id].facts.slow
            place = (before[0], explaining.version_before(before[1])) if before else None
            rows = await reading.published(tx, id, before=place, limit=limit + 2)
        told = [explaining.told(entry) for entry in story.entries(slow)]
        # Each with the one before it; of the last, which no page shows, that may be missing here.
        told += [explaining.health_told(row, older) for row, older in zip(rows, [*rows[1:], None], strict=False)]
        told = sorted((e for e in told if before is None or (e.at, e.id) < before), key=_moment_of, reverse=True)
        following = encode_cursor(told[limit - 1].at.isoformat(), told[limit - 1].id) if len(told) > limit else None
        return Page(items=told[:limit], next=following)

    @routes.post("/v1/accounts/{id:path}/overrides", status_code=201)
    async def set_override(
        id: str, body: OverrideRequest, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> OverrideAnswer:
        """Add up to ten points either way, with a note, until it expires."""
        await _found(database, id)
        done = await overrides.set(id, body, by, ids)
        now = views.health(await _found(database, id))
        return OverrideAnswer(override=done.override, text_ref=done.text_ref, folded=done.folded, health=now)

    @routes.post("/v1/accounts/{id:path}/overrides/{override}/end")
    async def end_override(
        id: str, override: str, by: Annotated[Principal, requires(WRITE)], ids: WriteId
    ) -> OverrideAnswer:
        """Take an override back before it expires."""
        await _with_override(database, id, override)
        done = await overrides.end(id, override, by, ids)
        now = views.health(await _found(database, id))
        return OverrideAnswer(override=done.override, text_ref=None, folded=done.folded, health=now)

    @routes.get("/v1/accounts/{id:path}")
    async def get_account(id: str, _: Annotated[Principal, requires(READ)]) -> AccountSummary:
        """One account, as the list shows it."""
        row = await _found(database, id)
        async with database.read() as tx:
            (item,) = await _summaries(tx, [row], clocks.world.now(), rules)
        return item

    @routes.get("/v1/scorecards")
    async def list_scorecards(_: Annotated[Principal, requires(READ)]) -> Page[ScorecardVersion]:
        """All versions of scorecards, by name and version."""
        async with database.read() as tx:
            rows = await reading.scorecard_versions(tx)
        return Page(items=[_scorecard(row) for row in rows])

    return routes


async def _found(database: Database, id_: str) -> Row[Any]:
    async with database.read() as tx:
        row = await reading.account(tx, id_)
    if row is None:
        raise NotFound(
            "account_not_found", f"There is no account “{id_}”. It appears with its first event, once that is scored."
        )
    return row


async def _with_override(database: Database, id_: str, override: str) -> None:
    await _found(database, id_)
    async with database.read() as tx:
        account = (await folding.load(tx, {id_: frozenset()}))[id_]
    if override not in account.facts.slow.overrides:
        raise NotFound("override_not_found", f"The account “{id_}” has no override “{override}”.")


async def _summaries(tx: Tx, rows: Sequence[Row[Any]], now: datetime, rules: Rules) -> list[AccountSummary]:
    """With the change over seven days: against what was recorded then, else against what today's facts tell of then."""
    moment = now - _CHANGE_OVER
    before = dict(await reading.scores_before(tx, [row.account for row in rows], moment))
    unrecorded = [row.account for row in rows if row.account not in before][:_TOLD_BY_FACTS]
    months = views.months_of([moment], rules)
    for id_, account in (await folding.load(tx, dict.fromkeys(unrecorded, months))).items():
        if (score := views.score_by_facts(account.facts, moment, rules)) is not None:
            before[id_] = score
    return [views.summary(row, before.get(row.account)) for row in rows]


async def _begin(tx: Tx, live: Row[Any], rules: Rules) -> datetime:
    """Since when anything is known of the account: before that it had no score."""
    slow = (await folding.load(tx, {live.account: frozenset()}))[live.account].facts.slow
    return story.begins(slow, rules.zone) or live.at


async def _score_at(database: Database, live: Row[Any], moment: datetime, rules: Rules) -> explaining.End:
    """As it was recorded at that moment or last before it; where nothing was, as today's facts give it."""
    async with database.read() as tx:
        row = await reading.recorded_at(tx, live.account, moment)
    return explaining.recorded(row) if row is not None else await _score_by_facts(database, live, moment, rules)


async def _score_by_facts(database: Database, live: Row[Any], moment: datetime, rules: Rules) -> explaining.End:
    async with database.read() as tx:
        account = (await folding.load(tx, {live.account: views.months_of([moment], rules)}))[live.account]
    return explaining.from_facts(account.facts, moment, rules)


def _moment_of(entry: TimelineEntry) -> tuple[datetime, str]:
    return entry.at, entry.id


def _timeline_place(cursor: str) -> tuple[datetime, str]:
    match decode_cursor(cursor):
        case (str() as at, str() as id_):
            return _moment(at), id_
    raise _bad_cursor()


def _span(
    live: Row[Any], first: datetime | None, last: datetime | None, cursor: str | None
) -> tuple[datetime, datetime]:
    """From when until when facts are asked of: at most the days they are kept, by default the newest thirty."""
    end = min(last or live.at, live.at)
    oldest = live.at - timedelta(days=KEPT_DAYS)
    start = max(first or max(end, oldest) - timedelta(days=30), oldest)
    if cursor:
        match decode_cursor(cursor):
            case (str() as at,) if (place := _moment(at)) < _LAST_MOMENT:
                start = max(start, place + timedelta(microseconds=1))
            case _:
                raise _bad_cursor()
    return start, end


async def _corrected(
    database: Database, live: Row[Any], rules: Rules, span: tuple[datetime, datetime], limit: int
) -> Page[HistoryRow]:
    start, end = span
    async with database.read() as tx:
        start = max(start, await _begin(tx, live, rules))
        moments = views.closings(start, end, rules) if start <= end else []
        page = moments[:limit]
        account = (await folding.load(tx, {live.account: views.months_of(page, rules)}))[live.account]
    facts: Facts = account.facts
    following = encode_cursor(page[-1].isoformat()) if len(moments) > limit else None
    return Page(items=[views.corrected(facts, at, live, rules) for at in page], next=following)


def _list_place(cursor: str, sort: Sort) -> tuple[float, str]:
    match decode_cursor(cursor):
        case (str() as sorted_by, float() as urgency, str() as account) if sorted_by == sort:
            return urgency, account
    raise _bad_cursor()


def _history_place(cursor: str) -> tuple[int, datetime, str]:
    match decode_cursor(cursor):
        case (int() as offset, str() as at, str() as kind) if 0 <= offset <= _LAST_OFFSET:
            return offset, _moment(at), kind
    raise _bad_cursor()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise _bad_cursor()
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # no moment, or none of the years 1 to 9999 in UTC
        raise _bad_cursor() from None


def _bad_cursor() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")


def _scorecard(row: Row[Any]) -> ScorecardVersion:
    return ScorecardVersion(
        name=f"{row.scorecard}@{row.version}",
        scorecard=row.scorecard,
        version=row.version,
        sha256=row.sha256,
        created_at=row.at,
    )
