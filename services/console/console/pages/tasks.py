"""/tasks: what is to be done, and the forms that close a task or put it off."""

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.doors import Unfit, fields_of, path_of
from console.names import AccountNames
from console.pages.account_acts import said_of
from console.parts import Fragments, Frame, Missing, first_if_foreign, with_query
from console.rendering import HEADERS
from console.sessions import local_path
from console.task_cards import GROUPS, SNOOZE_REASONS, Group, TaskCard, card_of, outcome_words
from console.upstream import Playbook, Refused, Unreachable
from console.visits import Said, Visit
from cskit.observability import get_logger
from csmodels.api import Task
from csmodels.ids import is_code

PATH: Final = "/tasks"
_SHOWN: Final = 100
_LONGEST_NOTE: Final = 4000
_LONGEST_KEY: Final = 255
_WORK_BEGINS: Final = time(9)  # a task that was put off comes back in the morning
_UNDOABLE: Final = re.compile(r"([A-Za-z0-9-]{1,64})\.([0-9]{1,9})")  # a task and its version, from an address

log = get_logger()


@dataclass(frozen=True, slots=True)
class Section:
    """The tasks of a group."""

    name: str
    cards: Sequence[TaskCard]


@dataclass(frozen=True, slots=True)
class View:
    """All that the page shows."""

    lead: str
    sections: Sequence[Section]
    whose: Sequence[tuple[str, str, bool]]
    which: Sequence[tuple[str, str, bool]]
    done: bool
    following: str | None
    notes: Sequence[str]
    back: str
    live: str


@dataclass(frozen=True, slots=True)
class TasksPage:
    """The list, its cards as fragments, and what its forms do."""

    frame: Frame
    names: AccountNames

    async def show(self, request: Request, visit: Visit) -> Response:
        """The page."""
        view = await self.load(visit, request.query_params)
        return self.frame.page("tasks.html", visit, view=view, menu="tasks")

    async def fragments(self, visit: Visit, query: QueryParams) -> Fragments:
        """Each card, the sentence above, and the order."""
        view = await self.load(visit, query)
        cards = [card for section in view.sections for card in section.cards]
        parts = {card.element: self._card(visit, card, view) for card in cards}
        parts["tasks-lead"] = self.frame.fragment("parts/tasks_lead.html", visit, view=view)
        return Fragments(parts, [card.element for card in cards])

    def _card(self, visit: Visit, card: TaskCard, view: View) -> str:
        values = {"card": card, "first": False, "account_link": True, "open_form": False, "back": view.back}
        return self.frame.fragment("parts/task_card.html", visit, **values)

    async def load(self, visit: Visit, query: QueryParams) -> View:
        """The tasks that the query asks for: by default open ones, of a CSM their own, of others everyone's."""
        return await first_if_foreign(lambda asked: self._at(visit, asked), query)

    async def _at(self, visit: Visit, query: QueryParams) -> View:
        calls, missing = visit.calls, Missing()
        staff, by_default = visit.session.staff, "mine" if visit.session.role == "csm" else "everyone"
        own = staff is not None and query.get("whose", by_default) != "everyone"
        done = query.get("which") == "done"
        owner = staff if own else None
        cursor = query.get("cursor")
        asked = {"owner": owner, "limit": _SHOWN, "cursor": cursor}
        lists = [calls.tasks({**asked, "status": "completed" if done else "open"})]
        if not done and cursor is None:
            lists.append(calls.tasks({**asked, "status": "snoozed"}))
        pages = await asyncio.gather(*lists)
        tasks = [task for page in pages for task in page.items]
        playbooks, names = await asyncio.gather(
            missing.or_else("playbook", calls.playbooks(), list[Playbook]()),
            missing.or_else("scoring", self.names.of(calls, [task.account for task in tasks]), dict[str, str]()),
        )
        cards = [card_of(visit, task, {each.id: visit.of(each.name) for each in playbooks}, names) for task in tasks]
        chosen = "mine" if own else "everyone"
        state = {"whose": None if chosen == by_default or staff is None else chosen, "which": "done" if done else None}
        following = pages[0].next
        return View(
            lead=_lead(visit, cards),
            sections=_sections(visit, cards),
            whose=_whose(visit, state, own=own),
            which=[
                (visit.say("tasks.open"), with_query(PATH, {**state, "which": None}), not done),
                (visit.say("tasks.done"), with_query(PATH, {**state, "which": "done"}), done),
            ],
            done=done,
            following=with_query(PATH, {**state, "cursor": following}) if following else None,
            notes=missing.notes(visit),
            back=with_query(PATH, state),
            live=with_query("/live", {"view": "tasks", **state, "cursor": cursor}),
        )

    async def complete(self, request: Request, visit: Visit) -> Response:
        """Record the outcome; a second click does nothing more."""
        fields = await self._fields(request, visit)
        outcome, note = fields.get("outcome", ""), fields.get("note", "").strip() or None
        if not is_code(outcome):
            raise _unfit(visit, "tasks.no_outcome", fields)
        if note is not None and len(note) > _LONGEST_NOTE:
            raise _unfit(visit, "tasks.note_too_long", fields)
        form = Form.of(request, visit, fields)
        task = await form.sent(visit.calls.complete(form.task, outcome=outcome, note=note, key=form.key))
        return _sent_back(fields, f"completed.{task.outcome or outcome}")

    async def snooze(self, request: Request, visit: Visit) -> Response:
        """Put the task off until a morning, with a reason."""
        fields = await self._fields(request, visit)
        until = _morning(visit, fields.get("until", ""))
        if until is None or until <= visit.formats.now:
            raise _unfit(visit, "tasks.bad_day", fields)
        reason = fields.get("reason", "")
        if reason not in SNOOZE_REASONS:
            raise _unfit(visit, "tasks.no_reason", fields)
        form = Form.of(request, visit, fields)
        task = await form.sent(visit.calls.snooze(form.task, until=until, reason=reason, key=form.key))
        day = visit.formats.local(task.snoozed_until or until).date().isoformat()
        return _sent_back(fields, f"snoozed.{day}.{quote(task.id, safe='')}.{task.version}")

    async def reopen(self, request: Request, visit: Visit) -> Response:
        """Undo: take a task up again that was put off."""
        fields = await self._fields(request, visit)
        form = Form.of(request, visit, fields)
        await form.sent(visit.calls.reopen(form.task, key=form.key))
        return _sent_back(fields, "reopened")

    async def _fields(self, request: Request, visit: Visit) -> Mapping[str, str]:
        if not visit.may_write:
            raise Unfit(403, visit.say("frame.error_rights"), visit.say("frame.error_rights_how"))
        return await fields_of(request)


