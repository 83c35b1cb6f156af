"""The HTTP edge: accounts, their health and history."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from sqlalchemy import Row

from cskit.auth import READ, Principal
from cskit.clock import Clocks
from cskit.db import Database, Tx
from cskit.errors import Invalid
from cskit.http import Cursor, Limit, decode_cursor, encode_cursor, moment_of, requires
from cskit.http.pages import DEFAULT_LIMIT
from cskit.http.queries import KNOWN_ONLY
from csmodels.api import (
    Explanation,
    HistoryRow,
    Page,
    TimelineEntry,
)
from csmodels.fields import UtcTime
from scoring import explaining, views
from scoring.acts import Acts
from scoring.api import actions, listing, overrides, progress
from scoring.api.finding import found
from scoring.catalogue import ReadingRules
from scoring.engine import story
from scoring.engine.facts import KEPT_DAYS, Facts
from scoring.store import folding, reading, timeline
from scoring.weekly import WEEK, WeekAgo

_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)
_LAST_OFFSET: Final = 2**63 - 1


def router(*, database: Database, rules: ReadingRules, clocks: Clocks, week_ago: WeekAgo, acts: Acts) -> APIRouter:
    """The routes. An account id may hold slashes; what follows the id is told apart by its last parts."""
    routes = APIRouter(tags=["scoring"])
    listing.list_routes(routes, database=database, clocks=clocks, week_ago=week_ago)
    actions.act_routes(routes, database=database, acts=acts)
    overrides.override_routes(routes, database=database, rules=rules, clocks=clocks)
    progress.progress_route(routes, database=database, rules=rules, clocks=clocks)

    @routes.get("/v1/accounts/{id:path}/history", dependencies=[KNOWN_ONLY])
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
        live = await found(database, id)
        if view == "corrected":
            return await _corrected(database, live, rules, _span(live, first, last, cursor), limit)
        after = _history_place(cursor) if cursor else None
        async with database.read() as tx:
            rows = await reading.recorded(tx, id, first=first, last=last, after=after, limit=limit + 1)
        page = rows[:limit]
        more = len(rows) > limit
        following = encode_cursor(page[-1].at.isoformat(), page[-1].offset, page[-1].kind) if more else None
        return Page(items=[views.known(row) for row in page], next=following)

    @routes.get("/v1/accounts/{id:path}/explanation", dependencies=[KNOWN_ONLY])
    async def get_explanation(
        id: str,
        _: Annotated[Principal, requires(READ)],
        first: Annotated[UtcTime | None, Query(alias="from", description="7 days before `to` if left out")] = None,
        last: Annotated[UtcTime | None, Query(alias="to", description="Now if left out")] = None,
    ) -> Explanation:
        """Why the score changed between two moments: data, configuration and override add up to the change.

        A score that was recorded is taken as it was known; before the first record, as today's facts give it. Before
        anything was known of the account there was no score: `from` is then the moment from which on there was, and
        `to` must not lie before it. It lies at most 400 days back: so long facts are kept.
        """
        live = await found(database, id)
        end = live.at if last is None else min(last, live.at)
        if first is not None and first > end:
            raise Invalid("from_after_to", "from lies after to, or after the newest score.", field="from")
        async with database.read() as tx:
            begin = await _begin(tx, live, rules)
        oldest = min(max(begin, live.at - timedelta(days=KEPT_DAYS)), live.at)
        if end < oldest:
            raise Invalid(
                "no_score_yet", f"to lies before the first score to be told: {oldest.isoformat()}.", field="to"
            )
        start = max(end - WEEK if first is None else first, oldest)
        to = explaining.now(live) if end == live.at else await _score_at(database, live, end, rules)
        before = await _score_at(database, live, start, rules)
        cards = before.moment.scorecard, to.moment.scorecard
        turned = await _turned(database, live, before.moment.at, rules, cards) if cards[0] != cards[1] else None
        async with database.read() as tx:
            causes = [explaining.causes_of(each) for each in await reading.causes_between(tx, id, start, end)]
        if end == live.at:
            causes.append(explaining.causes_of(live.causes))
        return explaining.explanation(id, before, to, causes, turned)

    @routes.get("/v1/accounts/{id:path}/timeline", dependencies=[KNOWN_ONLY])
    async def get_timeline(
        id: str, _: Annotated[Principal, requires(READ)], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Page[TimelineEntry]:
        """What befell the account, the newest first: changes of health, tickets, contracts, contacts, answers, acts of
        people, and what playbooks did.
        """
        await found(database, id)
        before = _timeline_place(cursor) if cursor else None
        async with database.read() as tx:
            slow = (await folding.load(tx, {id: frozenset()}))[id].facts.slow
            place = (before[0], explaining.version_before(before[1])) if before else None
            rows = await reading.published(tx, id, before=place, limit=limit + 2)
            done = await timeline.before(tx, id, before[0] if before else None, limit + 1)
        told = [explaining.told(entry) for entry in [*story.entries(slow), *story.acted(slow, done)]]
        # Each with the one before it; of the last, which no page shows, that may be missing here.
        told += [explaining.health_told(row, older) for row, older in zip(rows, [*rows[1:], None], strict=False)]
        told = sorted((e for e in told if before is None or (e.at, e.id) < before), key=_moment_of, reverse=True)
        following = encode_cursor(told[limit - 1].at.isoformat(), told[limit - 1].id) if len(told) > limit else None
        return Page(items=told[:limit], next=following)

    listing.account_route(routes, database=database, clocks=clocks, week_ago=week_ago)
    return routes


async def _begin(tx: Tx, live: Row[Any], rules: ReadingRules) -> datetime:
    """Since when anything is known of the account: before that it had no score."""
    slow = (await folding.load(tx, {live.account: frozenset()}))[live.account].facts.slow
    return story.begins(slow, rules.zone) or live.at


async def _score_at(database: Database, live: Row[Any], moment: datetime, rules: ReadingRules) -> explaining.End:
    """As it was recorded at that moment or last before it; where nothing was, as today's facts give it."""
    async with database.read() as tx:
        row = await reading.recorded_at(tx, live.account, moment)
    return explaining.recorded(row) if row is not None else await _score_by_facts(database, live, moment, rules)


