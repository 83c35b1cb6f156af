"""What is forgotten once no moment of the last 400 days can see it."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from msgspec import structs

from scoring.domain.calendar import Month, local_day, month_of
from scoring.domain.scorecard import LONGEST_LOOK_BACK, LONGEST_NPS_WINDOW
from scoring.engine.contracts import OF_STAGES
from scoring.engine.facts import KEPT_DAYS, USAGE_KEPT_DAYS, Answer, EventKey, Handover, Note, SlowFacts, Touch, Voice
from scoring.engine.register import Register, forget
from scoring.engine.sponsors import OF_SPONSORS
from scoring.engine.tickets import OF_RATINGS, changed_at, is_done, rating

R = TypeVar("R", Note, Voice, Handover)
V = TypeVar("V")


def oldest_month(at: datetime, zone: tzinfo) -> Month:
    """The oldest month that is kept; rows of months before it may be deleted.

    It reaches back further than the moments that may be asked of: those look at the usage before them.
    """
    return month_of(local_day(at, zone) - timedelta(days=USAGE_KEPT_DAYS))


def forgotten(slow: SlowFacts, at: datetime) -> SlowFacts:
    """The slow part without what no moment of the last 400 days can see; the same if there is nothing to forget.

    Where something tells for ever, that stays: of touches the first, and the newest of each direction that these days
    look back on; the newest of the tickets done before, of their ratings, and of answers of a kind; how roles and
    contracts went, and with contracts their invoices and milestones. Other answers stay for as long as a score of these
    days may look back on them; that an override was ended, as long as the override.
    """
    before = at - timedelta(days=KEPT_DAYS)
    heard_before = before - timedelta(days=LONGEST_NPS_WINDOW)
    looked_back = before - timedelta(days=LONGEST_LOOK_BACK)
    overrides = _only(slow.overrides, lambda id_, override: override.expires_at > before)
    kept = {
        "account": forget(slow.account, before),
        "contacts": _forget(slow.contacts, looked_back, OF_SPONSORS),
        "contracts": _forget(slow.contracts, looked_back, OF_STAGES),
        "tickets": _forget(_tickets(slow.tickets, before, looked_back), before, OF_RATINGS),
        "invoices": _forget(slow.invoices, before),
        "answers": _answers(slow.answers, heard_before),
        "touches": _touches(slow.touches, looked_back),
        "notes": _recent(slow.notes, before),
        "voices": _recent(slow.voices, before),
        "handovers": _recent(slow.handovers, before),
        "overrides": overrides,
        "again": forget(slow.again, looked_back),
        "ended": _only(slow.ended, lambda id_, stamp: id_ in overrides or stamp.time > before),
    }
    changed = {name: part for name, part in kept.items() if part is not getattr(slow, name)}
    return structs.replace(slow, **changed) if changed else slow


def _only(parts: Mapping[str, V], wanted: Callable[[str, V], bool]) -> Mapping[str, V]:
    """Those that are wanted; the same if that is all."""
    if not parts:
        return parts
    kept = {id_: part for id_, part in parts.items() if wanted(id_, part)}
    return kept if len(kept) < len(parts) else parts


def _forget(registers: Mapping[str, Register], before: datetime, whole: Collection[str] = ()) -> Mapping[str, Register]:
    """Registers without what is forgotten of each; the same if nothing is."""
    if max([len(entries) for each in registers.values() for entries in each.values()], default=0) <= 2:
        return registers  # nearly always; the first and the last entry stay
    changed = {id_: after for id_, each in registers.items() if (after := forget(each, before, whole)) is not each}
    return {**registers, **changed} if changed else registers


def _touches(touches: Mapping[EventKey, Touch], before: datetime) -> Mapping[EventKey, Touch]:
    """Without the old ones but for the first, and the newest of each direction; the same if that is all."""
    old = sorted([(each.stamp, each.direction, id_) for id_, each in touches.items() if each.stamp.time <= before])
    if not old:
        return touches
    told = {old[0][2], *{direction: id_ for _, direction, id_ in old}.values()}
    return _only(touches, lambda id_, touch: touch.stamp.time > before or id_ in told)


def _tickets(tickets: Mapping[str, Register], before: datetime, rated_before: datetime) -> Mapping[str, Register]:
    """Without those that were done before (and rated even earlier, if at all), but for the newest, and the newest that
    is rated.
    """
    done = {id_: each for id_, each in tickets.items() if _done(each, rated_before if "csat" in each else before)}
    if not done:
        return tickets
    told = {max(done, key=lambda id_: (changed_at(done[id_], before), id_))}
    rated = [(given, id_) for id_, each in done.items() if (given := rating(each, before)) is not None]
    if rated:
        told.add(max(rated)[1])
    return _only(tickets, lambda id_, each: id_ not in done or id_ in told)


def _answers(answers: Mapping[str, tuple[Answer, ...]], before: datetime) -> Mapping[str, tuple[Answer, ...]]:
    """Without the old ones but for the newest of each kind; the same if that is all."""
    old = sorted([(each[-1].stamp, id_) for id_, each in answers.items() if each[-1].stamp.time <= before])
    if not old:
        return answers
    told = {answers[id_][-1].kind: id_ for _, id_ in old}.values()
    return _only(answers, lambda id_, given: given[-1].stamp.time > before or id_ in told)


def _recent(records: Mapping[EventKey, R], before: datetime) -> Mapping[EventKey, R]:
    return _only(records, lambda id_, record: record.stamp.time > before)


def _done(ticket: Register, before: datetime) -> bool:
    """Whether a ticket was done before a moment and nothing was said of it since."""
    for entries in ticket.values():
        if entries[-1].stamp.time > before:
            return False
    return is_done(ticket, before)
