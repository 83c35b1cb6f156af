"""The bodies that are sent: usage of known users, about 250 bytes an event, no id twice."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

ACCOUNTS = 1_000
USERS = 1_000
_NUMBER = b"@@@@@@@@"  # stands in a body for the request's number: replacing it is cheap, and keeps the length
_POOL = 2_000  # different events; a body is made of them once and sent again under other ids


def user(number: int) -> str:
    """The client's id of a user; there are USERS of them."""
    return f"customer-user-{number:05d}"


def account_of(number: int) -> str:
    """The account of that user."""
    return f"account-{number % ACCOUNTS:04d}"


def event_id(run: str, request: int, index: int) -> str:
    """The id of an event in a request."""
    return f"{run}-{request:08d}-{index:03d}"


class Bodies:
    """Endless bodies of `batch` events for POST /v1/events, numbered from 0."""

    def __init__(self, run: str, batch: int) -> None:
        choose = random.Random(batch)
        self._templates = [_body(run, batch, choose) for _ in range(max(4, _POOL // batch))]
        self._next = 0

    def __next__(self) -> tuple[int, bytes]:
        number, self._next = self._next, self._next + 1
        return number, self._templates[number % len(self._templates)].replace(_NUMBER, b"%08d" % number)


def introductions() -> Iterator[dict[str, Any]]:
    """Events that name the account of every user, so that all are known afterwards."""
    for number in range(USERS):
        yield {
            "id": f"intro-{number}",
            "type": "usage.tracked",
            "account": account_of(number),
            "user": user(number),
            "data": {"name": "signed.in"},
        }


def _body(run: str, batch: int, choose: random.Random) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    events = [
        {
            "id": f"{run}-{_NUMBER.decode()}-{index:03d}",
            "type": "usage.tracked",
            "user": user(choose.randrange(USERS)),
            "time": now,
            "data": {
                "name": "dashboard.report.created",
                "properties": {
                    "rows_in_report": choose.randrange(10_000),
                    "seconds_until_shown": round(choose.random() * 9, 3),
                    "shared_with_others": choose.random() < 0.5,
                },
            },
        }
        for index in range(batch)
    ]
    return json.dumps({"events": events}, separators=(",", ":")).encode()
