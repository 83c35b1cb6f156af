"""What the registers say of contracts at a moment: which live, the seats, the price."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from scoring.domain.calendar import days_after, last_day_after, local_day
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Entry, Register, Value, holds_since, read, since

OF_STAGES: Final = ("status", "starts_on", "ends_on", "cancelled_at", "auto_renew", "term_months")
_MOMENT: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)  # before it was nothing
MAX_SEATS: Final = 2**31 - 1  # what the wire and the tables can say (csmodels Size); sums of contracts stop there


class Contract(NamedTuple):
    """What a contract tells of its stages at a moment."""

    register: Register
    first: datetime  # when it was heard of
    status: Value
    starts: date | None  # as told last: of the term
    began: date | None  # when it began that went on since, see began
    ends: date | None  # as told, see last_day
    cancelled: datetime | None
    renews: bool
    term: int | None  # in months
    zone: tzinfo

    def under_notice(self, at: datetime) -> bool:
        """Whether notice was given."""
        return self.status == "cancelled" or (self.cancelled is not None and self.cancelled <= at)

    def noticed(self, at: datetime) -> datetime | None:
        """When notice was given: as the contract says, else since when its status says so. None: it was not."""
        if self.cancelled is not None and self.cancelled <= at:
            return self.cancelled
        return holds_since(self.register, "status", at) if self.status == "cancelled" else None

    def last_day(self, at: datetime) -> date | None:
        """The last day: as told, or, under notice that came after it, that of the term in which it came.

        What is under notice on the day it is heard of was so at its end, unless it says when notice was given.
        """
        moment_ = self.noticed(at) if self.ends is not None and self.renews else None
        if self.ends is None or moment_ is None:
            return self.ends
        noticed = local_day(moment_, self.zone)
        if moment_ != self.cancelled and noticed == local_day(self.first, self.zone):
            return self.ends
        return end_under_notice(self.ends, noticed, term_of(self.starts, self.ends, self.term))

    def started(self, today: date) -> bool:
        """Whether the first day has come."""
        return self.began is None or self.began <= today

    def ended(self, at: datetime, today: date) -> bool:
        """Whether it is over: by its status, or after its last day.

        With auto_renew true it ends by its status only, unless it is under notice: then with the term in which that
        was given.
        """
        if self.status == "ended":
            return True
        if self.ends is None or self.ends >= today:
            return False
        if not self.renews:
            return True
        last = self.last_day(at)
        return self.under_notice(at) and last is not None and last < today


def end_under_notice(ends: date, noticed: date, months: int | None) -> date:
    """The last day of a contract that renews by itself, by the day of its notice: that told if notice came by then.

    Else that of the term in which it came: it had gone on in terms of so many months (None: it ends with the notice).
    """
    if noticed <= ends:
        return ends
    return term_end(ends, months, noticed) if months is not None and months > 0 else noticed


def term_end(ends: date, months: int, day: date) -> date:
    """The first last day of a term at or after a day, where a term ended at `ends` before it, and all are as long."""
    passed = (day.year - ends.year) * 12 + day.month - ends.month
    return next(e for n in (0, 1) if (e := last_day_after(ends, (passed // months + n) * months)) >= day)


def term_of(starts: date | None, ends: date, months: int | None) -> int | None:
    """How many months a term has: as told, else by its days; None if it is not known."""
    if months is not None:
        return months
    return None if starts is None else round((ends - starts).days / 30.4)


def began(register: Register, starts_on: Sequence[Entry], zone: tzinfo) -> date | None:
    """The first day of a contract, by what was told of it until then, oldest first.

    That told last; but where it ran already under an earlier one, and then goes on without a break, the earlier one:
    it was renewed, and its days are told of the new term. It may be renewed again before that term begins.
    """
    found: date | None = None
    for entry in starts_on:
        start, told = day(entry.value), entry.stamp.time
        renewed = (
            found is not None
            and start is not None
            and found < start
            and found <= local_day(told, zone)
            and _goes_on(register, told, start, zone)
        )
        if not renewed:
            found = start
    return found


def _goes_on(register: Register, told: datetime, starts: date, zone: tzinfo) -> bool:
    """Whether a contract that ran goes on under a new first day: it lies at most a day after the end told before."""
    if told <= _FIRST:
        return False
    at = told - _MOMENT
    before = _told(register, at, zone, None)
    last, today = before.last_day(at), local_day(told, zone)
    if last is None or before.status in ("trial", "ended"):
        return False
    if last < today and before.renews and not before.under_notice(at):  # it had gone on by itself
        term = term_of(before.starts, last, before.term)
        if term is None or term <= 0:
            return True
        last = term_end(last, term, today)
    return starts <= days_after(last, 1)


def contract_at(register: Register, at: datetime, zone: tzinfo, first: datetime | None = None) -> Contract:
    """What a contract tells at a moment; first: when it was heard of, if that is known already. Days are the zone's."""
    contract = _told(register, at, zone, first)
    starts_on = register.get("starts_on", ())
    if len(starts_on) < 2:  # nearly always
        return contract
    return contract._replace(began=began(register, [each for each in starts_on if each.stamp.time <= at], zone))


def _told(register: Register, at: datetime, zone: tzinfo, first: datetime | None) -> Contract:
    """A contract as if it began with its term."""
    status, starts, ends, cancelled, renews, months = [
        None if (entries := register.get(field)) is None
        else entries[-1].value if entries[-1].stamp.time <= at
        else read(register, field, at)
        for field in OF_STAGES
    ]  # fmt: skip
    heard = first or since(register) or at
    term = months if isinstance(months, int) else None
    begins = day(starts)
    return Contract(register, heard, status, begins, begins, day(ends), moment(cancelled), renews is True, term, zone)


def contracts_at(slow: SlowFacts, at: datetime, zone: tzinfo) -> list[Contract]:
    """The contracts that were heard of."""
    heard = [(since(register), register) for register in slow.contracts.values()]
    return [contract_at(register, at, zone, first) for first, register in heard if first is not None and first <= at]


def living(slow: SlowFacts, at: datetime, zone: tzinfo) -> list[Register]:
    """The contracts that run at a moment: known, started, not ended. A trial is one, one under notice too."""
    return [contract.register for contract in running(contracts_at(slow, at, zone), at, local_day(at, zone))]


def running(contracts: Iterable[Contract], at: datetime, today: date) -> list[Contract]:
    """Those of the contracts known that run."""
    return [c for c in contracts if c.started(today) and not c.ended(at, today)]


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
