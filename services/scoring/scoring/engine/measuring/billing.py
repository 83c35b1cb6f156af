"""C1 and C2: what is owed, and how the price moves. As of when the billing feed stopped, if it did."""

from datetime import datetime, timedelta

from scoring.domain.calendar import day_end, local_day
from scoring.domain.measures import MeasureId, Measurement
from scoring.domain.terms import MrrChange, Overdue
from scoring.engine.contracts import day, known, living, moment, prices
from scoring.engine.moment import Moment, passing
from scoring.engine.register import Register, read
from scoring.engine.tickets import changed_at


def overdue(now: Moment, id_: MeasureId, terms: Overdue) -> Measurement:
    """C1. Zero if nothing is overdue, not connected without an invoice ever. A credit note is not owed."""
    at = now.billing_at
    as_of: datetime | None = None
    late = 0
    today = now.today if at == now.at else local_day(at, now.zone)
    for invoice in now.slow.invoices.values():
        changed = changed_at(invoice, at)
        if changed is None:
            continue
        as_of = changed if as_of is None else max(as_of, changed)
        due = day(read(invoice, "due_on", at))
        if due is not None and due < today and not _settled(invoice, at):
            late = max(late, (today - due).days)
    if as_of is None:
        return Measurement(id_, "not_connected")
    return Measurement(id_, "fresh", float(late), as_of, frozen=at < now.at)


def mrr_change_until(now: Moment, terms: MrrChange) -> datetime:
    """When something that a contract told, a notice or a day leaves the window."""
    told = [
        entry.stamp.time
        for contract in now.slow.contracts.values()
        for entries in contract.values()
        for entry in entries
    ]
    told += [
        cancelled
        for contract in now.slow.contracts.values()
        for entry in contract.get("cancelled_at", ())
        if (cancelled := moment(entry.value)) is not None
    ]
    then = now.billing_at - timedelta(days=terms.window_days)
    return passing(now, [*told, day_end(then, now.zone)], terms.window_days)


def mrr_change(now: Moment, id_: MeasureId, terms: MrrChange) -> Measurement:
    """C2: (price now - price then) / price then, of contracts that are no trial.

    Not connected while no contract is priced; not applicable without a price then (a new customer, a contract imported
    since) or where currencies differ, since no rate is known here.
    """
    at = now.billing_at
    then = at - timedelta(days=terms.window_days)
    contracts = known(now.slow, at)
    if not any(isinstance(read(contract, "mrr", at), str) for contract in contracts):
        return Measurement(id_, "not_connected")
    before = prices(living(now.slow, then, now.zone), then)
    after = prices(now.living if at == now.at else living(now.slow, at, now.zone), at)
    if len({*before, *after}) > 1 or not sum(before.values()):
        return Measurement(id_, "not_applicable")
    was, is_ = sum(before.values()), sum(after.values())
    as_of = max(changed for contract in contracts if (changed := changed_at(contract, at)) is not None)
    return Measurement(id_, "fresh", (is_ - was) / was, as_of, frozen=at < now.at)


def _settled(invoice: Register, at: datetime) -> bool:
    paid = moment(read(invoice, "paid_at", at))
    if paid is not None and paid <= at:
        return True
    amount = read(invoice, "amount", at)
    return isinstance(amount, str) and float(amount) <= 0
