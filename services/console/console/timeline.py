"""The timeline in words: entries of scoring and of the account's tasks, by day, the newest first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from console.events_in_words import Named, told
from console.visits import Visit
from csmodels.api import Task, TimelineEntry
from csmodels.fields import Band

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "health": frozenset({"health", "override", "override_ended"}),
    "ticket": frozenset({"ticket"}),
    "contact": frozenset({"touch", "voice", "contact", "owner", "email"}),
    "contract": frozenset({"contract", "invoice", "milestone"}),
    "answer": frozenset({"answer"}),
    "task": frozenset({"task", "run"}),
    "note": frozenset({"note"}),
}
_ICONS: Final[Mapping[str, str]] = {
    "ticket": "k-ticket", "contract": "k-contract", "invoice": "k-invoice", "touch": "k-touch", "note": "k-note",
    "voice": "k-voice", "milestone": "k-milestone", "answer": "k-answer", "owner": "k-owner", "contact": "k-owner",
    "override": "k-override", "override_ended": "k-override", "task": "k-task", "run": "k-task", "email": "k-touch",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """An entry as it is shown. band is set for scores, icon for all else; new came while the page was open."""

    at: datetime
    time: str
    band: Band | None
    icon: str
    text: str
    small: str
    quote: str | None
    new: bool


@dataclass(frozen=True, slots=True)
class Day:
    """The entries of a day of the reader's calendar."""

    name: str
    items: Sequence[Item]


def days_of(
    visit: Visit,
    entries: Sequence[TimelineEntry],
    tasks: Iterable[Task],
    named: Named,
    *,
    show: str | None,
    new_since: datetime | None = None,
    until: datetime | None = None,
) -> list[Day]:
    """The entries in words, by day. show is one of KINDS, None for all; steps of the score between turns are joined.

    Of the tasks it shows those since the oldest entry, and before `until`, where the page before this one ends.
    """
    wanted = KINDS.get(show) if show else None
    # Tasks are told by themselves, with their titles, which the log's entries do not hold.
    entries = [entry for entry in entries if entry.kind != "task" or entry.data.get("what") == "overdue"]
    merged = _joined(visit, entries) if show is None else list(entries)
    found = [_item(visit, entry, named, new_since) for entry in merged if wanted is None or entry.kind in wanted]
    if wanted is None or "task" in wanted:
        oldest = entries[-1].at if entries and show != "task" else None
        found += [
            item
            for task in tasks
            for item in _task_items(visit, task, new_since)
            if (not oldest or item.at >= oldest) and (not until or item.at < until)
        ]
    found.sort(key=lambda item: item.at, reverse=True)
    days: dict[str, list[Item]] = {}
    for item in found:
        days.setdefault(_day(visit, item.at), []).append(item)
    return [Day(name, items) for name, items in days.items()]


def _joined(visit: Visit, entries: Sequence[TimelineEntry]) -> list[TimelineEntry]:
    """Steps of the score that follow each other on a day, without a turn of the band, as one step."""
    found: list[TimelineEntry] = []
    for entry in entries:
        last = found[-1] if found else None
        if last is not None and _is_step(last) and _is_step(entry) and _same_day(visit, last, entry):
            older = {
                "previous_score": entry.data.get("previous_score"),
                "previous_band": entry.data.get("previous_band"),
            }
            found[-1] = last.model_copy(update={"data": {**last.data, **older}})
        else:
            found.append(entry)
    return found


def _is_step(entry: TimelineEntry) -> bool:
    return entry.kind == "health" and entry.data.get("band") == entry.data.get("previous_band")


def _same_day(visit: Visit, one: TimelineEntry, other: TimelineEntry) -> bool:
    return visit.formats.local(one.at).date() == visit.formats.local(other.at).date()


def _day(visit: Visit, at: datetime) -> str:
    return visit.say("account.today") if visit.formats.days_from_now(at) == 0 else visit.formats.long(at)


def _item(visit: Visit, entry: TimelineEntry, named: Named, new_since: datetime | None) -> Item:
    said = told(visit, entry, named)
    data: Mapping[str, Any] = entry.data
    return Item(
        at=entry.at,
        time=visit.formats.time(entry.at),
        band=data.get("band") if entry.kind == "health" else None,
        icon=_ICONS.get(entry.kind, "k-note"),
        text=said.text,
        small=said.small,
        quote=named.words.get(str(data["text_ref"])) if data.get("text_ref") else None,
        new=new_since is not None and entry.at > new_since,
    )


def _task_items(visit: Visit, task: Task, new_since: datetime | None) -> list[Item]:
    title = visit.of(task.title)
    made = Item(
        at=task.created_at,
        time=visit.formats.time(task.created_at),
        band=None,
        icon="k-task",
        text=visit.say("account.e_task_created", title=title),
        small=visit.named(task.owner, ""),
        quote=None,
        new=new_since is not None and task.created_at > new_since,
    )
    if task.completed_at is None:
        return [made]
    outcome = visit.say_or(f"tasks.outcome_{task.outcome}", task.outcome or "")
    done = replace(
        made,
        at=task.completed_at,
        time=visit.formats.time(task.completed_at),
        text=visit.say("account.e_task_completed", title=title, outcome=outcome),
        quote=task.note,
        new=new_since is not None and task.completed_at > new_since,
    )
    return [made, done]
