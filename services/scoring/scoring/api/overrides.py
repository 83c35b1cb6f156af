"""The HTTP edge: overrides and how they were graded, of an account and of all."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query

from cskit.auth import READ, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Invalid
from cskit.http import Cursor, Limit, decode_cursor, encode_cursor, moment_of, requires
from cskit.http.pages import DEFAULT_LIMIT
from cskit.http.queries import KNOWN_ONLY
from csmodels.api import Model, Page
from csmodels.fields import UtcTime
from scoring.api.finding import found
from scoring.catalogue import ReadingRules
from scoring.domain.grading import Grade, OutcomeKind, over_at
from scoring.engine.features import months_needed
from scoring.engine.outcomes import Graded, graded
from scoring.store import folding
from scoring.store import overrides as store

_AT_ONCE: Final = 200  # accounts whose facts are in memory together

State = Literal["in_force", "expired", "ended"]


class OverrideRow(Model):
    """An override, and what came of it.

    score and score_without are those of the moment in which it was set, with it and without. outcome: left, leaving,
    renewed, kept, unknown; it and the grade are null while that is open, until due_at at the latest. The rule is in
    docs/guides/act-on-accounts.md.
    """

    account: str
    override: str
    points: float
    author: str
    text_ref: str
    state: State
    set_at: UtcTime
    expires_at: UtcTime
    ended_at: UtcTime | None
    score: float
    score_without: float
    outcome: OutcomeKind | None
    grade: Grade | None
    graded_at: UtcTime | None
    due_at: UtcTime


class AuthorSummary(Model):
    """How the overrides of an author did; waiting: not graded yet."""

    author: str
    overrides: int
    waiting: int
    helpful: int
    neutral: int
    harmful: int


class GradedOverrides(Page[OverrideRow]):
    """Overrides, the newest first, and the sums of all of them by author, whatever page this is."""

    authors: list[AuthorSummary]


def override_routes(routes: APIRouter, *, database: Database, rules: ReadingRules, clocks: Clocks) -> None:
    """The routes, for the router of what is read of accounts."""

    @routes.get("/v1/accounts/{id:path}/overrides", dependencies=[KNOWN_ONLY])
    async def list_of_account(id: str, _: Annotated[Principal, requires(READ)]) -> Page[OverrideRow]:
        """The overrides of an account of the last 400 days, the newest first, each with its grade once it has one."""
        await found(database, id)
        return Page(items=await _graded(database, [id], None, clocks.world.now(), rules))

    @routes.get("/v1/overrides", dependencies=[KNOWN_ONLY])
    async def list_all(
        _: Annotated[Principal, requires(READ)],
        author: Annotated[str | None, Query(max_length=128, description="A staff id")] = None,
        grade: Annotated[Grade | None, Query()] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> GradedOverrides:
        """The overrides of all accounts, the newest first: does what people add help? Sums by author."""
        place = _place(cursor) if cursor else None
        async with database.read() as tx:
            accounts = sorted({row.account for row in await store.listed(tx, author)})
        rows = await _graded(database, accounts, author, clocks.world.now(), rules)
        asked = [row for row in rows if grade is None or row.grade == grade]
        rest = [row for row in asked if place is None or _key(row) < place]
        last = rest[limit - 1] if len(rest) > limit else None
        following = encode_cursor(last.set_at.isoformat(), last.account, last.override) if last else None
        return GradedOverrides(items=rest[:limit], next=following, authors=_sums(asked))


async def _graded(
    database: Database, accounts: Sequence[str], author: str | None, now: datetime, rules: ReadingRules
) -> list[OverrideRow]:
    """All overrides of these accounts (of an author, if named), the newest first."""
    rows: list[OverrideRow] = []
    for start in range(0, len(accounts), _AT_ONCE):
        async with database.read() as tx:
            known = await rules.now(tx)
            some = await folding.load(tx, {id_: frozenset() for id_ in accounts[start : start + _AT_ONCE]})
            wanted = {
                id_: [key for key, each in account.facts.slow.overrides.items() if author in (None, each.author)]
                for id_, account in some.items()
            }
            months = await folding.load_months(
                tx,
                {
                    id_: frozenset().union(
                        *(months_needed(some[id_].facts.slow.overrides[key].stamp.time, rules.zone) for key in keys)
                    )
                    for id_, keys in wanted.items()
                },
            )
        for id_, keys in wanted.items():
            facts = some[id_].facts.loaded(months[id_])
            card = known.card_of(facts, now)
            rows += [_row(id_, graded(facts, key, now, card, rules.zone), now) for key in keys]
    return sorted(rows, key=_key, reverse=True)


def _row(account: str, each: Graded, now: datetime) -> OverrideRow:
    override, outcome = each.override, each.outcome
    state: State = "in_force"
    if over_at(override.expires_at, each.ended_at) <= now:
        state = "expired" if each.ended_at is None else "ended"
    return OverrideRow(
        account=account,
        override=each.id,
        points=override.points,
        author=override.author,
        text_ref=override.text_ref,
        state=state,
        set_at=override.stamp.time,
        expires_at=override.expires_at,
        ended_at=each.ended_at,
        score=each.score,
        score_without=each.without,
        outcome=outcome.kind if outcome else None,
        grade=each.grade,
        graded_at=outcome.at.astimezone(UTC) if outcome else None,
        due_at=each.due_at,
    )


def _sums(rows: Sequence[OverrideRow]) -> list[AuthorSummary]:
    by_author: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_author[row.author][row.grade or "waiting"] += 1
    return [
        AuthorSummary(
            author=author,
            overrides=counts.total(),
            waiting=counts["waiting"],
            helpful=counts["helpful"],
            neutral=counts["neutral"],
            harmful=counts["harmful"],
        )
        for author, counts in sorted(by_author.items())
    ]


def _key(row: OverrideRow) -> tuple[datetime, str, str]:
    return row.set_at, row.account, row.override


def _place(cursor: str) -> tuple[datetime, str, str]:
    match decode_cursor(cursor):
        case (str() as at, str() as account, str() as override):
            return moment_of(at), account, override
    raise Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")
