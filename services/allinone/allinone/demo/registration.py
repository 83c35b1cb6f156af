"""What a company enters by itself: its staff, its webhook endpoint, and what earlier surveys answered."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx

from allinone.demo.tally import NotDone, checked
from csworld import Member, PastAnswer

ENDPOINT: Final = "crm"
SURVEY: Final = "nps"
TYPES: Final = ("task.created", "task.changed", "task.completed", "task.overdue")
_PAGE: Final = 500  # people
_AT_ONCE: Final = 1_000  # answers


async def enter_staff(admin: httpx.AsyncClient, staff: Iterable[Member], *, locale: str, time_zone: str) -> None:
    """Enter everybody, or enter them anew. Raises NotDone.

    Whoever watches the demo does so as the leader, who therefore reads their language and lives in their zone.
    """
    for member in staff:
        body = {
            "id": member.id, "name": member.name, "email": member.email, "role": member.role, "leader": member.leader,
            "country": member.country, "time_zone": member.time_zone, "locale": member.locale,
        }  # fmt: skip
        if member.role == "leader":
            body |= {"locale": locale, "time_zone": time_zone}
        checked(await admin.put(f"/v1/staff/{member.id}", json=body))


async def enter_endpoint(admin: httpx.AsyncClient, url: str) -> str:
    """The secret of the endpoint, which from now on is at `url`: made, or moved with a fresh secret. Raises NotDone."""
    answer = await admin.post("/v1/webhook-endpoints", json={"id": ENDPOINT, "url": url, "types": TYPES})
    if answer.status_code == 409:
        answer = await admin.post(f"/v1/webhook-endpoints/{ENDPOINT}/rotate")
    return str(checked(answer).json()["secret"])


async def move_endpoint(admin: httpx.AsyncClient, url: str) -> None:
    """Send to `url` from now on, also what waited while the demo was stopped. Raises NotDone."""
    checked(await admin.patch(f"/v1/webhook-endpoints/{ENDPOINT}", json={"url": url, "status": "active"}))


async def people_by_user(admin: httpx.AsyncClient, source: str) -> Mapping[str, str]:
    """The ids of all people of a source by the product's user ids. Raises NotDone."""
    found: dict[str, str] = {}
    params: dict[str, Any] = {"limit": _PAGE}
    while True:
        page = checked(await admin.get("/v1/people", params=params)).json()
        found |= {each["user"]: each["id"] for each in page["items"] if each["source"] == source}
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


async def enter_past_answers(
    admin: httpx.AsyncClient, answers: Iterable[PastAnswer], people: Mapping[str, str], roles: Mapping[str, str]
) -> int:
    """Hand over what people answered before; how many. NotDone also if somebody is not in the directory."""
    items = [
        {
            "id": each.id,
            "account": each.account,
            "person": _person(people, each.user),
            "role": roles.get(each.user),
            "score": each.score,
            "at": each.at.isoformat(),
            "backfill": True,
        }
        for each in answers
    ]
    for start in range(0, len(items), _AT_ONCE):
        body = {"items": items[start : start + _AT_ONCE]}
        said = checked(await admin.post(f"/v1/surveys/{SURVEY}/responses", json=body)).json()
        if said["refused"]:
            raise NotDone(f"{len(said['refused'])} past answers were refused. The first: {said['refused'][0]}")
    return len(items)


def _person(people: Mapping[str, str], user: str) -> str:
    if user not in people:
        raise NotDone(f"The user {user} of an answer is not in the people directory.")
    return people[user]
