"""Pasts in, a drawn sample and its findings out: account by account, so that no more than one is at hand."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from csmodels.catalogue import CustomerEvent
from csmodels.customer import ContractChanged
from csmodels.fields import Band
from csmodels.internal import FeedResumed, FeedStopped
from scoring.backtest.grid import Grid
from scoring.backtest.outcomes import Outcome, by_contracts
from scoring.backtest.sample import STAYS, Drawn, LeftOut, Row, Sample
from scoring.backtest.walking import Look, Moment, View, looks, recency, volume
from scoring.domain.grading import plain_band as by_boundaries
from scoring.domain.money import Rates
from scoring.domain.score import Score
from scoring.domain.scorecard import Scorecard
from scoring.engine.facts import Facts
from scoring.engine.feeds import Stopped, fold_feed
from scoring.engine.fold import fold_all
from scoring.engine.names import most_used
from scoring.engine.profile import profile

YOUNG_DAYS: Final = 28  # so long an account must be known before it is judged: the shortest windows need as many

_AT_ONCE: Final = 10_000  # rows that are kept as objects
Shown = Callable[[int], None]  # is told of how many more events are done


@dataclass(frozen=True, slots=True)
class Past:
    """All events of an account, in the log's order, none twice; and what became of it.

    outcome None: by its contracts. revenue None: what its contracts say at each moment. weight: how many rows of the
    source these stand for. feeds: what was said of feeds in its partition.
    """

    account: str
    events: tuple[CustomerEvent, ...]
    outcome: Outcome | None = None
    revenue: float | None = None
    weight: int = 0
    feeds: tuple[FeedStopped | FeedResumed, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a backtest is asked.

    usage_until: the last day whose events are known; observed_until: the last day whose churn is.
    """

    card: Scorecard
    grid: Grid
    view: View
    rates: Rates
    usage_until: date
    observed_until: date

    def days(self) -> tuple[list[date], list[date]]:
        """The days of the sample, and those that are censored: what came of them nobody knows yet."""
        taken: list[date] = []
        censored: list[date] = []
        for day in self.grid.days():
            (taken if day <= self.usage_until and self.is_complete(day) else censored).append(day)
        return taken, censored

    def is_complete(self, day: date) -> bool:
        """Whether churn is known to the end of the horizon that begins with the day."""
        return day + timedelta(days=self.grid.horizon) <= self.observed_until


def draw(pasts: Iterable[Past], asked: Asked, shown: Shown = lambda _: None) -> Drawn:
    """The sample: every account at every moment at which it was a customer and known for YOUNG_DAYS.

    At censored moments it has those only whose churn is known: who else leaves nobody knows, but how these stood when
    they left can be told. shown is told of the weight of each past that is done.
    """
    days, censored = asked.days()
    looked_at = [*days, *(day for day in censored if day <= asked.usage_until)]
    feeds: tuple[FeedStopped | FeedResumed, ...] = ()
    moments = _moments(looked_at, feeds, asked)
    rows: list[Row] = []
    parts: list[Sample] = []
    left_out = LeftOut()
    accounts = 0
    for number, past in enumerate(pasts):
        if past.feeds is not feeds:
            feeds = past.feeds
            moments = _moments(looked_at, feeds, asked)
        kept, missing = _rows(number, past, moments, asked)
        rows += kept
        left_out += missing
        accounts += 1
        shown(past.weight)
        if len(rows) >= _AT_ONCE:
            parts.append(Sample.of(rows, asked.grid.horizon))
            rows = []
    parts.append(Sample.of(rows, asked.grid.horizon))
    return Drawn(Sample.joined(parts), tuple(days), tuple(censored), left_out, accounts)


def _moments(days: Sequence[date], feeds: Sequence[FeedStopped | FeedResumed], asked: Asked) -> list[Moment]:
    """The ends of the days, with the feeds that were stopped then; corrected: with those that still are."""
    moments = []
    for day in days:
        moment = Moment.ending(day, asked.grid.zone)
        stopped: Stopped = {}
        for event in feeds:
            if asked.view == "corrected" or event.receivedtime <= moment.at:
                stopped = fold_feed(stopped, event)
        moments.append(replace(moment, stopped=stopped))
    return moments


def counting_day(first: date, known_since: date) -> date:
    """The day by whose end usage is counted to find the key features that a scorecard leaves open.

    No account is in the sample before it, so no score sees what came later.
    """
    return max(first, known_since + timedelta(days=YOUNG_DAYS))


def with_features(card: Scorecard, counts: Counter[str]) -> Scorecard:
    """The scorecard with the names that were used most as its key features, unless it names some."""
    if card.actions.key_features:
        return card
    return replace(card, actions=replace(card.actions, key_features=most_used(counts, card.actions)))


def band_of(score: Score, card: Scorecard) -> Band:
    """The band by the boundaries alone; grey if too little is known."""
    return "grey" if score.grey else by_boundaries(score.value, card.green, card.yellow)


def _rows(number: int, past: Past, moments: list[Moment], asked: Asked) -> tuple[list[Row], LeftOut]:
    zone = asked.grid.zone
    outcome = past.outcome
    if outcome is None:
        outcome = _by_contracts(past, asked)
    complete = [moment for moment in moments if asked.is_complete(moment.day)]
    leaving = [moment for moment in moments[len(complete) :] if _is_seen_to_leave(outcome, moment.day, asked)]
    rows = []
    young = gone = known = 0
    for look in looks(past.account, past.events, [*complete, *leaving], asked.card, zone, asked.view):
        day = look.moment.day
        counts = asked.is_complete(day)
        known += counts
        if outcome.is_away(day):
            gone += counts
        elif (day - look.since).days < YOUNG_DAYS:
            young += counts
        else:
            rows.append(_row(number, past, look, outcome, asked))
    return rows, LeftOut(unknown=len(complete) - known, young=young, gone=gone)


def _is_seen_to_leave(outcome: Outcome, day: date, asked: Asked) -> bool:
    leaves_on = outcome.leaves_after(day)
    return leaves_on is not None and leaves_on <= asked.observed_until


def _row(number: int, past: Past, look: Look, outcome: Outcome, asked: Asked) -> Row:
    day = look.moment.day
    leaves_on = outcome.leaves_after(day)
    return Row(
        account=number,
        day=day.toordinal(),
        score=look.score.value,
        band=band_of(look.score, asked.card),
        recency=recency(look.facts, day),
        volume=volume(look.facts, day),
        leaves_in=STAYS if leaves_on is None else (leaves_on - day).days,
        revenue=_revenue(past, look, asked),
        complete=asked.is_complete(day),
    )


def _revenue(past: Past, look: Look, asked: Asked) -> float | None:
    if past.revenue is not None:
        return past.revenue
    mrr = profile(look.facts, look.moment.at, asked.grid.zone, asked.rates).mrr
    return None if mrr is None else float(mrr)


def _by_contracts(past: Past, asked: Asked) -> Outcome:
    """By all that was ever said of the account's contracts."""
    said = [event for event in past.events if isinstance(event, ContractChanged)]
    zone = asked.grid.zone
    facts = fold_all(Facts(past.account), said, asked.card, zone).facts
    return by_contracts(facts.slow, asked.observed_until, zone)
