"""What is forgotten once no moment of the last 400 days can see it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from msgspec import structs

from scoring.domain.calendar import Month, local_day, month_of
from scoring.domain.scorecard import LONGEST_LOOK_BACK, LONGEST_NPS_WINDOW
from scoring.engine.facts import KEPT_DAYS, USAGE_KEPT_DAYS, EventKey, Handover, Note, SlowFacts, Touch, Voice
from scoring.engine.register import Register, forget
from scoring.engine.tickets import is_done

R = TypeVar("R", Note, Voice, Handover)
V = TypeVar("V")


def oldest_month(at: datetime, zone: tzinfo) -> Month:
    """The oldest month that is kept; rows of months before it may be deleted.

    It reaches back further than the moments that may be asked of: those look at the usage before them.
    """
    return month_of(local_day(at, zone) - timedelta(days=USAGE_KEPT_DAYS))


def forgotten(slow: SlowFacts, at: datetime) -> SlowFacts:
    """The slow part without what no moment of the last 400 days can see; the same if there is nothing to forget.

    The first and the newest touch of each direction stay: contact is told by them, however long ago. Contracts,
    invoices and milestones stay, too; tickets go when they were done before. Answers stay for as long as a score of
    these days may look back on them; that an override was ended, as long as the override.
    """
    before = at - timedelta(days=KEPT_DAYS)
    heard_before = before - timedelta(days=LONGEST_NPS_WINDOW)
    looked_back = before - timedelta(days=LONGEST_LOOK_BACK)
    overrides = _only(slow.overrides, lambda id_, override: override.expires_at > before)
    tickets = _only(slow.tickets, lambda id_, each: not _done(each, looked_back if "csat" in each else before))
    kept = {
        "account": forget(slow.account, before),
        "contacts": _forget(slow.contacts, looked_back),
        "contracts": _forget(slow.contracts, looked_back),
        "tickets": _forget(tickets, before),
        "invoices": _forget(slow.invoices, before),
        "answers": _only(slow.answers, lambda id_, given: given[-1].stamp.time > heard_before),
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


def _forget(registers: Mapping[str, Register], before: datetime) -> Mapping[str, Register]:
    """Registers without what is forgotten of each; the same if nothing is."""
    if max([len(entries) for each in registers.values() for entries in each.values()], default=0) <= 2:
        return registers  # nearly always; the first and the last entry stay
    changed = {id_: after for id_, each in registers.items() if (after := forget(each, before)) is not each}
    return {**registers, **changed} if changed else registers


def _touches(touches: Mapping[EventKey, Touch], before: datetime) -> Mapping[EventKey, Touch]:
    """Without the old ones but for the first and the newest of each direction; the same if that is all."""
    if not touches or min([touch.stamp.time for touch in touches.values()]) > before:
        return touches
    told = [
        keep(same, key=lambda touch: touch.stamp)
        for same in ([t for t in touches.values() if t.direction == d] for d in ("in", "out", "both"))
        for keep in (min, max)
        if same
    ]
    return _only(touches, lambda id_, touch: touch.stamp.time > before or touch in told)


def _recent(records: Mapping[EventKey, R], before: datetime) -> Mapping[EventKey, R]:
    return _only(records, lambda id_, record: record.stamp.time > before)


def _done(ticket: Register, before: datetime) -> bool:
    """Whether a ticket was done before a moment and nothing was said of it since."""
    for entries in ticket.values():
        if entries[-1].stamp.time > before:
            return False
    return is_done(ticket, before)
