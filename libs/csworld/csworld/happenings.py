"""Something that befalls a customer, before it is said as an item of the past or as an act of today."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

ANSWERED: Final = "survey.answered"  # the one kind that clients may not send: it takes the survey's own way


@dataclass(frozen=True, slots=True)
class Happening:
    """What happened, to whom and when (UTC). id is unique in the world; data is the event's, ready for JSON.

    moments are the fields of data that a past item names and a live one leaves to the server's clock.
    """

    at: datetime
    id: str
    type: str
    account: str
    user: str | None
    data: dict[str, Any]
    moments: dict[str, datetime] = field(default_factory=dict)


def rfc3339(at: datetime) -> str:
    """A moment in UTC as the wire wants it."""
    return at.isoformat(timespec="seconds")[:19] + "Z"
