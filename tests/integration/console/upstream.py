"""The services behind the console, in memory: they answer what the real ones answer, and keep what is written."""

import asyncio
import json
import math
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx

from csmodels.api import (
    AccountSummary,
    Adjustment,
    AdjustmentChange,
    Contribution,
    ExplainedMoment,
    Explanation,
    Health,
    HistoryRow,
    MeasureChange,
    Page,
    Staff,
    Task,
    TimelineEntry,
)
from csmodels.fields import Band
from csmodels.progress import AdoptionProgress, LevelNeed, Progress

NOW = datetime(2026, 11, 24, 0, 41, 4, tzinfo=UTC)  # 09:41 in Tokyo
REFERENCE = 75.0
_BANDS: dict[Band, float] = {"green": 75.0, "yellow": 50.0, "red": 0.0}


def contribution(measure: str, value: float | None, points: float | None, weight: float) -> Contribution:
    """A fresh measure, or one that is not connected where there is no value."""
    if value is None or points is None:
        return Contribution(
            measure=measure, value=None, points=None, weight=0, contribution=0, status="not_connected", as_of=None
        )
    return Contribution(
        measure=measure,
        value=value,
        points=points,
        weight=weight,
        contribution=weight * (points - REFERENCE),
        status="fresh",
        as_of=NOW - timedelta(days=5),
    )


@dataclass
class FakeAccount:
    """An account: everything that the services know of it."""

    id: str
    name: str | None
    contributions: list[Contribution]
    adjustments: list[Adjustment] = field(default_factory=list)
    band: Band | None = None
    mrr: str | None = "480000"
    renewal_days: int | None = 188
    owner: str | None = "sato"
    change: float | None = -11.1
    corrected_days: int = 120
    known_days: int = 60
    timeline: list[TimelineEntry] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    watch: list[Any] = field(default_factory=list)
    overrides: list[dict[str, Any]] = field(default_factory=list)
    progress: Progress | None = None

    @property
    def score(self) -> float:
        amounts = [each.contribution for each in self.contributions] + [each.points for each in self.adjustments]
        return math.fsum([REFERENCE, *amounts])

    @property
    def own_band(self) -> Band:
        return self.band or next(band for band, low in _BANDS.items() if self.score >= low)

    def summary(self) -> AccountSummary:
        return AccountSummary(
            account=self.id,
            name=self.name,
            score=self.score,
            band=self.own_band,
            stage="adoption",
            adoption_level="medium",
            coverage=0.85 if self.own_band != "grey" else 0.4,
            watch=self.watch,
            version=42,
            plan="Professional",
            segment="mid",
            owner=self.owner,
            mrr=Decimal(self.mrr) if self.mrr else None,
            seats=120,
            country="JP",
            renewal_on=(NOW + timedelta(days=self.renewal_days)).date() if self.renewal_days is not None else None,
            last_contact_at=NOW - timedelta(days=5),
            change=self.change,
            scored_at=NOW,
            contributions=self.contributions,
            adjustments=self.adjustments,
        )

    def health(self) -> Health:
        summary = self.summary()
        return Health(
            account=self.id,
            score=self.score,
            band=summary.band,
            stage=summary.stage,
            adoption_level=summary.adoption_level,
            coverage=summary.coverage,
            watch=[],
            version=42,
            scorecard="default@1",
            contributions=self.contributions,
            reference=REFERENCE,
            adjustments=self.adjustments,
            occurred_at=NOW - timedelta(seconds=1),
            received_at=NOW - timedelta(milliseconds=900),
            scored_at=NOW - timedelta(milliseconds=100),
        )

    def history(self, view: str) -> list[HistoryRow]:
        """A line that rises and then falls to the score of now."""
        total = self.corrected_days + self.known_days
        days = range(self.known_days) if view == "known" else range(self.known_days, total)
        rows = []
        for back in days:
            share = 1 - back / max(total, 1)
            score = min(max(self.score + 38 * math.sin(math.pi * min(share * 1.05, 1.0)) * (1 - share**6), 0), 100)
            score = self.score if back == 0 else score
            band = self.own_band if back == 0 else next(each for each, low in _BANDS.items() if score >= low)
            rows.append(
                HistoryRow(
                    partition=0,
                    offset=10_000 - back,
                    at=NOW - timedelta(days=back, seconds=1),
                    version=42 - back if view == "known" and back < 42 else None,
                    score=score,
                    band=band,
                    stage="adoption",
                    coverage=0.85,
                    contributions={},
                    adjustments=[],
                    scorecard="default@1",
                    view="known" if view == "known" else "corrected",
                )
            )
        return rows[::-1]

    def explanation(self, first: datetime, last: datetime) -> Explanation:
        changes = {"usage_trend": -12.7, "contact": -4.2, "nps": 0.4, "active_share": -2.3}
        if self.score > 80:
            changes = {name: -value for name, value in changes.items()}
        moved = math.fsum(changes.values())
        before = self.score - moved

        def moment(at: datetime, score: float) -> ExplainedMoment:
            return ExplainedMoment(
                at=at,
                score=score,
                band=self.own_band,
                stage="adoption",
                version=1,
                scorecard="default@1",
                view="known",
            )

        return Explanation.model_validate({
            "account": self.id, "from": moment(first, before), "to": moment(last, self.score),
            "change": moved, "data": moved, "configuration": 0.0, "override": 0.0,
            "measures": [
                MeasureChange(measure=name, before=-value / 2, after=value / 2, data=value, configuration=0.0)
                for name, value in changes.items()
            ],
            "adjustments": [AdjustmentChange(kind="cap", reason="severity_1_overdue", change=0.0)],
            "events": [f"e-{index}" for index in range(20)], "more": 1184,
        })  # fmt: skip


