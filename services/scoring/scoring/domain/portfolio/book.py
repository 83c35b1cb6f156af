"""What metrics know of an account, by days of the portfolio's zone. What holds on a day holds at its end."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from scoring.domain.money import Rates

Dimension = Literal["plan", "tenure", "segment", "owner"]

ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Step:
    """What a contract is from a day on, until its next step.

    paying: it runs, is no trial and not free; only then has it a price. mrr is a month's price in the currency (None:
    the portfolio's), zero if no price is known. event: the id of the event that says so.
    """

    day: date
    paying: bool
    mrr: Decimal = ZERO
    currency: str | None = None
    product: str | None = None
    plan: str | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract by its steps, oldest first, and the last days of its terms; before the first step it pays nothing."""

    id: str
    steps: tuple[Step, ...]
    ends: tuple[date, ...] = ()
    term_months: int | None = None

    def on(self, day: date) -> Step | None:
        """The step that holds on a day if it pays then."""
        for step in reversed(self.steps):
            if step.day <= day:
                return step if step.paying else None
        return None

    def moved(self, after: date, until: date) -> bool:
        """Whether a step lies in after < day <= until."""
        return any(after < step.day <= until for step in self.steps)

    @property
    def first_paying(self) -> date | None:
        """The first day on which it pays."""
        return next((step.day for step in self.steps if step.paying), None)

    def events(self, after: date, until: date) -> tuple[str, ...]:
        """The events that made the steps of after < day <= until."""
        return tuple(step.event for step in self.steps if step.event and after < step.day <= until)


@dataclass(frozen=True, slots=True)
class Dated:
    """A value from a day on."""

    day: date
    value: str | None


@dataclass(frozen=True, slots=True)
class Reached:
    """A milestone and the day it was first reached."""

    milestone: str
    day: date
    event: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an NPS survey: 0 to 10."""

    day: date
    score: int
    response: str
    event: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket: when it was opened, first replied to, and solved (None: not yet)."""

    id: str
    opened_at: datetime
    replied_at: datetime | None
    solved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Book:
    """An account. tickets are those opened in the period that is asked for, active its active people; both empty else.

    first_core: the day of the first core action.
    """

    account: str
    contracts: tuple[Contract, ...] = ()
    plans: tuple[Dated, ...] = ()
    segments: tuple[Dated, ...] = ()
    owners: tuple[Dated, ...] = ()
    milestones: tuple[Reached, ...] = ()
    answers: tuple[Answer, ...] = ()
    first_core: date | None = None
    merged: bool = False
    tickets: tuple[Ticket, ...] = ()
    active: int = 0

    def paying(self, day: date) -> bool:
        """Whether the account is a customer at the end of a day: a contract of it pays."""
        return any(contract.on(day) is not None for contract in self.contracts)

    @property
    def customer_since(self) -> date | None:
        """The first day on which it was ever a customer."""
        return min((day for contract in self.contracts if (day := contract.first_paying) is not None), default=None)

    def group(self, by: Dimension, day: date, rates: Rates | None = None) -> str | None:
        """The group of a day; before the first value that was ever said, that one. None: nobody said.

        rates: prices of contracts in several currencies are compared by them; without any, by their numbers.
        """
        match by:
            case "plan":
                return _on(self.plans, day) or self._plan_of_contracts(day, rates)
            case "segment":
                return _on(self.segments, day)
            case "owner":
                return _on(self.owners, day)
            case "tenure":
                return tenure(self.customer_since, day)

    def _plan_of_contracts(self, day: date, rates: Rates | None) -> str | None:
        """The plan of the dearest contract that pays, for clients that name plans there only.

        While none pays that names one, that of the last day on which one did, or, if none ever had, of the next one.
        """

        def worth(step: Step) -> Decimal:
            return step.mrr if rates is None else rates.convert(step.mrr, step.currency, day)

        days = sorted({step.day for contract in self.contracts for step in contract.steps})
        passed = bisect_right(days, day)
        for then in (day, *reversed(days[:passed]), *days[passed:]):
            named = [step for contract in self.contracts if (step := contract.on(then)) and step.plan]
            if named:
                return max(named, key=worth).plan
        return None


def tenure(since: date | None, day: date) -> str:
    """How long an account has been a customer, as a class; new: not before that day."""
    if since is None or since > day:
        return "new"
    months = (day.year - since.year) * 12 + day.month - since.month - (day.day < since.day)
    if months < 3:
        return "under_3_months"
    if months < 12:
        return "3_to_12_months"
    return "12_to_24_months" if months < 24 else "over_24_months"


def _on(values: tuple[Dated, ...], day: date) -> str | None:
    for dated in reversed(values):
        if dated.day <= day:
            return dated.value
    return values[0].value if values else None
