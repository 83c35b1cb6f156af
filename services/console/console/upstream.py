"""What the console asks of the other services over HTTP, for whoever looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from cskit.auth import ACTOR_HEADER
from cskit.observability import get_logger
from csmodels.api import AccountSummary, Explanation, Health, HistoryRow, Model, Page, Staff, Task, TimelineEntry
from csmodels.fields import UtcTime
from csmodels.progress import Progress

M = TypeVar("M", bound=BaseModel)
Asked = Mapping[str, str | int | None]

SERVICES: Final = ("scoring", "playbook", "ingest")
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)

log = get_logger()


class Unreachable(Exception):
    """A service does not answer, or answers that it cannot at the moment, or what nobody can read.

    `perhaps_done`: it was asked to change something and may have done so.
    """

    def __init__(self, service: str, reason: str, *, perhaps_done: bool = False) -> None:
        super().__init__(f"{service}: {reason}")
        self.service = service
        self.perhaps_done = perhaps_done


class Refused(Exception):
    """A service's answer was no: its status, its code, and its sentence for people."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class Playbook(Model):
    """A playbook: its name by language."""

    id: str
    name: dict[str, str]
    active: bool = True


class Run(Model):
    """A run of a playbook for an account."""

    id: str
    playbook: str
    version: int
    account: str
    trigger_type: str
    state: Literal["waiting", "running", "ended"]
    reason: str | None = None
    started_at: UtcTime
    ended_at: UtcTime | None = None


class Person(Model):
    """A contact. Names come from nowhere else."""

    id: str
    name: str | None = None
    email: str | None = None


class StoredText(Model):
    """Words that somebody wrote or said."""

    id: str
    text: str


class PastOverride(Model):
    """An override of an account, and its grade once it has one."""

    override: str
    points: float
    author: str
    state: Literal["in_force", "expired", "ended"]
    expires_at: UtcTime
    ended_at: UtcTime | None
    grade: Literal["helpful", "neutral", "harmful"] | None
    due_at: UtcTime


class Acted(Model):
    """What an act made is on the log; `folded` tells whether the account shows it already."""

    folded: bool


class Source(Model):
    """What was told of a source; those that only have a key are not told of."""

    name: str
    kind: str


class SourceTail(Model):
    """When a source was last heard, and what became of its last items, a hundred at most."""

    source: str
    last_at: UtcTime
    accepted: int
    waiting: int
    refused: int
    families: list[str]


class StoppedFeed(Model):
    """A family of events that stands still, over all sources."""

    family: str
    since: UtcTime


class SourceTails(Page[SourceTail]):
    """The sources that were heard, and the feeds that stand still."""

    stopped: list[StoppedFeed]


class TailItem(Model):
    """An item as it came in, and what became of it."""

    at: UtcTime
    id: str | None
    type: str | None
    account: str | None
    status: str
    code: str | None
    field: str | None


class Tail(Model):
    """The last items of a source, the newest first; the cursor changes with each."""

    items: list[TailItem]
    cursor: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """A client per service, kept as long as the console runs."""

    clients: Mapping[str, httpx.AsyncClient]

    def acting(self, staff: str | None) -> "Calls":
        """Calls in the name of a member of the staff."""
        return Calls(self.clients, staff)

    async def close(self) -> None:
        """Close all clients."""
        for client in self.clients.values():
            await client.aclose()


