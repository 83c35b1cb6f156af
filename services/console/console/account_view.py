"""What the page of an account is made of: everything asked for at once, then put into words."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from starlette.datastructures import QueryParams

from console.line_of_scores import Scores, scores_of
from console.parts import Missing
from console.timeline import KINDS
from console.upstream import PastOverride, Person, Playbook, Refused, Run
from console.visits import Visit
from csmodels.api import AccountSummary, Explanation, Health, Page, Task, TimelineEntry
from csmodels.progress import Progress

ENTRIES: Final = 40  # of the timeline
_RECENT: Final = 200  # entries that say who has which role, and what the line is marked with
_MOST_PAGES: Final = 6  # read for a filter
_BEGIN: Final = date(2000, 1, 1)
_MOST_TEXTS: Final = 20
_COMPARED: Final = timedelta(days=30)  # by default

_Entries = tuple[Sequence[TimelineEntry], Sequence[TimelineEntry], str | None]
_NO_ENTRIES: Final[_Entries] = ((), (), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """The query: the days to compare (None: the usual), the kind of entries, where the timeline goes on.

    until is the moment of the last entry of the page before, where there is one.
    """

    first: date | None
    last: date | None
    show: str | None
    before: str | None
    until: datetime | None

    @property
    def days(self) -> dict[str, str | None]:
        """The days as they stand in an address."""
        first, last = self.first, self.last
        return {"from": first.isoformat() if first else None, "to": last.isoformat() if last else None}


@dataclass(frozen=True, slots=True)
class Account:
    """All that was read. explanation is None where there is none for these days.

    recent are the newest entries of all kinds, whatever part of the timeline is shown.
    """

    summary: AccountSummary
    health: Health
    scores: Scores
    tasks: Sequence[Task]
    runs: Sequence[Run]
    playbooks: Mapping[str, str]
    people: Sequence[Person]
    recent: Sequence[TimelineEntry]
    entries: Sequence[TimelineEntry]
    older: str | None
    words: Mapping[str, str]
    compared: tuple[datetime, datetime]
    explanation: Explanation | None
    missing: Missing
    overrides: Sequence[PastOverride] = ()
    progress: Progress | None = None

    def playbook(self, id_: str) -> str:
        """The playbook's name, else its id."""
        return self.playbooks.get(id_, id_)

    @property
    def open_tasks(self) -> list[Task]:
        """Open ones first, as they are due, then those put off."""
        current = [task for task in self.tasks if task.status == "open"]
        return current + [task for task in self.tasks if task.status == "snoozed"]


def asked_of(query: QueryParams, today: date) -> Asked:
    """The query's values that make sense; days are at most today."""
    show = query.get("show")
    return Asked(
        first=_day(query.get("from"), today),
        last=_day(query.get("to"), today),
        show=show if show in KINDS else None,
        before=query.get("before"),
        until=_moment(query.get("until")),
    )


async def read_account(visit: Visit, id_: str, asked: Asked, kept: Scores | None = None) -> Account:
    """The account with all its blocks. Refused with 404 if there is none; other blocks may be missing."""
    calls, missing, now = visit.calls, Missing(), visit.formats.now
    summary, health = await asyncio.gather(calls.account(id_), calls.health(id_))
    scores, tasks, runs, playbooks, (people, overrides, progress), (recent, entries, older) = await asyncio.gather(
        missing.or_else("scoring", scores_of(calls, id_, now, kept), Scores([], [])),
        missing.or_else("playbook", calls.tasks({"account": id_, "limit": 200}), Page[Task](items=[])),
        missing.or_else("playbook", calls.runs(id_), list[Run]()),
        missing.or_else("playbook", calls.playbooks(), list[Playbook]()),
        asyncio.gather(
            missing.or_else("ingest", calls.people(id_), list[Person]()),
            missing.or_else("scoring", calls.overrides(id_), list[PastOverride]()),
            missing.or_else("scoring", calls.progress(id_), None),
        ),
        missing.or_else("scoring", _entries(visit, id_, asked), _NO_ENTRIES),
    )
    compared = _compared(visit, asked, scores, now)
    explanation, words = await asyncio.gather(
        missing.or_else("scoring", _explanation(visit, id_, compared), None),
        missing.or_else("ingest", _words(visit, entries), dict[str, str]()),
    )
    return Account(
        summary=summary,
        health=health,
        scores=scores,
        tasks=tasks.items,
        runs=runs,
        playbooks={each.id: visit.of(each.name) for each in playbooks},
        people=people,
        recent=recent,
        entries=entries,
        older=older,
        words=words,
        compared=compared,
        explanation=explanation,
        missing=missing,
        overrides=overrides,
        progress=progress,
    )


