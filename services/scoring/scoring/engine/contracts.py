"""What the registers say of contracts at a moment: which live, the seats, the stage."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, tzinfo
from typing import Final

from csmodels.fields import Stage
from scoring.domain.calendar import local_day
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Register, Value, read, since

MAX_SEATS: Final = 2**31 - 1  # what the wire and the tables can say (csmodels Size); sums of contracts stop there


def living(slow: SlowFacts, at: datetime, zone: tzinfo) -> list[Register]:
    """The contracts that run at a moment: known, started, not ended. A trial is one, one under notice too."""
    today = local_day(at, zone)
    return [c for c in _known(slow, at) if _started(c, at, today) and not _ended(c, at, today)]


def stage(slow: SlowFacts, at: datetime, zone: tzinfo) -> Stage:
    """churning while every living contract is under notice, churned after the end of the last one, else adoption.

    Onboarding and renewal are told apart by scorecards with columns for them. A contract without auto_renew ends with
    its last day (ends_on), one under notice or with auto_renew false too; with auto_renew true only by its status.
    """
    today = local_day(at, zone)
    running = [contract for contract in _known(slow, at) if not _ended(contract, at, today)]
    if not running:
        return "churned" if next(_known(slow, at), None) is not None else "adoption"
    return "churning" if all(_under_notice(contract, at) for contract in running) else "adoption"


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


def _known(slow: SlowFacts, at: datetime) -> Iterator[Register]:
    for contract in slow.contracts.values():
        first = since(contract)
        if first is not None and first <= at:
            yield contract


def _started(contract: Register, at: datetime, today: date) -> bool:
    starts = day(read(contract, "starts_on", at))
    return starts is None or starts <= today


def _under_notice(contract: Register, at: datetime) -> bool:
    cancelled = moment(read(contract, "cancelled_at", at))
    return read(contract, "status", at) == "cancelled" or (cancelled is not None and cancelled <= at)


def _ended(contract: Register, at: datetime, today: date) -> bool:
    status = read(contract, "status", at)
    if status == "ended":
        return True
    ends = day(read(contract, "ends_on", at))
    if ends is None:
        return False
    renews = read(contract, "auto_renew", at) is True and not _under_notice(contract, at)
    return ends < today and not renews
