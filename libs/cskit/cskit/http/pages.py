"""Lists a page at a time: `?limit=&cursor=` -> `{"items": [...], "next": "..."}`."""

import base64
import contextlib
import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query

from cskit.errors import Invalid

DEFAULT_LIMIT: Final = 50
_LONGEST: Final = 2048


async def _limit(
    limit: Annotated[int, Query(ge=1, le=500, description="How many items at most")] = DEFAULT_LIMIT,
) -> int:
    return limit


async def _cursor(
    cursor: Annotated[str | None, Query(max_length=_LONGEST, description="`next` of the page before")] = None,
) -> str | None:
    return cursor


Limit = Annotated[
    int, Depends(_limit)
]  # 1 to 500, DEFAULT_LIMIT if not given; a default of the parameter changes nothing
Cursor = Annotated[str | None, Depends(_cursor)]  # None for the first page


def encode_cursor(*parts: str | int | float | bool | None) -> str:
    """The sort key of a page's last item as an opaque text for a URL."""
    packed = json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(text: str) -> tuple[str | int | float | bool | None, ...]:
    """What `encode_cursor` was given. Invalid with code invalid_cursor for anything else.

    And for what no database takes: NUL or half a character in a text, more than 64 bits, a number that is not finite.
    """
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        parts = json.loads(packed)
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(map(_can_be_asked_for, parts)):
        raise _foreign()
    return tuple(parts)


def moment_of(part: str | int | float | bool | None) -> datetime:
    """The moment that a part of a cursor says, in UTC. Invalid with code invalid_cursor if it says none."""
    with contextlib.suppress(ValueError, OverflowError):  # no moment, or none of the years 1 to 9999 in UTC
        moment = datetime.fromisoformat(str(part))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    raise _foreign()


def _foreign() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not one of ours. Leave it out to begin anew.", field="cursor")


def _can_be_asked_for(part: Any) -> bool:
    """Whether this is a part of a cursor, and a value that every database takes."""
    match part:
        case str():
            return not any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in part)
        case None | bool():
            return True
        case int():
            return -(2**63) <= part < 2**63
        case float():
            return math.isfinite(part)
    return False
