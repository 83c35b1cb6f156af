"""How an account has been at work with us lately: what segments go by beside its health."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final

from scoring.domain.calendar import Month, local_day, months_back, window_masks
from scoring.domain.money import Rates
from scoring.engine.facts import Facts
from scoring.engine.register import Register, read

WINDOW_DAYS: Final = 90
_MONTHS: Final = 4  # 90 days touch at most four


@dataclass(frozen=True, slots=True)
class Activity:
    """As of a moment, over the 90 days that end with its day.

    idle_days: since the day of the last core action; None if there was none in the window. core_actions and contacts
    (touches of any kind) are counts. revenue: what was ever paid on invoices, in the portfolio's currency at the
    rates of the days of payment, without those that no rate is known of; None if none.
    """

    idle_days: int | None
    core_actions: int
    contacts: int
    revenue: Decimal | None


def months_of_activity(at: datetime, zone: tzinfo) -> frozenset[Month]:
    """The months that activity needs at a moment."""
    return frozenset(months_back(local_day(at, zone), _MONTHS))


def activity(facts: Facts, at: datetime, zone: tzinfo, rates: Rates) -> Activity:
    """The account's activity at a moment. Raises MonthNotLoaded; months_of_activity are enough."""
    today = local_day(at, zone)
    actions = 0
    newest: date | None = None
    for month, mask in sorted(window_masks(today, WINDOW_DAYS).items()):
        counts = facts.month(month).core
        days = [day for day in range(1, 32) if mask >> (day - 1) & 1 and counts[day - 1]]
        actions += sum(counts[day - 1] for day in days)
        if days:
            newest = date.fromisoformat(f"{month}-{days[-1]:02d}")
    idle = None if newest is None else (today - newest).days
    since = at - timedelta(days=WINDOW_DAYS)
    contacts = sum(since < touch.stamp.time <= at for touch in facts.slow.touches.values())
    paid = [amount for each in facts.slow.invoices.values() if (amount := _paid(each, at, zone, rates)) is not None]
    return Activity(idle, actions, contacts, sum(paid, Decimal(0)) if paid else None)


def _paid(invoice: Register, at: datetime, zone: tzinfo, rates: Rates) -> Decimal | None:
    """What was paid of an invoice until a moment."""
    amount, paid_at = read(invoice, "amount", at), read(invoice, "paid_at", at)
    if not isinstance(amount, str) or not isinstance(paid_at, str):
        return None
    currency = read(invoice, "currency", at)
    try:
        paid, day = datetime.fromisoformat(paid_at), local_day(datetime.fromisoformat(paid_at), zone)
        own = currency if isinstance(currency, str) else None
        return rates.convert(Decimal(amount), own, day) if paid <= at and rates.rate(own, day) is not None else None
    except (InvalidOperation, ValueError, TypeError):
        return None