def without_contract(id_: str) -> Progress:
    """What scoring answers of an account whose contracts are not known."""
    needs = [
        LevelNeed(measure="breadth", value=0.25, needed=0.375),
        LevelNeed(measure="depth", value=None, needed=0.35),
    ]
    level = AdoptionProgress(level="medium", active=41, window_days=28, next="high", needs=needs)
    return Progress(
        account=id_, at=NOW, scorecard="default@1", stage="adoption", since=None, onboarding=None, renewal=None,
        notices=[], adoption=level,
    )  # fmt: skip


def worn(id_: str = "akagi", name: str | None = "Akagi Valve Works", **more: Any) -> FakeAccount:
    """An account whose usage and contact fell."""
    return FakeAccount(
        id_,
        name,
        [
            contribution("active_share", 0.34, 44.2, 0.3),
            contribution("usage_trend", 0.55, 22.5, 0.3),
            contribution("open_tickets", 0.0, 100.0, 0.2),
            contribution("nps", None, None, 0.0),
            contribution("contact", 1.9, 46.0, 0.2),
        ],
        **more,
    )


def well(id_: str = "yamabuki", name: str | None = "Yamabuki Retail", **more: Any) -> FakeAccount:
    """An account that does well."""
    return FakeAccount(
        id_,
        name,
        [
            contribution("active_share", 0.71, 85.2, 0.3),
            contribution("usage_trend", 1.08, 98.0, 0.3),
            contribution("open_tickets", 1.2, 88.0, 0.15),
            contribution("nps", 42.0, 79.4, 0.15),
            contribution("contact", 0.4, 100.0, 0.1),
        ],
        change=2.2,
        **more,
    )


def came(id_: str | None, status: str = "accepted", seconds: float = 2, **more: Any) -> dict[str, Any]:
    """An item of a source's tail, so many seconds ago."""
    at = (NOW - timedelta(seconds=seconds)).isoformat()
    values = {"index": 0, "type": "usage.tracked", "account": "akagi", "code": None, "field": None}
    return {"at": at, "id": id_, "status": status, **values, **more}


