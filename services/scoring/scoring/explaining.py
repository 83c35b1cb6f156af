"""Explanations and timelines: rows and facts as the models of the API. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import convert
from sqlalchemy import Row

from csmodels import api as wire
from csmodels.health import MAX_CAUSE_EVENTS
from scoring.account import Rules
from scoring.causes import Causes
from scoring.domain.explanation import explain
from scoring.domain.score import Adjustment, Contribution
from scoring.domain.verdict import Verdict, judge
from scoring.engine.facts import Facts
from scoring.engine.features import assess
from scoring.engine.story import Entry

_Parts = dict[str, tuple[float, float | None, float]]  # a row of history's: contribution, points, weight


@dataclass(frozen=True, slots=True)
class Part:
    """A measure's part of a score that was recorded."""

    measure: str
    contribution: float
    points: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class End:
    """A score at one end of an explanation. reference + contributions + adjustments equals value."""

    value: float
    contributions: Sequence[Part]
    adjustments: Sequence[Adjustment]
    moment: wire.ExplainedMoment

    @property
    def reference(self) -> float:
        """What the contributions are told against."""
        told = [*(part.contribution for part in self.contributions), *(line.points for line in self.adjustments)]
        return self.value - math.fsum(told)


def now(live: Row[Any]) -> End:
    """The score as it is."""
    return _end(live, _parts_of(convert(live.contributions, list[Contribution])))


def recorded(row: Row[Any]) -> End:
    """A score as it was recorded in the history."""
    return _end(row, [Part(name, *each) for name, each in convert(row.contributions, _Parts).items()])


def from_facts(facts: Facts, at: datetime, rules: Rules) -> End:
    """The score of a moment from which none is recorded, by what is known today; its band by the plain boundaries."""
    card = rules.card_of(facts, at)
    score = assess(facts, at, card, rules.zone)
    verdict, _ = judge(Verdict(), score, moment=at, closing=False, backfill=True, card=card)
    moment = wire.ExplainedMoment(
        at=at, score=score.value, band=verdict.band, stage=score.stage, version=None, scorecard=score.scorecard,
        view="corrected",
    )  # fmt: skip
    return End(score.value, _parts_of(score.contributions), score.adjustments, moment)


def explanation(
    account: str, first: End, last: End, causes: Sequence[Causes], turned: tuple[End, End] | None = None
) -> wire.Explanation:
    """Why the score went from one to the other; `causes` are those of the changes in between, the oldest first.

    turned is the first moment by today's facts and each of the two scorecards, where these are not the same.
    """
    why = explain(first, last, turned)
    before = {part.measure: part.contribution for part in first.contributions}
    after = {part.measure: part.contribution for part in last.contributions}
    measures = [
        wire.MeasureChange(
            measure=name,
            before=before.get(name, 0.0),
            after=after.get(name, 0.0),
            data=why.data.get(name, 0.0),
            configuration=why.configuration.get(name, 0.0),
        )
        for name in {**after, **before}
    ]
    ids = [event for each in causes for event in each.events]
    newest = ids[-MAX_CAUSE_EVENTS:]
    return wire.Explanation(
        account=account,
        first=first.moment,
        last=last.moment,
        change=why.total,
        data=math.fsum([*why.data.values(), why.limits]),
        configuration=math.fsum([*why.configuration.values(), why.turned_limits]),
        override=why.override,
        measures=sorted(measures, key=lambda each: (-abs(each.after - each.before), each.measure)),
        adjustments=[
            wire.AdjustmentChange(kind=kind, reason=reason, change=change)
            for (kind, reason), change in why.lines.items()
        ],
        events=newest,
        more=len(ids) - len(newest) + sum(each.more for each in causes),
    )


def causes_of(value: Any) -> Causes:
    """The causes in a row."""
    return convert(value, Causes)


def told(entry: Entry) -> wire.TimelineEntry:
    """An entry of the facts' story."""
    return wire.TimelineEntry(id=entry.id, at=entry.at, kind=entry.kind, data=dict(entry.data))


def health_told(row: Row[Any], before: Row[Any] | None) -> wire.TimelineEntry:
    """A published change of health; `before` is the one before it."""
    data: dict[str, Any] = {"version": row.version, "score": row.score, "band": row.band}
    if before is not None:
        data |= {"previous_score": before.score, "previous_band": before.band}
    if row.kind == "backfill":
        data["backfill"] = True
    return wire.TimelineEntry(id=f"health/{row.version:012d}", at=row.at, kind="health", data=data)


def version_before(id_: str) -> int | None:
    """Below which version an entry about health comes after the entry `id_` of the same moment, the newest first.

    None: whatever its version.
    """
    kind, _, version = id_.partition("/")
    if kind == "health" and version.isascii() and version.isdigit() and len(version) < 19:
        return int(version)
    return None if id_ > "health/" else 0


def _parts_of(contributions: Sequence[Contribution]) -> list[Part]:
    return [Part(one.measure, one.contribution, one.points, one.weight) for one in contributions]


def _end(row: Row[Any], parts: Sequence[Part]) -> End:
    moment = wire.ExplainedMoment(
        at=row.at, score=row.score, band=row.band, stage=row.stage, version=row.version, scorecard=row.scorecard,
        view="known",
    )  # fmt: skip
    return End(row.score, parts, convert(row.adjustments, list[Adjustment]), moment)
