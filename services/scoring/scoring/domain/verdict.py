"""The verdict: band, dwell, version and what was last published; a function of the log's order and of its cuts."""

from datetime import datetime
from typing import Final, Literal

from msgspec import Struct, structs

from csmodels.fields import AdoptionLevel, Band, Stage, Watch
from scoring.domain.measures import CapId
from scoring.domain.score import Score
from scoring.domain.scorecard import Scorecard
from scoring.domain.watch import Decline, Sign, signs

Moved = Literal["first", "score", "band", "stage", "adoption_level", "watch", "coverage", "cap"]

_RANK: Final[dict[Band, int]] = {"red": 0, "yellow": 1, "green": 2}


class Published(Struct, frozen=True, gc=False):
    """The values that went out with a version."""

    version: int
    score: float
    band: Band
    stage: Stage
    adoption_level: AdoptionLevel
    coverage: float
    coverage_class: int
    watch: tuple[Watch, ...]
    caps: tuple[CapId, ...]


class Verdict(Struct, frozen=True, gc=False):
    """What scoring holds of an account beside its facts. `Verdict()` is that of an account never judged.

    dwell_band is the band that the score of the last daily closings asked for, dwell_closings at how many in a row.
    """

    band: Band = "grey"
    band_since: datetime | None = None
    dwell_band: Band | None = None
    dwell_closings: int = 0
    watch: tuple[Watch, ...] = ()
    published: Published | None = None
    signs: tuple[Sign, ...] = ()  # what stands behind watch, see domain.watch

    @property
    def version(self) -> int:
        """The number of published changes so far; 0 before the first."""
        return self.published.version if self.published else 0


class Change(Struct, frozen=True, gc=False):
    """A change to publish: its values, those of the version before (None before the first), and what moved."""

    now: Published
    previous: Published | None
    moved: frozenset[Moved]


def judge(
    verdict: Verdict,
    score: Score,
    *,
    moment: datetime,
    closing: bool,
    backfill: bool,
    card: Scorecard,
    decline: Decline | None = None,
) -> tuple[Verdict, Change | None]:
    """The verdict after a score, and the change to publish, if it is one.

    moment is when it was judged (band_since), closing whether this is the score of a daily closing, backfill whether
    the score moved by late or imported data (then the band follows at once), decline what the weeks of usage tell.
    Versions have no gaps.
    """
    before = verdict.published
    judged = _judged(verdict, score, moment, card, decline, closing=closing, backfill=backfill)
    moved = _moved(before, judged, score, card)
    if not moved:
        return judged, None
    now = Published(
        version=verdict.version + 1,
        score=score.value,
        band=judged.band,
        stage=score.stage,
        adoption_level=score.adoption_level,
        coverage=score.coverage,
        coverage_class=score.coverage_class,
        watch=judged.watch,
        caps=score.caps,
    )
    return structs.replace(judged, published=now), Change(now, before, moved)


def closed(
    verdict: Verdict, score: Score, *, moment: datetime, card: Scorecard, decline: Decline | None = None
) -> Verdict:
    """The verdict after the score of a daily closing, which publishes nothing."""
    return _judged(verdict, score, moment, card, decline, closing=True, backfill=False)


def _judged(
    verdict: Verdict,
    score: Score,
    moment: datetime,
    card: Scorecard,
    decline: Decline | None,
    *,
    closing: bool,
    backfill: bool,
) -> Verdict:
    band, dwell_band, dwell_closings = _settle(verdict, score, closing=closing, backfill=backfill, card=card)
    points = {c.measure: c.points for c in score.contributions if c.points is not None}
    found = signs(verdict.signs, decline, points, band=band, stage=score.stage, moment=moment, terms=card.watch)
    return Verdict(
        band=band,
        band_since=moment if band != verdict.band or verdict.band_since is None else verdict.band_since,
        dwell_band=dwell_band,
        dwell_closings=dwell_closings,
        watch=tuple([sign.watch for sign in found]),
        published=verdict.published,
        signs=found,
    )


def _settle(
    verdict: Verdict, score: Score, *, closing: bool, backfill: bool, card: Scorecard
) -> tuple[Band, Band | None, int]:
    """The band, and the band that closings ask for and how many did in a row."""
    if score.grey:
        return "grey", None, 0
    plain = _reached(score.value, "grey", 0, card)
    if verdict.band == "grey" or backfill:
        return plain, None, 0
    binding = any([a.kind == "cap" and a.points < 0 for a in score.adjustments])
    at_once = _reached(score.value, verdict.band, card.dwell.at_once, card)
    if binding and _RANK[plain] < _RANK[at_once]:
        at_once = plain
    if at_once != verdict.band:
        verdict = structs.replace(verdict, band=at_once, dwell_band=None, dwell_closings=0)
    if not closing:
        return verdict.band, verdict.dwell_band, verdict.dwell_closings
    return _dwell(verdict, _reached(score.value, verdict.band, card.dwell.margin, card), card)


def _dwell(verdict: Verdict, asked: Band, card: Scorecard) -> tuple[Band, Band | None, int]:
    """What one more daily closing that asks for a band does."""
    band, before = verdict.band, verdict.dwell_band
    if asked == band:
        return band, None, 0
    same_way = before is not None and (_RANK[before] > _RANK[band]) == (_RANK[asked] > _RANK[band])
    closings = verdict.dwell_closings + 1 if same_way else 1
    # of the bands that the closings in a row asked for, the one nearest to the present band is what all of them support
    nearest = min(asked, before, key=lambda b: abs(_RANK[b] - _RANK[band])) if before and same_way else asked
    if closings < card.dwell.closings:
        return band, nearest, closings
    return nearest, None, 0


def _reached(value: float, band: Band, margin: float, card: Scorecard) -> Band:
    """The band that a score reaches from a band if each boundary on the way must be passed by the margin."""
    if band == "grey":
        return "green" if value >= card.green else "yellow" if value >= card.yellow else "red"
    if band == "red" and value >= card.yellow + margin:
        band = "yellow"
    if band == "yellow" and value >= card.green + margin:
        return "green"
    if band == "green" and value < card.green and value <= card.green - margin:
        band = "yellow"
    if band == "yellow" and value < card.yellow and value <= card.yellow - margin:
        return "red"
    return band


def _moved(before: Published | None, now: Verdict, score: Score, card: Scorecard) -> frozenset[Moved]:
    """What moved enough to be published; empty if nothing did."""
    if before is None:
        return frozenset({"first"})
    changes: tuple[tuple[Moved, bool], ...] = (
        ("score", abs(score.value - before.score) >= card.publish_threshold),
        ("band", now.band != before.band),
        ("stage", score.stage != before.stage),
        ("adoption_level", score.adoption_level != before.adoption_level),
        ("watch", now.watch != before.watch),
        ("coverage", score.coverage_class != before.coverage_class),
        ("cap", score.caps != before.caps),
    )
    return frozenset([name for name, changed in changes if changed])