@dataclass(frozen=True, slots=True)
class Form:
    """A form about a task: which, and the key under which it is done once."""

    visit: Visit
    task: str
    key: str
    fields: Mapping[str, str]

    @classmethod
    def of(cls, request: Request, visit: Visit, fields: Mapping[str, str]) -> "Form":
        """The form of this request. Its key tells apart what is done to one version of a task."""
        action = request.url.path.rpartition("/")[2]
        key = f"{action}:{fields.get('key') or uuid4()}"[:_LONGEST_KEY]
        return cls(visit, request.path_params["task"], quote(key, safe=":"), fields)

    async def sent(self, call: Awaitable[Task]) -> Task:
        """The task after it was done. Unfit if it was closed meanwhile, does not exist, or nobody knows."""
        try:
            return await call
        except Unreachable as error:
            if not error.perhaps_done:
                raise
            log.warning("console.perhaps_saved", task=self.task, reason=str(error))
            title = self.visit.say("frame.error_unreachable", service=self.visit.say(f"frame.service_{error.service}"))
            raise Unfit(503, title, self.visit.say("tasks.perhaps_saved"), back=_back_of(self.fields)) from error
        except Refused as error:
            if error.status == 409:
                raise _unfit(self.visit, "tasks.closed_already", self.fields, status=409) from error
            if error.status == 404:
                title, how = self.visit.say("frame.error_task"), self.visit.say("frame.error_task_how")
                raise Unfit(404, title, how, back=PATH) from error
            raise


def _lead(visit: Visit, cards: Sequence[TaskCard]) -> str:
    """How many tasks are overdue and due today, of what is shown."""
    parts = {
        group: visit.say(f"tasks.n_{group}", n=count)
        for group in ("overdue", "today")
        if (count := sum(card.group == group for card in cards))
    }
    match len(parts):
        case 0:
            return visit.say("tasks.lead_none")
        case 1:
            return visit.say("tasks.lead_one", part=next(iter(parts.values())))
    return visit.say("tasks.lead", **parts)


def _sections(visit: Visit, cards: Sequence[TaskCard]) -> list[Section]:
    groups: dict[Group, list[TaskCard]] = {group: [] for group in GROUPS}
    for card in cards:
        groups[card.group].append(card)
    return [Section(visit.say(f"tasks.{group}"), found) for group, found in groups.items() if found]


def _whose(visit: Visit, state: Mapping[str, str | None], *, own: bool) -> list[tuple[str, str, bool]]:
    """Mine or everyone's; nothing to choose for those who own none."""
    if visit.session.staff is None:
        return []
    return [
        (visit.say("tasks.mine"), with_query(PATH, {**state, "whose": "mine"}), own),
        (visit.say("tasks.everyone"), with_query(PATH, {**state, "whose": "everyone"}), not own),
    ]


def _morning(visit: Visit, text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), _WORK_BEGINS, visit.formats.zone)
    except ValueError:
        return None


def _back_of(fields: Mapping[str, str]) -> str:
    return local_path(fields.get("next")) or PATH


def _unfit(visit: Visit, key: str, fields: Mapping[str, str], status: int = 422) -> Unfit:
    how = visit.say("tasks.refused_how", why=visit.say(key))
    return Unfit(status, visit.say("frame.error_refused"), how, back=_back_of(fields))


def _sent_back(fields: Mapping[str, str], said: str) -> Response:
    path, _, query = _back_of(fields).partition("?")
    return RedirectResponse(f"{path}?{query}&said={said}" if query else f"{path}?said={said}", 303, HEADERS)


def with_said(visit: Visit, request: Request) -> Visit:
    """The visit with what was just done, as the address that a form sent back to tells it."""
    kind, _, rest = request.query_params.get("said", "").partition(".")
    back = with_query(path_of(request), {name: value for name, value in request.query_params.items() if name != "said"})
    match kind:
        case "completed" if is_code(rest):
            return replace(visit, said=Said(visit.say("tasks.said_completed", outcome=outcome_words(visit, rest))))
        case "snoozed" if (morning := _morning(visit, rest.partition(".")[0])) is not None:
            words = visit.say("tasks.said_snoozed", day=visit.formats.weekday(morning))
            found = _UNDOABLE.fullmatch(rest.partition(".")[2])
            said = Said(words, found[1], f"{found[1]}:{found[2]}", back) if found else Said(words)
            return replace(visit, said=said)
        case "reopened":
            return replace(visit, said=Said(visit.say("tasks.said_reopened")))
        case "acted" if (said_act := said_of(visit, rest)) is not None:
            return replace(visit, said=said_act)
        case "saved":
            return replace(visit, said=Said(visit.say("frame.saved")))
    return visit
