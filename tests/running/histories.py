"""Events as clients send them: accounts that are used, and their tickets."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

DAY = timedelta(days=1)
PEOPLE = [f"user-{n}" for n in range(4)]
FEATURES = ("report.created", "report.shared", "order.created", "stock.counted")  # one a day, in turn


def text(at: datetime) -> str:
    """A moment as it is sent."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def event(id_: str, type_: str, account: str, at: datetime, data: Mapping[str, Any], **more: str) -> dict[str, Any]:
    return {"id": id_, "type": type_, "account": account, "time": text(at), "data": data, **more}


def used(account: str, at: datetime, user: str) -> dict[str, Any]:
    id_ = f"{account}-{user}-{at.timestamp()}"
    name = FEATURES[at.toordinal() % len(FEATURES)]
    return event(id_, "usage.tracked", account, at, {"name": name}, user=user)


def history_of_use(account: str, now: datetime, until_days: Sequence[int] = (4, 4, 4, 4)) -> list[dict[str, Any]]:
    """Four people of four seats who used the product daily since sixty days, each until so many days ago: old news."""
    described = event(f"{account}-is", "account.described", account, now - 61 * DAY, {"seats": 4, "owner": "hana"})
    uses = [
        used(account, now - day * DAY, user)
        for user, last in zip(PEOPLE, until_days, strict=True)
        for day in range(60, last - 1, -1)
    ]
    return [described, *uses]


def ticket(id_: str, account: str, at: datetime, **fields: object) -> dict[str, Any]:
    return event(f"{id_}-{at.timestamp()}", "ticket.changed", account, at, {"ticket": id_, **fields})
