"""The account as health.changed carries it and as lists show it."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from decimal import Decimal
from typing import Final

from msgspec import Struct

from scoring.domain.money import Rates
from scoring.engine.facts import Facts
from scoring.engine.register import Register, Value, newest, read
from scoring.engine.still import Lull, lull_at

MAX_MRR: Final = Decimal("999999999999999.999999")  # what the wire can say (csmodels PositiveMoney); sums stop there


class Profile(Struct, frozen=True, gc=False):
    """What is known of an account at a moment.

    mrr is the sum over living contracts that are no trial, in the portfolio's currency at the rates of the day; None if
    none is priced, or no rate is known of the currency of one. seats as in the measures, without the
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


def profile(facts: Facts, at: datetime, zone: tzinfo, rates: Rates) -> Profile:
    """The account's profile at a moment (name, country, time zone, locale: as now); needs the slow part only."""
    lull = lull_at(facts.slow, at, zone)
    return lull.once(("profile", rates), lambda: _profile(lull, rates))


def needs_rates(facts: Facts, at: datetime, zone: tzinfo, rates: Rates) -> bool:
    """Whether a living contract that is no trial is priced in another currency than the portfolio's."""
    return any(not rates.is_own(currency) for _, currency in _priced(lull_at(facts.slow, at, zone).living, at))


def _profile(lull: Lull, rates: Rates) -> Profile:
    slow, at, living = lull.slow, lull.since, lull.living
    ends = [end for contract in lull.running if (end := contract.last_day(at)) is not None]
    account = slow.account
    return Profile(
        name=_text(newest(account, "name")),
        plan=_text(read(account, "plan", at)),
        segment=_text(read(account, "segment", at)),
        owner=_text(read(account, "owner", at)),
        mrr=_mrr(living, at, lull.today, rates),
        seats=lull.seats,
        country=_text(newest(account, "country")),
        time_zone=_text(newest(account, "time_zone")),
        locale=_text(newest(account, "locale")),
        renewal_on=min([end for end in ends if end >= lull.today], default=None),
        last_contact_at=max([t.stamp.time for t in slow.touches.values() if t.stamp.time <= at], default=None),
    )


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None


def _mrr(living: Iterable[Register], at: datetime, today: date, rates: Rates) -> Decimal | None:
    total: Decimal | None = None
    for price, currency in _priced(living, at):
        if rates.rate(currency, today) is None:
            return None
        total = min((total or Decimal(0)) + rates.convert(price, currency, today), MAX_MRR)
    return total


def _priced(living: Iterable[Register], at: datetime) -> Iterator[tuple[Decimal, str | None]]:
    """The price and the currency of each contract that has a price and is no trial."""
    for contract in living:
        price, currency = read(contract, "mrr", at), read(contract, "currency", at)
        if isinstance(price, str) and read(contract, "status", at) != "trial":
            yield Decimal(price), _text(currency)
