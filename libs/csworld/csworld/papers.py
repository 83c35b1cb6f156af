"""What is on paper: descriptions of accounts and people, contracts, invoices, milestones."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final

from csworld.customers import Customer, months_after, term_end
from csworld.dice import dice
from csworld.happenings import Happening, rfc3339
from csworld.hours import ONE_DAY, days_between, local_day, moment
from csworld.people import Person

_NOTICE: Final = 30  # days from the notice of cancellation to the end
_REASONS: Final = {
    "usage_trend": "not_used",
    "open_tickets": "quality",
    "contact": "no_owner_on_their_side",
    "nps": "competitor",
}
# days after the contract's first one
_MILESTONES: Final = (("kickoff", 3), ("data_imported", 9), ("first_order", 16), ("first_value", 24), ("go_live", 38))


def introductions(customer: Customer, start: datetime) -> Iterator[Happening]:
    """The account, its people so far and its contract: said when the past starts or, later, on its own first day."""
    at = _introduced_at(customer, start)
    today = local_day(customer.time_zone, at)
    account: dict[str, Any] = {
        "name": customer.name,
        "plan": customer.plan,
        "industry": customer.industry,
        "employees": customer.employees,
        "seats": customer.seats,
        "segment": customer.segment,
        "owner": customer.owner,
        "country": customer.country,
        "time_zone": customer.time_zone,
        "locale": customer.locale,
        "currency": customer.currency,
    }
    yield Happening(at, f"{customer.id}/described", "account.described", customer.id, None, account)
    for person in customer.people:
        if person.is_there(today):
            yield _introduced(customer, person, at)
    contract = {
        "contract": customer.contract,
        "product": "orders",
        "plan": customer.plan,
        "status": "active",
        "mrr": str(customer.mrr),
        "currency": customer.currency,
        "seats": customer.seats,
        "starts_on": customer.starts_on.isoformat(),
        "ends_on": term_end(customer.starts_on, customer.term_months, today).isoformat(),
        "term_months": customer.term_months,
        "auto_renew": True,
    }
    yield Happening(at, f"{customer.contract}/signed", "contract.changed", customer.id, None, contract)


def between(seed: int, customer: Customer, start: datetime, begin: datetime, end: datetime) -> Iterator[Happening]:
    """What comes after the introductions (the past starts at `start`): all that lies on the days of begin to end, some
    that does not.
    """
    first, *_, last = days_between(customer.time_zone, begin, end, before=1)
    yield from _joining(customer, start)
    yield from _renewals(customer, first, last)
    yield from _leaving(customer)
    yield from _invoices(seed, customer, first, last)
    yield from _milestones(customer)


def _introduced_at(customer: Customer, start: datetime) -> datetime:
    return max(start, moment(customer.time_zone, customer.starts_on, 9.5))


def _introduced(customer: Customer, person: Person, at: datetime) -> Happening:
    said = {
        "name": person.name,
        "email": person.email,
        "role": person.role,
        "consent": True,
        "locale": person.locale,
        "time_zone": customer.time_zone,
    }
    return Happening(at, f"{person.user}/described", "contact.described", customer.id, person.user, said)


def _joining(customer: Customer, start: datetime) -> Iterator[Happening]:
    introduced_on = local_day(customer.time_zone, _introduced_at(customer, start))
    for person in customer.people:
        if person.joins_on is not None and person.joins_on > introduced_on:
            yield _introduced(customer, person, moment(customer.time_zone, person.joins_on, 8))


def _renewals(customer: Customer, first: date, last: date) -> Iterator[Happening]:
    ends_on = term_end(customer.starts_on, customer.term_months, max(first, customer.starts_on))
    while (renewed_on := ends_on + ONE_DAY) <= last and customer.is_live(renewed_on):
        ends_on = term_end(customer.starts_on, customer.term_months, renewed_on)
        data = {"contract": customer.contract, "ends_on": ends_on.isoformat()}
        at = moment(customer.time_zone, renewed_on, 6)
        yield Happening(at, f"{customer.contract}/renewed/{renewed_on}", "contract.changed", customer.id, None, data)


def _leaving(customer: Customer) -> Iterator[Happening]:
    churns_on = customer.fate.churns_on
    if churns_on is None:
        return
    at = moment(customer.time_zone, churns_on - timedelta(days=_NOTICE), 11)
    data = {
        "contract": customer.contract,
        "status": "cancelled",
        "auto_renew": False,
        "reason": _REASONS.get(customer.fate.measure or "", "other"),
    }
    yield Happening(
        at, f"{customer.contract}/cancelled", "contract.changed", customer.id, None, data, {"cancelled_at": at}
    )
    at = moment(customer.time_zone, churns_on, 0.5)
    data = {"contract": customer.contract, "status": "ended"}
    yield Happening(at, f"{customer.contract}/ended", "contract.changed", customer.id, None, data)


def _invoices(seed: int, customer: Customer, first: date, last: date) -> Iterator[Happening]:
    """One on the first of each month, due at its end, paid around then."""
    month = months_after(first.replace(day=1), -2)
    while month <= last:
        if customer.starts_on < month and customer.is_live(month):
            random = dice(seed, customer.id, month, "invoice")
            due_on = months_after(month, 1) - ONE_DAY
            invoice = f"i-{customer.contract[2:]}-{month:%y%m}"
            data = {
                "invoice": invoice,
                "amount": str(customer.mrr),
                "currency": customer.currency,
                "due_on": due_on.isoformat(),
            }
            at = moment(customer.time_zone, month, 7)
            yield Happening(at, f"{invoice}/sent", "invoice.changed", customer.id, None, data)
            late = random.randint(1, 9) if random.random() < 0.08 else -random.randint(0, 12)
            at = moment(customer.time_zone, due_on + timedelta(days=late), 14)
            yield Happening(
                at,
                f"{invoice}/paid",
                "invoice.changed",
                customer.id,
                None,
                {"invoice": invoice, "paid_at": rfc3339(at)},
            )
        month = months_after(month, 1)


def _milestones(customer: Customer) -> Iterator[Happening]:
    for name, after in _MILESTONES:
        day = customer.starts_on + timedelta(days=after)
        first = customer.nature.uses_from
        if first is not None and name != "kickoff":
            day = max(day, first + timedelta(days=after - 6))
        if customer.is_live(day):
            at = moment(customer.time_zone, day, 15)
            data = {"milestone": name}
            yield Happening(at, f"{customer.id}/milestone/{name}", "milestone.reached", customer.id, None, data)
