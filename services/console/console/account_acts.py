"""The forms on an account's page: what may be chosen, and what is on them already."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import uuid4

from console.account_view import Account
from console.upstream import PastOverride
from console.visits import Visit
from csmodels.fields import Direction, TouchKind

TOUCH_KINDS: Final[tuple[TouchKind, ...]] = ("call", "meeting", "email", "training", "webinar")
DIRECTIONS: Final[tuple[Direction, ...]] = ("both", "out", "in")
OUTCOMES: Final = ("reached", "no_answer", "sent", "done")
LONGEST_NOTE: Final = 4000
MOST_POINTS: Final = 10
_USUAL_DAYS: Final = 30
_MOST_PAST: Final = 5


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a list, in words."""

    value: str
    words: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class PastLine:
    """An override in words; `id` if it can still be ended."""

    id: str | None
    words: str


@dataclass(frozen=True, slots=True)
class Forms:
    """All that the forms need. key is what makes a second click do nothing."""

    key: str
    kinds: Sequence[Choice]
    directions: Sequence[Choice]
    people: Sequence[Choice]
    outcomes: Sequence[Choice]
    staff: Sequence[Choice]
    today: date
    until_from: date
    until: date
    past: Sequence[PastLine]
    longest: int = LONGEST_NOTE


def forms_of(visit: Visit, account: Account) -> Forms:
    """The forms of an account as it is now."""
    today = visit.formats.today
    named = sorted((person.name, person.id) for person in account.people if person.name)
    staff = sorted((member.name, member.id) for member in visit.staff.values())
    owner = account.summary.owner
    return Forms(
        key=str(uuid4()),
        kinds=[Choice(kind, visit.say(f"account.touch_{kind}")) for kind in TOUCH_KINDS],
        directions=[Choice(each, visit.say(f"acts.direction_{each}")) for each in DIRECTIONS],
        people=[Choice(id_, name) for name, id_ in named],
        outcomes=[Choice(code, visit.say(f"tasks.outcome_{code}")) for code in OUTCOMES],
        staff=[Choice(id_, name, chosen=id_ == owner) for name, id_ in staff],
        today=today,
        until_from=today + timedelta(days=1),
        until=today + timedelta(days=_USUAL_DAYS),
        past=[_past(visit, each) for each in account.overrides[:_MOST_PAST]],
    )


def _past(visit: Visit, each: PastOverride) -> PastLine:
    day = visit.formats.day(each.ended_at or each.expires_at)
    grade = f"acts.grade_{each.grade}" if each.grade else "acts.grade_waiting"
    parts = [
        visit.formats.signed(each.points),
        visit.say(f"acts.{each.state}", day=day),
        visit.named(each.author, ""),
        visit.say(grade, day=visit.formats.day(each.due_at)),
    ]
    return PastLine(each.override if each.state == "in_force" else None, " · ".join(filter(None, parts)))
