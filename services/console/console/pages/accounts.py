"""/accounts: everybody, the most urgent first."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from console.parts import Fragments, Frame, Missing, account_url, element_id, first_if_foreign, with_query
from console.reasons import reason
from console.task_cards import due_words, late_words
from console.visits import Visit
from csmodels.api import AccountSummary, Page, Task
from csmodels.fields import Band, Stage, Watch

PAGE_SIZE: Final = 50
PATH: Final = "/accounts"
FILTERS: Final = ("band", "stage", "segment", "owner", "watch", "text")
_SOON: Final = 90  # days; a renewal within them is bold
_MOST_TASKS: Final = 500
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "band": get_args(Band),
    "stage": get_args(Stage),
    "watch": get_args(Watch),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An account in the list."""

    id: str
    href: str
    name: str
    band: Band
    score: str | None
    change: str
    reason: str
    stage: str
    watch: Sequence[str]
    mrr: str | None
    renewal: str | None
    renewal_on: str | None
    renewal_in: str
    soon: bool
    owner: str
    contact: str | None
    contact_at: datetime | None
    task: str | None
    due: str
    late: str | None


@dataclass(frozen=True, slots=True)
class Chip:
    """A chosen filter: what it says, and the list without it."""

    words: str
    without: str


@dataclass(frozen=True, slots=True)
class Option:
    """A choice of a filter."""

    value: str
    words: str
    chosen: bool
    href: str


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows."""

    rows: Sequence[Row]
    chips: Sequence[Chip]
    bands: Sequence[Option]
    bands_all: str
    stages: Sequence[Option]
    watches: Sequence[Option]
    owners: Sequence[Option]
    asked: Mapping[str, str]
    following: str | None
    first: str | None
    count: str
    notes: Sequence[str]
    live: str


@dataclass(frozen=True, slots=True)
class AccountsPage:
    """The list, its rows as fragments."""

    frame: Frame

    async def show(self, request: Request, visit: Visit) -> Response:
        """The page."""
        view = await self.load(visit, request.query_params)
        return self.frame.page("accounts.html", visit, view=view, menu="accounts")

    async def fragments(self, visit: Visit, query: QueryParams) -> Fragments:
        """Each row, and the order they have now."""
        view = await self.load(visit, query)
        parts = {row.id: self.frame.fragment("parts/account_row.html", visit, row=row) for row in view.rows}
        return Fragments(parts, [row.id for row in view.rows])

    async def load(self, visit: Visit, query: QueryParams) -> View:
        """The accounts that the query asks for. Filters and cursors that do not exist count as none."""
        return await first_if_foreign(lambda asked: self._at(visit, asked), query)

    async def _at(self, visit: Visit, query: QueryParams) -> View:
        asked = asked_of(query)
        cursor = query.get("cursor")
        missing = Missing()
        page, tasks = await asyncio.gather(
            visit.calls.accounts({**asked, "sort": "urgency", "limit": PAGE_SIZE, "cursor": cursor}),
            missing.or_else(
                "playbook", visit.calls.tasks({"status": "open", "limit": _MOST_TASKS}), Page[Task](items=[])
            ),
        )
        first_task: dict[str, Task] = {}
        for task in tasks.items:
            first_task.setdefault(task.account, task)
        rows = [row_of(visit, item, first_task.get(item.account)) for item in page.items]
        return View(
            rows=rows,
            chips=_chips(visit, asked),
            bands=_options(visit, asked, "band", "frame.band_"),
            bands_all=with_query(PATH, {**asked, "band": None}),
            stages=_options(visit, asked, "stage", "frame.stage_"),
            watches=_options(visit, asked, "watch", "frame.watch_"),
            owners=[
                Option(member.id, member.name, asked.get("owner") == member.id, "")
                for member in sorted(visit.staff.values(), key=lambda member: member.name)
            ],
            asked=asked,
            following=with_query(PATH, {**asked, "cursor": page.next}) if page.next else None,
            first=with_query(PATH, asked) if cursor else None,
            count=_count(visit, len(rows), more=page.next is not None, later=cursor is not None),
            notes=missing.notes(visit),
            live=with_query("/live", {"view": "accounts", **asked, "cursor": cursor}),
        )


def asked_of(query: QueryParams) -> dict[str, str]:
    """The filters of an address that are there and make sense."""
    asked = {name: query[name].strip()[:128] for name in FILTERS if query.get(name, "").strip()}
    return {name: value for name, value in asked.items() if name not in _CHOICES or value in _CHOICES[name]}


def row_of(visit: Visit, one: AccountSummary, task: Task | None) -> Row:
    """An account as the list shows it, with its task that is due first."""
    formats = visit.formats
    days = formats.days_from_now(one.renewal_on) if one.renewal_on else None
    return Row(
        id=element_id("a", one.account),
        href=account_url(one.account),
        name=one.name or one.account,
        band=one.band,
        score=formats.score(one.score) if one.score is not None and one.band != "grey" else None,
        change=_change(visit, one),
        reason=reason(
            formats,
            score=one.score,
            band=one.band,
            coverage=one.coverage,
            contributions=one.contributions,
            adjustments=one.adjustments,
        ),
        stage=visit.say(f"frame.stage_{one.stage}"),
        watch=[visit.say(f"frame.watch_{each}") for each in one.watch],
        mrr=formats.money(one.mrr) if one.mrr is not None else None,
        renewal=formats.day(one.renewal_on) if one.renewal_on else None,
        renewal_on=one.renewal_on.isoformat() if one.renewal_on else None,
        renewal_in=_in_days(visit, days),
        soon=days is not None and days <= _SOON,
        owner=visit.named(one.owner, visit.say("accounts.no_owner")),
        contact=_ago(visit, one.last_contact_at),
        contact_at=one.last_contact_at,
        task=visit.of(task.title) if task else None,
        due=due_words(visit, task) if task else "",
        late=late_words(visit, task) if task else None,
    )


def _change(visit: Visit, one: AccountSummary) -> str:
    if one.change is None:
        return visit.say("accounts.no_past")
    shown = visit.formats.arrow(one.change)
    if not shown.startswith(("↓", "↑")):
        return visit.say("accounts.unchanged")
    joint = "" if visit.language == "ja" else " "
    return f"{shown}{joint}{visit.say('accounts.change')}"


def _in_days(visit: Visit, days: int | None) -> str:
    if days is None:
        return ""
    if days < 0:
        return visit.say("accounts.passed", n=-days)
    return visit.say("accounts.in_days", n=days) if days else visit.say("accounts.today")


def _ago(visit: Visit, at: datetime | None) -> str | None:
    if at is None:
        return None
    days = -visit.formats.days_from_now(at)
    return visit.say("accounts.days_ago", n=days) if days > 0 else visit.say("accounts.today")


def _count(visit: Visit, count: int, *, more: bool, later: bool) -> str:
    key = "accounts.following" if later else "accounts.shown_more" if more else "accounts.shown"
    return visit.say(key, n=count)


def _options(visit: Visit, asked: Mapping[str, str], name: str, prefix: str) -> list[Option]:
    return [
        Option(value, visit.say(prefix + value), asked.get(name) == value, with_query(PATH, {**asked, name: value}))
        for value in _CHOICES[name]
    ]


def _chips(visit: Visit, asked: Mapping[str, str]) -> list[Chip]:
    found = []
    for name, value in asked.items():
        prefix = {"band": "frame.band_", "stage": "frame.stage_", "watch": "frame.watch_"}.get(name)
        words = visit.say(prefix + value) if prefix else visit.named(value, value) if name == "owner" else value
        without = with_query(PATH, {key: each for key, each in asked.items() if key != name})
        found.append(Chip(f"{visit.say(f'accounts.{name}')}: {words}", without))
    return found
