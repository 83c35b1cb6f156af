"""What is forgotten after 400 days."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from msgspec import structs

from scoring.domain.calendar import Month, local_day, month_of
from scoring.domain.scorecard import LONGEST_LOOK_BACK, LONGEST_NPS_WINDOW
from scoring.engine.contracts import moment
from scoring.engine.facts import KEPT_DAYS, EventKey, Handover, Note, SlowFacts, Touch, Voice
from scoring.engine.register import Register, forget, newest
from scoring.engine.tickets import DONE

R = TypeVar("R", Note, Voice, Handover, Touch)


def oldest_month(at: datetime, zone: tzinfo) -> Month:
    """The oldest month that is kept; rows of months before it may be deleted."""
    return month_of(local_day(at, zone) - timedelta(days=KEPT_DAYS))


def forgotten(slow: SlowFacts, at: datetime) -> SlowFacts:
    """The slow part without what no moment of the last 400 days can see; equal if there is nothing to forget.

    The first and the newest touch of each direction stay: contact is told by them, however long ago. Contracts,
    invoices and milestones stay, too; tickets go when they were done before. Answers stay for as long as a score of
    these days may look back on them; that an override was ended, as long as the override.
    """
    before = at - timedelta(days=KEPT_DAYS)
    heard_before = before - timedelta(days=LONGEST_NPS_WINDOW)
    looked_back = before - timedelta(days=LONGEST_LOOK_BACK)
    overrides = {id_: override for id_, override in slow.overrides.items() if override.expires_at > before}
    touches = [
        keep(same, key=lambda touch: touch.stamp)
        for same in ([t for t in slow.touches.values() if t.direction == d] for d in ("in", "out", "both"))
        for keep in (min, max)
        if same
    ]
    return structs.replace(
        slow,
        account=forget(slow.account, before),
        contacts={id_: forget(contact, looked_back) for id_, contact in slow.contacts.items()},
        contracts={id_: forget(contract, looked_back) for id_, contract in slow.contracts.items()},
        tickets={
            id_: forget(ticket, before)
            for id_, ticket in slow.tickets.items()
            if not _done(ticket, looked_back if "csat" in ticket else before)
        },
        invoices={id_: forget(invoice, before) for id_, invoice in slow.invoices.items()},
        answers={id_: given for id_, given in slow.answers.items() if given[-1].stamp.time > heard_before},
        touches={
            key: touch for key, touch in slow.touches.items() if touch.stamp.time > looked_back or touch in touches
        },
        notes=_recent(slow.notes, before),
        voices=_recent(slow.voices, before),
        handovers=_recent(slow.handovers, before),
        overrides=overrides,
        again=forget(slow.again, looked_back),
        ended={id_: stamp for id_, stamp in slow.ended.items() if id_ in overrides or stamp.time > before},
    )


def _recent(records: Mapping[EventKey, R], before: datetime) -> Mapping[EventKey, R]:
    return {key: record for key, record in records.items() if record.stamp.time > before}


def _done(ticket: Register, before: datetime) -> bool:
    """Whether a ticket was done before a moment and nothing was said of it since."""
    if any(entries[-1].stamp.time > before for entries in ticket.values()):
        return False
    solved = moment(newest(ticket, "solved_at"))
    return newest(ticket, "status") in DONE or (solved is not None and solved <= before)
