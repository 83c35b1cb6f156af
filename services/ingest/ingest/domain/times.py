"""When something happened, as far as a client's clock can be trusted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from csmodels.errors import INVALID_FIELD, InvalidEvent

BACKFILL_AFTER: Final = timedelta(days=3)
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)  # before it lie the zero times of programs, such as Go's year 1


@dataclass(frozen=True, slots=True)
class Settled:
    """The time an event gets. clamped: it lay in the future; backfill: it is old news."""

    time: datetime
    clamped: bool
    backfill: bool


def settle(time: datetime, received: datetime, *, field: str = "time", backfill: bool = False) -> Settled:
    """A time in the future becomes `received`; more than three days before it is backfill, if not said already.

    InvalidEvent for one before 1970, that names `field`.
    """
    check_not_too_early(time, field)
    if time > received:
        return Settled(received, clamped=True, backfill=backfill)
    return Settled(time, clamped=False, backfill=backfill or is_old_news(time, received))


def check_not_too_early(time: datetime, field: str) -> None:
    """InvalidEvent that names `field` for a time before 1970."""
    if time < EARLIEST:
        raise InvalidEvent(INVALID_FIELD, field, f"{field} is refused: it lies before 1970.")


def is_old_news(time: datetime, now: datetime) -> bool:
    """Whether an event of that time comes too late to start anything."""
    return now - time > BACKFILL_AFTER


def corrected(time: datetime, sent: datetime | None, received: datetime) -> datetime:
    """`time` by our clock: as long before `received` as it was before `sent` by the client's.

    OverflowError if that lies outside of the years 1 to 9999.
    """
    return time if sent is None else received - (sent - time)


def client_time(value: object) -> datetime | None:
    """A moment as SDKs write it: ISO 8601, in UTC if it names no zone. None if it is none."""
    if not isinstance(value, str) or not 10 <= len(value) <= 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
