"""Who was a customer on a day, and who left when."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

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
        end = _end(contract, zone)
        start = contracts.day(newest(contract, "starts_on")) or local_day(said, zone)
        yield min(start, end), end


def _end(contract: Register, zone: tzinfo) -> date:
    """As contracts.stage has it: by the status, by the last day unless it renews itself, else never."""
    ends = [date.max]
    if newest(contract, "status") == "ended":
        ends.append(local_day(_said_first(contract, "status"), zone))
    last = contracts.day(newest(contract, "ends_on"))
    under_notice = newest(contract, "status") == "cancelled" or newest(contract, "cancelled_at") is not None
    renews = newest(contract, "auto_renew") is True and not under_notice and len(ends) == 1
    if last is not None and last < date.max and not renews:
        ends.append(last + ONE_DAY)
    return min(ends)


def _said_first(contract: Register, field: str) -> datetime:
    """Since when the field has had the value that it has in the end."""
    entries = contract[field]
    first = entries[-1]
    for entry in reversed(entries):
        if entry.value != first.value:
            break
        first = entry
    return first.stamp.time