async def _entries(visit: Visit, id_: str, asked: Asked) -> _Entries:
    """The recent entries, and the part of the timeline that is shown, with where it goes on.

    With a filter that is as many pages as it takes to fill one, within reason. Tasks are no entries of scoring.
    """
    if asked.show == "task":
        found_here = (await visit.calls.timeline(id_, limit=_RECENT)).items
        return found_here, [entry for entry in found_here if entry.kind == "run"], None
    if asked.show is None:
        recent, page = await asyncio.gather(visit.calls.timeline(id_, limit=_RECENT), _shown(visit, id_, asked.before))
        return recent.items, page.items, page.next
    recent = page = await visit.calls.timeline(id_, limit=_RECENT)
    if asked.before is not None:
        page = await _shown(visit, id_, asked.before, _RECENT)
    found = [entry for entry in page.items if entry.kind in KINDS[asked.show]]
    for _ in range(_MOST_PAGES - 1):
        if page.next is None or len(found) >= ENTRIES:
            break
        page = await visit.calls.timeline(id_, limit=_RECENT, cursor=page.next)
        found += [entry for entry in page.items if entry.kind in KINDS[asked.show]]
    return recent.items, found, page.next


async def _shown(visit: Visit, id_: str, before: str | None, limit: int = ENTRIES) -> Page[TimelineEntry]:
    """A page of the timeline; the first one if the cursor is none of it."""
    try:
        return await visit.calls.timeline(id_, limit=limit, cursor=before)
    except Refused as error:
        if before is None or error.code != "invalid_cursor":
            raise
        return await visit.calls.timeline(id_, limit=limit)


async def _explanation(visit: Visit, id_: str, compared: tuple[datetime, datetime]) -> Explanation | None:
    """Why the score changed; None where there was no score on the first day."""
    if compared[0] >= compared[1]:
        return None
    try:
        return await visit.calls.explanation(id_, *compared)
    except Refused as error:
        if error.code == "account_not_found":
            raise
        return None


def _compared(visit: Visit, asked: Asked, scores: Scores, now: datetime) -> tuple[datetime, datetime]:
    """From the begin of the first day (or the first score) to the end of the last one, or now."""
    zone = visit.formats.zone
    first = datetime.combine(asked.first, time(), zone) if asked.first else now - _COMPARED
    if asked.first is None and scores.rows:
        first = max(first, scores.rows[0].at)
    last = datetime.combine(asked.last + timedelta(days=1), time(), zone) if asked.last else now
    return first, min(last, now)


async def _words(visit: Visit, entries: Sequence[TimelineEntry]) -> dict[str, str]:
    """The words behind references to ingest, of the newest entries."""
    refs = [str(entry.data["text_ref"]) for entry in entries if entry.data.get("text_ref")]
    ours = [ref for ref in dict.fromkeys(refs) if ref.startswith("ingest/")][:_MOST_TEXTS]
    texts = await asyncio.gather(*(visit.calls.text(ref.partition("/")[2]) for ref in ours))
    return {ref: text for ref, text in zip(ours, texts, strict=True) if text is not None}


def _day(text: str | None, today: date) -> date | None:
    try:
        return max(_BEGIN, min(date.fromisoformat(text), today)) if text else None
    except ValueError:
        return None


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
