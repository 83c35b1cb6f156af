"""The truth about customers: which story each lives and when it begins. Nothing of it is ever sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final, Literal

from csworld.dice import dice, shuffled

Storyline = Literal[
    "steady", "growth", "silent_decline", "feature_abandonment", "ticket_storm", "neglected", "well_kept", "detractor",
    "promoter",
]  # fmt: skip
Direction = Literal["fall", "rise"]
Segment = Literal["enterprise", "mid", "smb"]


@dataclass(frozen=True, slots=True)
class Fate:
    """What truly becomes of a customer.

    measure is the scorecard's measure that the story moves, and direction where to; both None for steady. begins_on is
    the first day of the story (of a steady one: of the contract). churns_on: the contract's last day is the one before;
    None if the customer stays. A day is one of the customer's zone.
    """

    storyline: Storyline
    measure: str | None
    direction: Direction | None
    begins_on: date
    churns_on: date | None = None

    def days_in(self, day: date) -> int:
        """How many days of the story have passed on that day; negative before it."""
        return (day - self.begins_on).days

    def has_left(self, day: date) -> bool:
        """Whether the customer is gone."""
        return self.churns_on is not None and self.churns_on <= day


@dataclass(frozen=True, slots=True)
class _Plot:
    """A storyline's share of all customers, what it moves, how often it ends in churn, and who can live it."""

    share: float
    measure: str
    direction: Direction
    churn: float
    segments: tuple[Segment, ...] = ("enterprise", "mid", "smb")
    earliest: int = -44  # before now; the trend of usage needs 70 days of history before the story


# Where contact is wanted every 90 days, 30 days of neglect hardly show: such customers live other stories.
_OFTEN_MET: Final[tuple[Segment, ...]] = ("enterprise", "mid")
_PLOTS: Final[Mapping[Storyline, _Plot]] = {
    "growth": _Plot(0.07, "active_share", "rise", 0),
    "silent_decline": _Plot(0.1, "usage_trend", "fall", 0.5, earliest=-49),
    "feature_abandonment": _Plot(0.06, "usage_trend", "fall", 0.3),
    "ticket_storm": _Plot(0.07, "open_tickets", "fall", 0.2),
    "neglected": _Plot(0.06, "contact", "fall", 0.25, _OFTEN_MET),
    "well_kept": _Plot(0.05, "contact", "rise", 0, _OFTEN_MET, earliest=-14),  # neglect takes long before
    "detractor": _Plot(0.06, "nps", "fall", 0.35),
    "promoter": _Plot(0.05, "nps", "rise", 0),
}
SOON: Final = (1, 8)  # days after now, so that 30 live days show the whole of it
_LATER: Final = (12, 40)


def cast(seed: int, segments: Sequence[Segment], today: date) -> list[Fate | None]:
    """A fate for each customer, told by their segments; None for those whose life is steady."""
    random = dice(seed, "casting")
    fates: list[Fate | None] = [None] * len(segments)
    free = list(range(len(segments)))
    plots = sorted(_PLOTS.items(), key=lambda plot: len(plot[1].segments))  # the choosy ones first
    for storyline, plot in plots:
        able = [number for number in free if segments[number] in plot.segments]
        fitting = shuffled(random, able)[: max(1, round(plot.share * len(segments)))]
        for place, number in enumerate(fitting):
            fates[number] = _fate(random, storyline, plot, _begins(random, plot, today, place / len(fitting)))
            free.remove(number)
    return fates


def _begins(random: Random, plot: _Plot, today: date, place: float) -> date:
    """Two fifths soon, as many in the past (rather long ago), the rest later."""
    if 0.4 <= place < 0.8:
        return today + timedelta(days=plot.earliest + int((-4 - plot.earliest) * random.random() ** 1.6))
    return today + timedelta(days=random.randint(*(SOON if place < 0.4 else _LATER)))


def _fate(random: Random, storyline: Storyline, plot: _Plot, begins_on: date) -> Fate:
    churns_on = None
    if random.random() < plot.churn:
        churns_on = begins_on + timedelta(days=random.randint(58, 110))
    return Fate(storyline, plot.measure, plot.direction, begins_on, churns_on)
