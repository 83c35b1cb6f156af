"""The account as health.changed carries it and as lists show it."""

from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final

from msgspec import Struct

from scoring.engine.facts import Facts
from scoring.engine.register import Register, Value, newest, read
from scoring.engine.still import Lull, lull_at

MAX_MRR: Final = Decimal("999999999999999.999999")  # what the wire can say (csmodels PositiveMoney); sums stop there


class Profile(Struct, frozen=True, gc=False):
    """What is known of an account at a moment.

    mrr is the sum over living contracts that are no trial, in the portfolio's currency; None if none is priced, or
    one is priced in another currency (no rate is known here). seats as in the measures, without the
    estimate. renewal_on: the next last day of a living contract, as it is told or known by its notice.
    """

    name: str | None
    plan: str | None
    segment: str | None
    owner: str | None
    mrr: Decimal | None
    seats: int | None
    country: str | None
    time_zone: str | None
    locale: str | None
    renewal_on: date | None
    last_contact_at: datetime | None


def profile(facts: Facts, at: datetime, zone: tzinfo, currency: str) -> Profile:
    """The account's profile at a moment (name, country, time zone, locale: as now); needs the slow part only."""
    lull = lull_at(facts.slow, at, zone)
    return lull.once(("profile", currency), lambda: _profile(lull, currency))


def _profile(lull: Lull, currency: str) -> Profile:
    slow, at, living = lull.slow, lull.since, lull.living
    ends = [end for contract in lull.running if (end := contract.last_day(at)) is not None]
    account = slow.account
    return Profile(
        name=_text(newest(account, "name")),
        plan=_text(read(account, "plan", at)),
        segment=_text(read(account, "segment", at)),
        owner=_text(read(account, "owner", at)),
        mrr=_mrr(living, at, currency),
        seats=lull.seats,
        country=_text(newest(account, "country")),
        time_zone=_text(newest(account, "time_zone")),
        locale=_text(newest(account, "locale")),
        renewal_on=min([end for end in ends if end >= lull.today], default=None),
        last_contact_at=max([t.stamp.time for t in slow.touches.values() if t.stamp.time <= at], default=None),
    )


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _mrr(living: Iterable[Register], at: datetime, currency: str) -> Decimal | None:
    total: Decimal | None = None
    for contract in living:
        price = read(contract, "mrr", at)
        if read(contract, "status", at) == "trial" or not isinstance(price, str):
            continue
        if read(contract, "currency", at) not in (None, currency):
            return None
        total = min((total or Decimal(0)) + Decimal(price), MAX_MRR)
    return total
