"""What the registers say of contracts at a moment: which live, the seats, the price."""

from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from typing import Final, NamedTuple

from scoring.domain.calendar import local_day
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register, Value, read, since

OF_STAGES: Final = ("status", "starts_on", "ends_on", "cancelled_at", "auto_renew", "term_months")
MAX_SEATS: Final = 2**31 - 1  # what the wire and the tables can say (csmodels Size); sums of contracts stop there


class Contract(NamedTuple):
    """What a contract tells of its stages at a moment."""

    register: Register
    first: datetime  # when it was heard of
    status: Value
    starts: date | None
    ends: date | None
    cancelled: datetime | None
    renews: bool
    term: int | None  # in months

    def under_notice(self, at: datetime) -> bool:
        """Whether notice was given."""
        return self.status == "cancelled" or (self.cancelled is not None and self.cancelled <= at)

    def started(self, today: date) -> bool:
        """Whether the first day has come."""
        return self.starts is None or self.starts <= today

    def ended(self, at: datetime, today: date) -> bool:
        """Whether it is over: by its status, or after its last day.

        With auto_renew true it ends by its status only, unless it is under notice.
        """
        if self.status == "ended":
            return True
        if self.ends is None or self.ends >= today:
            return False
        return not self.renews or self.under_notice(at)


def contract_at(register: Register, at: datetime, first: datetime | None = None) -> Contract:
    """What a contract tells at a moment; first: when it was heard of, if that is known already."""
    status, starts, ends, cancelled, renews, months = [
        None if (entries := register.get(field)) is None
        else entries[-1].value if entries[-1].stamp.time <= at
        else read(register, field, at)
        for field in OF_STAGES
    ]  # fmt: skip
    heard = first or since(register) or at
    term = months if isinstance(months, int) else None
    return Contract(register, heard, status, day(starts), day(ends), moment(cancelled), renews is True, term)


def contracts_at(slow: SlowFacts, at: datetime) -> list[Contract]:
    """The contracts that were heard of."""
    heard = [(since(register), register) for register in slow.contracts.values()]
    return [contract_at(register, at, first) for first, register in heard if first is not None and first <= at]


def living(slow: SlowFacts, at: datetime, zone: tzinfo) -> list[Register]:
    """The contracts that run at a moment: known, started, not ended. A trial is one, one under notice too."""
    return living_of(contracts_at(slow, at), at, local_day(at, zone))


def living_of(contracts: Iterable[Contract], at: datetime, today: date) -> list[Register]:
    """Those of the contracts known that run."""
    return [c.register for c in contracts if c.started(today) and not c.ended(at, today)]


def seats(slow: SlowFacts, running: Iterable[Register], at: datetime) -> int | None:
    """The seats of the living contracts, else the account's own, at most MAX_SEATS; None if none are known (0 is not
    known either).
    """
    total = min(sum([n for contract in running if isinstance(n := read(contract, "seats", at), int)]), MAX_SEATS)
    own = read(slow.account, "seats", at)
    return total or (own if isinstance(own, int) else 0) or None


def day(value: Value) -> date | None:
    """A day as registers keep it."""
    return date.fromisoformat(value) if isinstance(value, str) else None


def moment(value: Value) -> datetime | None:
    """A moment as registers keep it."""
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def known(slow: SlowFacts, at: datetime) -> list[Register]:
    """The contracts that were heard of."""
    return [
        contract
        for contract in slow.contracts.values()
        if any([entries[0].stamp.time <= at for entries in contract.values()])
    ]


def under_notice(contract: Register, at: datetime) -> bool:
    """Whether notice was given."""
    return contract_at(contract, at).under_notice(at)


def ended(contract: Register, at: datetime, today: date) -> bool:
    """Whether a contract is over, see Contract."""
    return contract_at(contract, at).ended(at, today)


def prices(running: Iterable[Register], at: datetime) -> dict[str | None, float]:
    """The monthly price of contracts that are no trial, by currency (None: it is not said); empty: none is priced."""
    total: dict[str | None, float] = {}
    for contract in running:
        price = read(contract, "mrr", at)
        if isinstance(price, str) and read(contract, "status", at) != "trial":
            currency = read(contract, "currency", at)
            code = currency if isinstance(currency, str) else None
            total[code] = total.get(code, 0.0) + float(price)
    return total