def _summed(name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    became = [item["status"] for item in items]
    families = {"usage.tracked": "usage", "ticket.changed": "tickets"}
    return {
        "source": name,
        "last_at": items[0]["at"],
        "accepted": became.count("accepted") + became.count("duplicate"),
        "waiting": became.count("waiting"),
        "refused": became.count("refused"),
        "families": sorted({families[item["type"]] for item in items if item["type"] in families}),
    }


class FakeUpstream:
    """All services behind one transport; `requests` holds what was asked.

    `down` names services that do not answer, `hung` those that never finish to, `broken` those whose client fails in
    a way that nobody foresaw. With `loses_answers` writes are done and not answered; `back_at` overrules the moment
    that a task is put off to.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, FakeAccount] = {}
        self.tasks: dict[str, Task] = {}
        self.runs: list[dict[str, Any]] = []
        self.playbooks: list[dict[str, Any]] = []
        self.staff: list[Staff] = []
        self.texts: dict[str, str] = {}
        self.sources: dict[str, str] = {}  # name -> kind, of those that something was told of
        self.tails: dict[str, list[dict[str, Any]]] = {}  # the newest first
        self.stopped: list[dict[str, Any]] = []
        self.down: set[str] = set()
        self.hung: set[str] = set()
        self.broken: set[str] = set()
        self.loses_answers = False
        self.folds = True
        self.back_at: datetime | None = None
        self.writes: list[tuple[str, str, dict[str, Any], httpx.Headers]] = []
        self.requests: list[httpx.Request] = []
        self._keys: set[str] = set()
        self._streams: dict[str, list[asyncio.Queue[str]]] = defaultdict(list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def add(self, *accounts: FakeAccount) -> None:
        self.accounts |= {account.id: account for account in accounts}

    def publish(self, path: str, kind: str, account: str) -> None:
        """An event on a stream."""
        data = json.dumps({"type": kind, "subject": account, "data": {}})
        for queue in self._streams[path]:
            queue.put_nowait(f"id: 0:{len(self.requests)}\nevent: {kind}\ndata: {data}\n\n")

    def listeners(self, path: str) -> int:
        return len(self._streams[path])

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        service = request.url.host
        if service in self.down:
            raise httpx.ConnectError("refused", request=request)
        path = unquote(request.url.raw_path.decode().partition("?")[0])
        if path.endswith("/stream"):
            return httpx.Response(200, content=self._stream(path), headers={"content-type": "text/event-stream"})
        if service in self.hung:
            await asyncio.Event().wait()
        if service in self.broken:
            raise RuntimeError("nobody foresaw this")
        if request.method != "GET":
            written = self._write(request, path)
            if self.loses_answers:
                raise httpx.ReadTimeout("no answer", request=request)
            return written
        return getattr(self, f"_{service}")(path, request.url.params)

    async def _stream(self, path: str) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._streams[path].append(queue)
        try:
            yield b"event: ready\ndata: {}\n\n"
            while True:
                yield (await queue.get()).encode()
        finally:
            self._streams[path].remove(queue)

    def _scoring(self, path: str, params: httpx.QueryParams) -> httpx.Response:
        if path == "/v1/accounts":
            return self._list(params)
        rest = path.removeprefix("/v1/accounts/")
        id_, _, part = rest.rpartition("/")
        account = self.accounts.get(id_) or self.accounts.get(rest)
        if account is None:
            return problem(404, "account_not_found", f"There is no account “{rest}”.")
        match part if id_ in self.accounts else "":
            case "health":
                return answer(account.health())
            case "history":
                return page(account.history(params["view"]))
            case "explanation":
                first, last = (datetime.fromisoformat(params[each].replace(" ", "+")) for each in ("from", "to"))
                if first < NOW - timedelta(days=account.corrected_days + account.known_days + 1):
                    return problem(422, "no_score", "There was no score then.")
                return answer(account.explanation(first, last))
            case "progress":
                return answer(account.progress or without_contract(id_))
            case "overrides":
                return raw_page(account.overrides)
            case "timeline":
                entries = sorted(account.timeline, key=lambda entry: entry.at, reverse=True)
                return _part(entries, params)
        return answer(account.summary())

    def _list(self, params: httpx.QueryParams) -> httpx.Response:
        wanted = list(self.accounts.values())
        for name, of in (("band", lambda a: a.own_band), ("owner", lambda a: a.owner)):
            if name in params:
                wanted = [account for account in wanted if of(account) == params[name]]
        if text := params.get("text", "").lower():
            wanted = [each for each in wanted if text in each.id.lower() or text in (each.name or "").lower()]
        order = ["red", "yellow", "grey", "green"]
        wanted.sort(key=lambda each: (order.index(each.own_band), each.score))
        return _part([each.summary() for each in wanted], params)

    def _playbook(self, path: str, params: httpx.QueryParams) -> httpx.Response:
        match path:
            case "/v1/tasks":
                asked = {name: params[name] for name in ("account", "owner", "status") if name in params}
                found = [
                    task
                    for task in self.tasks.values()
                    if all(getattr(task, name) == value for name, value in asked.items())
                ]
                return _part(sorted(found, key=lambda task: task.due_at or NOW), params)
            case "/v1/runs":
                return raw_page([run for run in self.runs if run["account"] == params["account"]])
            case "/v1/playbooks":
                return raw_page(self.playbooks)
            case "/v1/staff":
                return page(self.staff)
        return problem(404, "not_found", f"There is nothing at {path}.")

    def _ingest(self, path: str, params: httpx.QueryParams) -> httpx.Response:
        if path.startswith(("/v1/source-tails", "/v1/sources")):
            return self._sources(path, params)
        if path == "/v1/people":
            account = self.accounts.get(params["account"])
            return raw_page(account.people if account else [])
        text = self.texts.get(path.removeprefix("/v1/texts/"))
        if text is None:
            return problem(404, "unknown_text", "There is no such text.")
        return httpx.Response(200, json={"id": "x", "text": text, "created_at": "2026-11-01T00:00:00Z"})

    def _sources(self, path: str, params: httpx.QueryParams) -> httpx.Response:
        told = [{"name": name, "kind": kind} for name, kind in sorted(self.sources.items())]
        if path == "/v1/sources":
            return raw_page(told)
        if path == "/v1/source-tails":
            tails = [_summed(name, items) for name, items in sorted(self.tails.items())]
            return httpx.Response(200, json={"items": tails, "next": None, "stopped": self.stopped})
        name, _, part = path.removeprefix("/v1/sources/").partition("/")
        if part == "tail":
            items = self.tails.get(name, [])
            return httpx.Response(200, json={"items": items[: int(params["limit"])], "cursor": f"c{len(items)}"})
        found = [source for source in told if source["name"] == name]
        missing = problem(404, "unknown_source", "Nothing is told of it.")
        return httpx.Response(200, json=found[0]) if found else missing

    def _act(self, request: httpx.Request, path: str) -> httpx.Response:
        """What people do to accounts: once per key; `folds` says whether the fold was quick enough."""
        if not any(path.startswith(f"/v1/accounts/{id_}/") for id_ in self.accounts):
            return problem(404, "account_not_found", "There is no such account.")
        key = request.headers["idempotency-key"]
        if key not in self._keys:
            self._keys.add(key)
            self.writes.append((request.method, path, json.loads(request.content), request.headers))
        return httpx.Response(201, json={"event": "e1", "text_ref": None, "folded": self.folds})

    def _write(self, request: httpx.Request, path: str) -> httpx.Response:
        if path.startswith("/v1/accounts/"):
            return self._act(request, path)
        id_ = path.removeprefix("/v1/tasks/").removesuffix("/complete")
        task = self.tasks.get(id_)
        if task is None:
            return problem(404, "unknown_task", "There is no such task.")
        body = json.loads(request.content)
        key = request.headers["idempotency-key"]
        if key in self._keys:
            return answer(task)
        if task.status not in ("open", "snoozed"):
            return problem(409, "task_closed", "The task is completed.")
        self._keys.add(key)
        self.writes.append((request.method, path, body, request.headers))
        if path.endswith("/complete"):
            change = {"status": "completed", "outcome": body["outcome"], "note": body.get("note"), "completed_at": NOW}
        elif body["status"] == "snoozed":
            change = {
                "status": "snoozed",
                "snoozed_until": self.back_at or datetime.fromisoformat(body["snoozed_until"]),
            }
        else:
            change = {"status": "open", "snoozed_until": None}
        self.tasks[id_] = task.model_copy(update={**change, "version": task.version + 1})
        return answer(self.tasks[id_])


def answer(model: Any) -> httpx.Response:
    return httpx.Response(
        200, content=model.model_dump_json(by_alias=True), headers={"content-type": "application/json"}
    )


def page(items: list[Any], following: str | None = None) -> httpx.Response:
    return answer(Page[Any](items=[item.model_dump(mode="json", by_alias=True) for item in items], next=following))


def _part(items: list[Any], params: httpx.QueryParams) -> httpx.Response:
    """The part of the items that the cursor and the limit ask for."""
    cursor, limit = params.get("cursor", "0"), int(params["limit"])
    if not cursor.isdigit():
        return problem(422, "invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.")
    start = int(cursor)
    return page(items[start : start + limit], str(start + limit) if len(items) > start + limit else None)


def raw_page(items: list[dict[str, Any]]) -> httpx.Response:
    return httpx.Response(200, json={"items": items, "next": None})


def problem(status: int, code: str, message: str) -> httpx.Response:
    return httpx.Response(
        status, json={"status": status, "title": code, "detail": message, "code": code, "message": message}
    )