async def _score_by_facts(database: Database, live: Row[Any], moment: datetime, rules: ReadingRules) -> explaining.End:
    async with database.read() as tx:
        known = await rules.now(tx)
        account = (await folding.load(tx, {live.account: views.months_of([moment], known)}))[live.account]
    return explaining.from_facts(account.facts, moment, known)


async def _turned(
    database: Database, live: Row[Any], moment: datetime, rules: ReadingRules, scorecards: tuple[str, str]
) -> tuple[explaining.End, explaining.End]:
    """The score of a moment as today's facts give it by each of two scorecards."""
    async with database.read() as tx:
        old, new = [await rules.of(tx, scorecard) for scorecard in scorecards]
        account = (await folding.load(tx, {live.account: views.months_of([moment], new)}))[live.account]
    return explaining.from_facts(account.facts, moment, old), explaining.from_facts(account.facts, moment, new)


def _moment_of(entry: TimelineEntry) -> tuple[datetime, str]:
    return entry.at, entry.id


def _timeline_place(cursor: str) -> tuple[datetime, str]:
    match decode_cursor(cursor):
        case (str() as at, str() as id_):
            return moment_of(at), id_
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
            case (str() as at,) if (place := moment_of(at)) < _LAST_MOMENT:
                start = max(start, place + timedelta(microseconds=1))
            case _:
                raise _bad_cursor()
    return start, end


async def _corrected(
    database: Database, live: Row[Any], rules: ReadingRules, span: tuple[datetime, datetime], limit: int
) -> Page[HistoryRow]:
    start, end = span
    async with database.read() as tx:
        start = max(start, await _begin(tx, live, rules))
        known = await rules.now(tx)
        moments = views.closings(start, end, known) if start <= end else []
        page = moments[:limit]
        account = (await folding.load(tx, {live.account: views.months_of(page, known)}))[live.account]
    facts: Facts = account.facts
    following = encode_cursor(page[-1].isoformat()) if len(moments) > limit else None
    return Page(items=[views.corrected(facts, at, live, known) for at in page], next=following)


def _history_place(cursor: str) -> tuple[datetime, int, str]:
    match decode_cursor(cursor):
        case (str() as at, int() as offset, str() as kind):
            if not isinstance(offset, bool) and 0 <= offset <= _LAST_OFFSET:
                return moment_of(at), offset, kind
    raise _bad_cursor()


def _bad_cursor() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")
