"""Who was a customer on a day, and who left when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo
from itertools import groupby
from operator import itemgetter

from scoring.domain.calendar import ONE_DAY, local_day
from scoring.engine import contracts
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register, newest, since


@dataclass(frozen=True, slots=True)
class Away:
    """A customer was gone from a day on; until: the first day on which it was back, None if it stayed away."""

    since: date
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """When an account was away, in order of time. `Outcome()`: it never left."""

    spells: tuple[Away, ...] = ()

    def is_away(self, day: date) -> bool:
        """Whether it had left by the end of the day."""
        return any(spell.since <= day and (spell.until is None or day < spell.until) for spell in self.spells)

    def leaves_after(self, day: date) -> date | None:
        """The first day after `day` on which it is gone, None if it stays."""
        return next((spell.since for spell in self.spells if spell.since > day), None)


def by_contracts(slow: SlowFacts, until: date, zone: tzinfo) -> Outcome:
    """The outcome that contracts tell: away from the end of the last one (a trial is one) until another runs.

    By what is known of each in the end, however late it was said: an end that lies in the past when a contract is
    imported is that day, not the day of the import. Nothing after `until` is told.
    """
    spells: list[Away] = []
    covered: date | None = None  # until the day before this one some contract ran
    for start, end in sorted(_terms(slow, zone)):
        if covered is not None and start > covered:
            spells.append(Away(covered, start))
        covered = end if covered is None else max(covered, end)
    if covered is not None and covered <= until:
        spells.append(Away(covered))
    return Outcome(tuple(spell for spell in spells if spell.since <= until))


def _terms(slow: SlowFacts, zone: tzinfo) -> Iterable[tuple[date, date]]:
    """The first day of each contract and the first on which it does not run, date.max if it runs on."""
    for contract in slow.contracts.values():
        said = since(contract)
        if said is None:
            continue
        heard = local_day(said, zone)
        end = _end(contract, heard, zone)
        start = contracts.began(contract, contract.get("starts_on", ()), zone) or heard
        yield min(start, end), end


def _end(contract: Register, heard: date, zone: tzinfo) -> date:
    """The first day after its last one, or on which it was said to be ended; else date.max.

    The last day of one that renews by itself counts only under notice, see end_under_notice: what was first heard of
    under notice, or at its end, was so before its last day.
    """
    told = [(entry.value, local_day(entry.stamp.time, zone)) for entry in contract.get("status", ())]
    runs = [(status, next(same)[1]) for status, same in groupby(told, key=itemgetter(0))]
    ended = runs.pop()[1] if runs and runs[-1][0] == "ended" else date.max
    noticed = runs[-1][1] if runs and runs[-1][0] == "cancelled" else None
    if noticed == heard or (noticed is None and ended == heard):
        noticed = date.min
    if (cancelled := contracts.moment(newest(contract, "cancelled_at"))) is not None:
        noticed = local_day(cancelled, zone)
    last = contracts.day(newest(contract, "ends_on"))
    if last is not None and newest(contract, "auto_renew") is True:
        last = contracts.end_under_notice(last, noticed, _term(contract, last)) if noticed is not None else None
    return min(ended, last + ONE_DAY if last is not None and last < date.max else date.max)


def _term(contract: Register, last: date) -> int | None:
    months = newest(contract, "term_months")
    starts = contracts.day(newest(contract, "starts_on"))
    return contracts.term_of(starts, last, months if isinstance(months, int) else None)
