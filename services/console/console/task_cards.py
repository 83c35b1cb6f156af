"""A task as it is shown: what, due when, from where, and how to close it or put it off."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from console.parts import account_url, element_id
from console.visits import Visit
from csmodels.api import Task

USUAL_OUTCOMES: Final = ("reached", "no_answer", "done")  # of tasks whose playbook names none
SNOOZE_REASONS: Final = ("customer_away", "waiting_for_customer", "waiting_for_us", "other_first")
SNOOZE_DAYS: Final = 3
_NUMBERED: Final = re.compile(r"^\s*(?:\d+[.)]|[-*・])\s*")

Group = Literal["overdue", "today", "week", "later", "snoozed", "closed"]
GROUPS: Final[tuple[Group, ...]] = ("overdue", "today", "week", "later", "snoozed", "closed")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A code with its words."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class TaskCard:
    """What the template shows of a task. `key` makes a second click do nothing; late is None unless overdue."""

    id: str
    element: str
    title: str
    account: str
    account_name: str
    account_href: str
    due: str
    due_at: datetime | None
    late: str | None
    meta: Sequence[str]
    how: Sequence[str]
    outcomes: Sequence[Outcome]
    reasons: Sequence[Outcome]
    snooze_from: date
    snooze_default: date
    key: str
    group: Group
    open: bool
    note: str | None
    outcome: str | None


def card_of(visit: Visit, task: Task, playbooks: Mapping[str, str], accounts: Mapping[str, str]) -> TaskCard:
    """The card of a task; playbooks and accounts are names by id."""
    formats = visit.formats
    late = late_words(visit, task)
    codes = task.outcomes or USUAL_OUTCOMES
    today = formats.today
    return TaskCard(
        id=task.id,
        element=element_id("t", task.id),
        title=visit.of(task.title),
        account=task.account,
        account_name=accounts.get(task.account, task.account),
        account_href=account_url(task.account),
        due=due_words(visit, task),
        due_at=task.due_at,
        late=late,
        meta=_meta(visit, task, playbooks),
        how=_steps(visit.of(task.how)),
        outcomes=[Outcome(code, outcome_words(visit, code)) for code in codes],
        reasons=[Outcome(code, visit.say(f"tasks.why_{code}")) for code in SNOOZE_REASONS],
        snooze_from=today + timedelta(days=1),
        snooze_default=today + timedelta(days=SNOOZE_DAYS),
        key=f"{task.id}:{task.version}",
        group=group_of(visit, task),
        open=task.status in ("open", "snoozed"),
        note=task.note,
        outcome=outcome_words(visit, task.outcome) if task.outcome else None,
    )


def group_of(visit: Visit, task: Task) -> Group:
    """Where a task belongs in the list, by the reader's calendar."""
    if task.status == "snoozed":
        return "snoozed"
    if task.status != "open":
        return "closed"
    if task.due_at is None:
        return "later"
    if task.due_at < visit.formats.now:
        return "overdue"
    today = visit.formats.today
    days = visit.formats.days_from_now(task.due_at)
    if days <= 0:
        return "today"
    return "week" if days <= 6 - today.weekday() else "later"


def due_words(visit: Visit, task: Task) -> str:
    """When it is due, or until when it is put off."""
    formats = visit.formats
    if task.status == "snoozed" and task.snoozed_until is not None:
        return visit.say("tasks.until", day=formats.weekday(task.snoozed_until))
    if task.due_at is None:
        return visit.say("tasks.no_due")
    if formats.days_from_now(task.due_at) == 0:
        return visit.say("tasks.due_today", time=formats.time(task.due_at))
    return visit.say("tasks.due_at", day=formats.weekday(task.due_at))


def late_words(visit: Visit, task: Task) -> str | None:
    """How late an open task is; None if it is not."""
    if task.status != "open" or task.due_at is None or task.due_at >= visit.formats.now:
        return None
    days = visit.formats.business_days_late(task.due_at)
    return visit.say("tasks.late_days", n=days) if days else visit.say("tasks.late")


def outcome_words(visit: Visit, code: str) -> str:
    """The outcome in words; its code if a playbook made it up."""
    return visit.say_or(f"tasks.outcome_{code}", code.replace("_", " "))


def _meta(visit: Visit, task: Task, playbooks: Mapping[str, str]) -> list[str]:
    found = []
    if task.priority != "normal":
        found.append(visit.say(f"tasks.priority_{task.priority}"))
    if task.playbook is not None:
        found.append(visit.say("tasks.from_playbook", playbook=playbooks.get(task.playbook, task.playbook)))
    else:
        found.append(visit.say("tasks.by_hand"))
    if task.escalate_at is not None and task.status == "open" and task.escalate_at > visit.formats.now:
        found.append(visit.say("tasks.escalates", day=visit.formats.moment(task.escalate_at)))
    found.append(visit.named(task.owner, visit.say("tasks.nobody")))
    return found


def _steps(text: str) -> list[str]:
    """The lines of a how-to without their own numbers."""
    return [_NUMBERED.sub("", line).strip() for line in text.splitlines() if line.strip()]
