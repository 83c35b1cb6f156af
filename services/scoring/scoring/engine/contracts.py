"""What the registers say of contracts at a moment: which live, the seats, the price."""

from collections.abc import Iterable
from datetime import date, datetime, tzinfo
from typing import Final

from scoring.domain.calendar import local_day
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register, Value, read

MAX_SEATS: Final = 2**31 - 1  # what the wire and the tables can say (csmodels Size); sums of contracts stop there


def living(slow: SlowFacts, at: datetime, zone: tzinfo) -> list[Register]:
    """The contracts that run at a moment: known, started, not ended. A trial is one, one under notice too."""
    today = local_day(at, zone)
    return [c for c in known(slow, at) if started(c, at, today) and not ended(c, at, today)]


def seats(slow: SlowFacts, running: Iterable[Register], at: datetime) -> int | None:
    """The seats of the living contracts, else the account's own, at most MAX_SEATS; None if none are known (0 is not
    known either).
    """
    of_contracts = [read(contract, "seats", at) for contract in running]
    total = min(sum(n for n in of_contracts if isinstance(n, int)), MAX_SEATS)
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


def started(contract: Register, at: datetime, today: date) -> bool:
    """Whether a contract's first day has come."""
    starts = day(read(contract, "starts_on", at))
    return starts is None or starts <= today


def under_notice(contract: Register, at: datetime) -> bool:
    """Whether notice was given."""
    if read(contract, "status", at) == "cancelled":
        return True
    cancelled = moment(read(contract, "cancelled_at", at))
    return cancelled is not None and cancelled <= at


def ended(contract: Register, at: datetime, today: date) -> bool:
    """Whether a contract is over: by its status, or after its last day.

    With auto_renew true it ends by its status only, unless it is under notice.
    """
    if read(contract, "status", at) == "ended":
        return True
    ends = day(read(contract, "ends_on", at))
    if ends is None or ends >= today:
        return False
    return not (read(contract, "auto_renew", at) is True and not under_notice(contract, at))


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