@dataclass(frozen=True, slots=True)
class Calls:
    """All raise Unreachable if the service does not answer, Refused if its answer is an error of 400 to 499."""

    clients: Mapping[str, httpx.AsyncClient]
    staff: str | None

    async def accounts(self, asked: Asked) -> Page[AccountSummary]:
        """A page of the list."""
        return await self._get("scoring", "/v1/accounts", Page[AccountSummary], asked)

    async def account(self, id_: str) -> AccountSummary:
        """One account."""
        return await self._get("scoring", _account(id_), AccountSummary)

    async def health(self, id_: str) -> Health:
        """Its score with all reasons."""
        return await self._get("scoring", f"{_account(id_)}/health", Health)

    async def history(
        self, id_: str, *, first: datetime, last: datetime, view: Literal["known", "corrected"]
    ) -> list[HistoryRow]:
        """Its scores between two moments, the oldest first, all of them."""
        asked: Asked = {"from": _wire(first), "to": _wire(last), "view": view, "limit": 500}
        return await self._all("scoring", f"{_account(id_)}/history", Page[HistoryRow], asked)

    async def explanation(self, id_: str, first: datetime, last: datetime) -> Explanation:
        """Why its score changed between two moments."""
        asked = {"from": _wire(first), "to": _wire(last)}
        return await self._get("scoring", f"{_account(id_)}/explanation", Explanation, asked)

    async def timeline(self, id_: str, *, limit: int, cursor: str | None = None) -> Page[TimelineEntry]:
        """What befell it, the newest first."""
        asked = {"limit": limit, "cursor": cursor}
        return await self._get("scoring", f"{_account(id_)}/timeline", Page[TimelineEntry], asked)

    async def overrides(self, id_: str) -> list[PastOverride]:
        """Its overrides, the newest first."""
        return (await self._get("scoring", f"{_account(id_)}/overrides", Page[PastOverride])).items

    async def progress(self, id_: str) -> Progress:
        """How far it has come."""
        return await self._get("scoring", f"{_account(id_)}/progress", Progress)

    async def tasks(self, asked: Asked) -> Page[Task]:
        """A page of tasks, the ones due first in front."""
        return await self._get("playbook", "/v1/tasks", Page[Task], asked)

    async def task(self, id_: str) -> Task:
        """One task."""
        return await self._get("playbook", f"/v1/tasks/{quote(id_, safe='')}", Task)

    async def runs(self, account: str) -> list[Run]:
        """The newest runs of an account."""
        found = await self._get("playbook", "/v1/runs", Page[Run], {"account": account, "limit": 50})
        return found.items

    async def playbooks(self) -> list[Playbook]:
        """All playbooks."""
        return await self._all("playbook", "/v1/playbooks", Page[Playbook], {"limit": 200})

    async def staff_members(self) -> list[Staff]:
        """All of the staff."""
        return await self._all("playbook", "/v1/staff", Page[Staff], {"limit": 200})

    async def people(self, account: str) -> list[Person]:
        """The contacts of an account, at most 500."""
        found = await self._get("ingest", "/v1/people", Page[Person], {"account": account, "limit": 500})
        return found.items

    async def text(self, id_: str) -> str | None:
        """The words behind a reference; None if they were erased."""
        try:
            found = await self._get("ingest", f"/v1/texts/{quote(id_, safe='')}", StoredText)
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return found.text

    async def sources(self) -> list[Source]:
        """All sources that something was told of."""
        return await self._all("ingest", "/v1/sources", Page[Source], {"limit": 500})

    async def source(self, name: str) -> Source | None:
        """One; None if nothing was told of it."""
        try:
            return await self._get("ingest", f"/v1/sources/{quote(name, safe='')}", Source)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    async def source_tails(self) -> SourceTails:
        """The sources that were heard, at most 500, and the feeds that stand still."""
        return await self._get("ingest", "/v1/source-tails", SourceTails, {"limit": 500})

    async def tail(self, source: str, *, limit: int) -> Tail:
        """The last items of a source; none if it was never heard."""
        return await self._get("ingest", f"/v1/sources/{quote(source, safe='')}/tail", Tail, {"limit": limit})

    async def complete(self, task: str, *, outcome: str, note: str | None, key: str) -> Task:
        """Close a task. The same key does it once."""
        body = {"outcome": outcome, "note": note}
        return await self._send_task("POST", f"/v1/tasks/{quote(task, safe='')}/complete", body, key)

    async def snooze(self, task: str, *, until: datetime, reason: str, key: str) -> Task:
        """Put a task off."""
        body = {"status": "snoozed", "snoozed_until": _wire(until), "reason": reason}
        return await self._send_task("PATCH", f"/v1/tasks/{quote(task, safe='')}", body, key)

    async def reopen(self, task: str, *, key: str) -> Task:
        """Take a snoozed task up again."""
        return await self._send_task("PATCH", f"/v1/tasks/{quote(task, safe='')}", {"status": "open"}, key)

    async def note(self, account: str, body: Mapping[str, Any], key: str) -> Acted:
        """Write a note. The same key does it once, here and below."""
        return await self._act("POST", f"{_account(account)}/notes", body, key)

    async def touch(self, account: str, body: Mapping[str, Any], key: str) -> Acted:
        """Record a contact."""
        return await self._act("POST", f"{_account(account)}/touches", body, key)

    async def override(self, account: str, body: Mapping[str, Any], key: str) -> Acted:
        """Override the score."""
        return await self._act("POST", f"{_account(account)}/overrides", body, key)

    async def end_override(self, account: str, override: str, key: str) -> Acted:
        """End an override."""
        return await self._act("POST", f"{_account(account)}/overrides/{quote(override, safe='')}/end", {}, key)

    async def hand_over(self, account: str, body: Mapping[str, Any], key: str) -> Acted:
        """Give the account another owner."""
        return await self._act("PATCH", f"{_account(account)}/owner", body, key)

    async def _act(self, method: str, path: str, body: Mapping[str, Any], key: str) -> Acted:
        return await self._send("scoring", method, path, body, key, Acted)

    async def _send_task(self, method: str, path: str, body: Mapping[str, Any], key: str) -> Task:
        return await self._send("playbook", method, path, body, key, Task)

    async def _send(self, service: str, method: str, path: str, body: Mapping[str, Any], key: str, model: type[M]) -> M:
        headers = {"idempotency-key": key}
        return _read(
            service, model, await self._answer(service, method, path, json=body, headers=headers), written=True
        )

    async def _get(self, service: str, path: str, model: type[M], asked: Asked | None = None) -> M:
        params = {name: value for name, value in (asked or {}).items() if value is not None}
        return _read(service, model, await self._answer(service, "GET", path, params=params))

    async def _all(self, service: str, path: str, model: type[Page[M]], asked: Asked) -> list[M]:
        page = await self._get(service, path, model, asked)
        found = list(page.items)
        while page.next is not None:
            page = await self._get(service, path, model, {**asked, "cursor": page.next})
            found += page.items
        return found

    async def _answer(self, service: str, method: str, path: str, **request: Any) -> bytes:
        headers = dict(request.pop("headers", {}))
        if self.staff is not None:
            headers[ACTOR_HEADER] = self.staff.encode()
        try:
            answer = await self.clients[service].request(method, path, headers=headers, **request)
        except httpx.HTTPError as error:
            perhaps = method != "GET" and not isinstance(error, _NEVER_SENT)
            raise Unreachable(service, f"{type(error).__name__}: {error}", perhaps_done=perhaps) from error
        if answer.status_code >= 500 or answer.status_code == 429:
            perhaps = method != "GET" and answer.status_code != 429
            raise Unreachable(service, f"status {answer.status_code}", perhaps_done=perhaps)
        if not answer.is_success:
            raise _refused(answer)
        return answer.content


def _read(service: str, model: type[M], answer: bytes, *, written: bool = False) -> M:
    """The answer as that model. Unreachable if it is none: a service of another version, or a proxy's page."""
    try:
        return model.model_validate_json(answer)
    except ValidationError as error:
        reason = f"no {model.__name__}: {error.error_count()} errors"
        raise Unreachable(service, reason, perhaps_done=written) from error


def _account(id_: str) -> str:
    return f"/v1/accounts/{quote(id_, safe='')}"


def _wire(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _refused(answer: httpx.Response) -> Refused:
    try:
        said = answer.json()
    except ValueError:  # not ours: a proxy's page, say
        said = {}
    found = said if isinstance(said, dict) else {}
    return Refused(answer.status_code, str(found.get("code", "refused")), str(found.get("message", "")))
