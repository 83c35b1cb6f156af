"""What became of an account, and of its overrides. Told by facts and a moment alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, time, timedelta, tzinfo

from msgspec import structs

from csmodels.fields import Band
from scoring.domain.calendar import ONE_DAY, local_day
from scoring.domain.grading import Grade, Outcome, due_at, grade, over_at, plain_band
from scoring.domain.scorecard import Scorecard
from scoring.engine import contracts
from scoring.engine.facts import Facts, Override, SlowFacts
from scoring.engine.features import assess

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Graded:
    """An override and what came of it. outcome and grade are None while that is open, at most until due_at.

    score is that of the moment in which it was set, without says what it had been without the override.
    """

    id: str
    override: Override
    ended_at: datetime | None
    due_at: datetime
    score: float
    without: float
    outcome: Outcome | None
    grade: Grade | None


def graded(facts: Facts, id_: str, now: datetime, card: Scorecard, zone: tzinfo) -> Graded:
    """An override of the account as of now. KeyError if there is none; needs the months of when it was set."""
    override = facts.slow.overrides[id_]
    taken_back = facts.slow.ended.get(id_)
    ended_at = taken_back.time if taken_back else None
    over = over_at(override.expires_at, ended_at)
    due = due_at(over)
    set_at = override.stamp.time
    with_it, without = (
        assess(
            structs.replace(facts, slow=structs.replace(facts.slow, overrides=some, ended={})), set_at, card, zone
        ).value
        for some in (_only(id_, override), {})
    )
    found = outcome(facts.slow, set_at, due, now, zone)
    return Graded(
        id=id_,
        override=override,
        ended_at=ended_at if ended_at is not None and ended_at < override.expires_at else None,
        due_at=due,
        score=with_it,
        without=without,
        outcome=found,
        grade=grade(_band(without, card), _band(with_it, card), found) if found else None,
    )


def outcome(slow: SlowFacts, since: datetime, until: datetime, now: datetime, zone: tzinfo) -> Outcome | None:
    """What an account came to after `since`, told at `until` at the latest; None while it is open (domain.grading)."""
    for at in _turns(slow, since, min(until, now), zone):
        if (found := _came_to(slow, at, zone)) is not None:
            return found
    if now < until:
        return None
    kept = Outcome("kept" if contracts.known(slow, until) else "unknown", until)
    return _came_to(slow, until, zone) or kept


def _came_to(slow: SlowFacts, at: datetime, zone: tzinfo) -> Outcome | None:
    """What is decided by a moment in which contracts changed or a term had just ended."""
    known = contracts.contracts_at(slow, at, zone)
    today = local_day(at, zone)
    running = [contract for contract in known if not contract.ended(at, today)]
    if not running:
        return Outcome("left", at) if known else None
    if all(contract.under_notice(at) for contract in running):
        return Outcome("leaving", at)
    yesterday = (today - ONE_DAY).isoformat()
    over = any(entry.value == yesterday for contract in known for entry in contract.register.get("ends_on", ()))
    return Outcome("renewed", at) if over else None


def _turns(slow: SlowFacts, since: datetime, until: datetime, zone: tzinfo) -> list[datetime]:
    """The moments in since < at <= until in which something about contracts may be decided, the oldest first."""
    found: set[datetime] = set()
    for contract in slow.contracts.values():
        for entries in contract.values():
            found.update(entry.stamp.time for entry in entries)
        for entry in contract.get("cancelled_at", ()):
            found.update(filter(None, [contracts.moment(entry.value)]))
        ends = {contracts.day(entry.value) for entry in contract.get("ends_on", ())}
        ends |= {contracts.contract_at(contract, at, zone).last_day(at) for at in found if at <= until}
        for last in ends:
            if last is not None and last.year < MAXYEAR:
                found.add(datetime.combine(last + ONE_DAY, time.min, tzinfo=zone))
    return sorted(at for at in found if since < at <= until)


def _only(id_: str, override: Override) -> Mapping[str, Override]:
    """The override as it stood when it was set, in force for that moment."""
    return {id_: structs.replace(override, expires_at=max(override.expires_at, override.stamp.time + _MOMENT))}


def _band(score: float, card: Scorecard) -> Band:
    return plain_band(score, card.green, card.yellow)
