"""From rows to the models of the API. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from csmodels.api import Adjustment, Contribution, Health, HistoryRow
from scoring.account import Rules
from scoring.domain.calendar import Month, local_day
from scoring.domain.verdict import Verdict, judge
from scoring.engine.facts import Facts
from scoring.engine.features import assess, months_needed

_CONTRIBUTIONS = TypeAdapter(list[Contribution])
_ADJUSTMENTS = TypeAdapter(list[Adjustment])


def health(row: Row[Any]) -> Health:
    """A live row with all its reasons."""
    return Health(
        account=row.account,
        score=row.score,
        band=row.band,
        stage=row.stage,
        adoption_level=row.adoption_level,
        coverage=row.coverage,
        watch=row.watch,
        version=row.version,
        scorecard=row.scorecard,
        contributions=_CONTRIBUTIONS.validate_python(row.contributions),
        reference=row.reference,
        adjustments=_ADJUSTMENTS.validate_python(row.adjustments),
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        scored_at=row.scored_at,
    )


def known(row: Row[Any]) -> HistoryRow:
    """A history row as it was recorded."""
    return HistoryRow(
        partition=row.partition,
        offset=row.offset,
        at=row.at,
        version=row.version,
        score=row.score,
        band=row.band,
        stage=row.stage,
        coverage=row.coverage,
        contributions={measure: parts[0] for measure, parts in row.contributions.items()},
        adjustments=_ADJUSTMENTS.validate_python(row.adjustments),
        scorecard=row.scorecard,
        view="known",
    )


def closings(first: datetime, last: datetime, rules: Rules) -> list[datetime]:
    """The last moments of the days that ended in first <= moment < last, and `last` itself."""
    day = first.astimezone(rules.zone).date()
    moments = []
    while (end := datetime(day.year, day.month, day.day, tzinfo=rules.zone) + timedelta(days=1)) < last:
        moments.append(end - timedelta(microseconds=1))
        day += timedelta(days=1)
    return [*moments, last]


def months_of(moments: Sequence[datetime], rules: Rules) -> frozenset[Month]:
    """The months that the scores of these moments need."""
    return frozenset().union(*(months_needed(moment, rules.zone) for moment in moments))


def score_by_facts(facts: Facts, at: datetime, rules: Rules) -> float | None:
    """The score of a moment by what is known today; None if nothing was used yet then."""
    first = facts.slow.first_usage
    if first is None or first > local_day(at, rules.zone):
        return None
    return assess(facts, at, rules.card_of(facts, at), rules.zone).value


def corrected(facts: Facts, at: datetime, live: Row[Any], rules: Rules) -> HistoryRow:
    """The score of a moment by what is known today; its band by the plain boundaries, and no feed counts as stopped.

    It stands at the record as of which today's facts are known.
    """
    card = rules.card_of(facts, at)
    score = assess(facts, at, card, rules.zone)
    verdict, _ = judge(Verdict(), score, moment=at, closing=False, backfill=True, card=card)
    return HistoryRow(
        partition=live.partition,
        offset=live.offset,
        at=at,
        version=None,
        score=score.value,
        band=verdict.band,
        stage=score.stage,
        coverage=score.coverage,
        contributions={one.measure: one.contribution for one in score.contributions},
        adjustments=[Adjustment(kind=one.kind, points=one.points, reason=one.reason) for one in score.adjustments],
        scorecard=score.scorecard,
        view="corrected",
    )
