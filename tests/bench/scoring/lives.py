"""What accounts did: 120 days that warm them, and the load. Functions of their arguments alone.

An account lives one of SHAPES lives, which differ in everything but its name.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from csmodels.catalogue import parse
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS

SHAPES: Final = 250
DAYS: Final = 120
PEOPLE: Final = 20  # of an account
ACTIONS: Final = ("login", "report_created", "report_shared", "export", "invite_sent", "comment", "search", "api_call",
                  "dashboard_opened", "alert_set", "import_run", "template_used")  # fmt: skip
_SATURDAY: Final = 5


def name(number: int) -> str:
    """The id of an account."""
    return f"account-{number:07d}"


def shape_of(number: int) -> int:
    """Which life an account lives."""
    return number % SHAPES


def shape_name(shape: int) -> str:
    """The id of the account that is folded to be copied."""
    return f"shape-{shape:04d}"


def person(shape: int, number: int) -> str:
    """The id of a person of that life."""
    return f"00000000-0000-4000-8000-{shape:06d}{number:06d}"


def life(shape: int, account: str, now: datetime) -> list[Event]:
    """The 120 days before `now`: at least 200 events, usage by day and person, and all else that a score reads."""
    dice = random.Random(shape)
    start = (now - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    made: list[Event] = []

    def add(type_: str, at: datetime, data: dict[str, Any], who: int | None = None, id_: str | None = None) -> None:
        made.append(_event(type_, account, at, id_ or f"w{shape}-{len(made)}", data, shape, who))

    segment = dice.choice(("enterprise", "mid", "smb"))
    described = {"name": f"Shape {shape}", "plan": "pro", "segment": segment, "owner": "kim", "country": "JP"}
    add("account.described", start, {**described, "seats": PEOPLE + dice.randrange(10)})
    contract = {"contract": "c1", "status": "active", "mrr": f"{dice.randrange(100, 5000)}.00", "currency": "USD"}
    ends = (now + timedelta(days=dice.randrange(20, 300))).date().isoformat()
    contract |= {"starts_on": start.date().isoformat(), "ends_on": ends}
    add("contract.changed", start, {**contract, "seats": PEOPLE})
    for who in range(4):
        add("contact.described", start, {"role": dice.choice(("sponsor", "champion", "field_user"))}, who)
    habit = [dice.uniform(0.05, 0.4) for _ in range(PEOPLE)]
    for day in range(DAYS):
        at = start + timedelta(days=day)
        if at.weekday() >= _SATURDAY:
            continue
        for who, often in enumerate(habit):
            if dice.random() < often:
                moment = at + timedelta(seconds=dice.randrange(8 * 3600, 20 * 3600))
                add("usage.tracked", moment, {"name": _action(dice), "count": dice.randrange(1, 4)}, who)
        if dice.random() < 0.05:
            add("ticket.changed", at, _ticket(f"t{day}", dice.choice(("open", "solved")), at, dice))
        if dice.random() < 0.04:
            add("touch.recorded", at, {"kind": "call", "direction": dice.choice(("both", "out"))}, 0)
        if dice.random() < 0.02:
            answer = {"survey": "nps", "response": f"r{shape}-{day}", "revision": 1, "kind": "nps"}
            add("survey.answered", at, {**answer, "score": dice.randrange(11)}, 1, f"r{shape}-{day}:1")
    return made


def load(accounts: int, events: int, now: datetime) -> Iterator[Event]:
    """Events of the last ten minutes, in the order of their times; who does something is drawn each time."""
    dice = random.Random(accounts)
    start = now - timedelta(minutes=10)
    for number in range(events):
        who = dice.randrange(accounts)
        at = start + timedelta(milliseconds=600_000 * number // events)
        type_, data, someone = _happening(dice, number, at)
        yield _event(type_, name(who), at, f"n{accounts}-{number}", data, shape_of(who), someone)


def _happening(dice: random.Random, number: int, at: datetime) -> tuple[str, dict[str, Any], int | None]:
    kind = dice.random()
    if kind < 0.95:
        newcomer = PEOPLE + dice.randrange(1_000)
        return "usage.tracked", {"name": _action(dice)}, newcomer if dice.random() < 0.01 else dice.randrange(PEOPLE)
    if kind < 0.97:
        return "ticket.changed", _ticket(f"n{number}", "open", at, dice), None
    if kind < 0.98:
        return "signal.seen", {"kind": "page_view", "topic": dice.choice(("pricing", "docs"))}, None
    if kind < 0.99:
        return "touch.recorded", {"kind": "email", "direction": dice.choice(("in", "both"))}, 0
    return "account.described", {"seats": PEOPLE + dice.randrange(10)}, None


def _action(dice: random.Random) -> str:
    return ACTIONS[min(int(dice.paretovariate(0.6)) - 1, len(ACTIONS) - 1)]


def _ticket(id_: str, status: str, at: datetime, dice: random.Random) -> dict[str, Any]:
    ticket = {"ticket": id_, "severity": dice.choice((2, 3, 3, 4)), "status": status, "opened_at": _text(at)}
    return ticket | ({"solved_at": _text(at)} if status == "solved" else {})


def _event(
    type_: str, account: str, at: datetime, id_: str, data: dict[str, Any], shape: int, who: int | None
) -> Event:
    said: dict[str, Any] = {"specversion": "1.0", "id": id_, "source": "bench", "type": type_, "subject": account}
    said |= {"time": _text(at), "receivedtime": _text(at), "data": data}
    if who is not None:
        said["personid"] = person(shape, who)
    return parse(CUSTOMER_EVENTS, json.dumps(said).encode(), account.encode())


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
