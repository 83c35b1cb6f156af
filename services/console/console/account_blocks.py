"""The blocks of an account's page in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from markupsafe import Markup

from console.account_view import Account, Asked
from console.charts.score_line import GREEN_FROM, YELLOW_FROM, Labels, Point, score_line
from console.events_in_words import Named, told
from console.formats import rounded
from console.parts import with_query
from console.reasons import measure_name, missing_names, reason
from console.sums import shares_of
from console.task_cards import TaskCard
from console.timeline import KINDS
from console.visits import Visit
from csmodels.api import TimelineEntry

_MOST_MARKS: Final = 8
_MOST_PEOPLE: Final = 8
_PRESETS: Final = (7, 30, 90)
_MARKED: Final = frozenset({"override", "override_ended", "milestone", "owner", "contract", "contact"})


@dataclass(frozen=True, slots=True)
class Mark:
    """A numbered moment of the line."""

    at: datetime
    day: str
    words: str


@dataclass(frozen=True, slots=True)
class TableRow:
    """A day in the table behind the line."""

    at: datetime
    day: str
    score: str
    band: str
    basis: str


@dataclass(frozen=True, slots=True)
class HealthBlock:
    """The figure and the line. wide and narrow are None without a history."""

    score: str
    since: str | None
    days: str | None
    change_7: str
    change_30: str
    coverage: str
    scorecard: str
    event: datetime
    received: datetime
    scored: datetime
    wide: Markup | None
    narrow: Markup | None
    computed: bool
    marks: Sequence[Mark]
    table: Sequence[TableRow]
    missing: str | None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A measure's part of the change."""

    name: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True)
class ChangeBlock:
    """Why the score changed between two days. line is None where there is nothing to compare."""

    first: str
    last: str
    today: str
    presets: Sequence[tuple[str, str]]
    show: str | None
    line: str | None = None
    data: str = ""
    configuration: str = ""
    configuration_about: str = ""
    override: str = ""
    override_about: str = ""
    rows: Sequence[ChangeRow] = ()
    proof: str = ""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A running playbook with the steps that are known: its tasks."""

    name: str
    started: str
    started_at: datetime
    time: str
    steps: Sequence[tuple[str, str, str]]  # done or now, the title, the day
    state: str


def lead_of(visit: Visit, account: Account, cards: Sequence[TaskCard]) -> str:
    """The sentence that says what happened and what is due."""
    why = reason(
        visit.formats,
        score=account.health.score,
        band=account.health.band,
        coverage=account.health.coverage,
        contributions=account.health.contributions,
        adjustments=account.health.adjustments,
    )
    small = why[:1].lower() + why[1:] if visit.language == "en" and not why[1:2].isupper() else why
    values = {"since": since_words(visit, account), "reason": small, "tasks": _due(visit, cards)}
    return visit.say("account.lead", **values)


def since_words(visit: Visit, account: Account) -> str:
    """Since when the band holds."""
    band = account.health.band
    name = visit.say(f"frame.band_{band}")
    found = account.scores.since(band)
    if found is None:
        return name
    at, exact = found
    recorded = bool(account.scores.known) and at >= account.scores.known[0].at
    moment = visit.formats.moment(at) if recorded else visit.formats.day(at)
    return visit.say("account.since_moment" if exact else "account.since_before", band=name, moment=moment)


def _due(visit: Visit, cards: Sequence[TaskCard]) -> str:
    for group, key in (("overdue", "account.tasks_overdue"), ("today", "account.tasks_today")):
        count = sum(card.group == group for card in cards)
        if count:
            return visit.say(key, n=count)
    count = len(cards)
    return visit.say("account.tasks_open", n=count) if count else visit.say("account.tasks_none")


def health_block(visit: Visit, account: Account, marks: Sequence[Mark]) -> HealthBlock:
    """The figure, what it was, and the line in both widths."""
    formats, health, scores = visit.formats, account.health, account.scores
    points = scores.points(formats.zone)
    unknown = visit.say("account.no_past")

    def change(days: int) -> str:
        moved = scores.change(formats.now, health.score, days)
        return formats.arrow(moved, 1) if moved is not None else unknown

    charts = _charts(visit, account, points, marks) if points else (None, None)
    names = missing_names(formats, health.contributions)
    return HealthBlock(
        score=formats.exact(health.score),
        since=since_words(visit, account) if account.health.band != "grey" or scores.rows else None,
        days=_range(visit, points),
        change_7=change(7),
        change_30=change(30),
        coverage=formats.percent(health.coverage),
        scorecard=health.scorecard,
        event=health.occurred_at,
        received=health.received_at,
        scored=health.scored_at,
        wide=charts[0],
        narrow=charts[1],
        computed=any(point.corrected for point in points),
        marks=marks,
        table=_table(visit, account),
        missing=visit.say("account.no_score", percent=formats.percent(health.coverage), measures=names)
        if health.band == "grey" and names
        else None,
    )


def _range(visit: Visit, points: Sequence[Point]) -> str | None:
    if not points:
        return None
    return visit.say("account.range", first=visit.formats.day(points[0].at), last=visit.formats.day(points[-1].at))


def _charts(visit: Visit, account: Account, points: Sequence[Point], marks: Sequence[Mark]) -> tuple[Markup, Markup]:
    formats = visit.formats
    scores = [point.score for point in points]
    if len(points) > 1:
        title = visit.say(
            "account.line_title",
            first=formats.full(points[0].at), last=formats.full(points[-1].at), start=formats.score(scores[0]),
            end=formats.exact(scores[-1]), high=formats.score(max(scores)), low=formats.score(min(scores)),
        )  # fmt: skip
    else:
        title = visit.say("account.line_title_one", last=formats.full(points[-1].at), end=formats.exact(scores[-1]))
    labels = Labels(
        title=title,
        green=visit.say("account.zone_green", at=formats.score(GREEN_FROM)),
        yellow=visit.say("account.zone_yellow", at=formats.score(YELLOW_FROM)),
        red=visit.say("account.zone_red"),
        last=formats.exact(scores[-1]),
        month=formats.month,
    )
    moments = [mark.at for mark in marks]
    band = account.health.band
    return (
        score_line(points, moments, band, labels, width=560, name="line"),
        score_line(points, moments, band, labels, width=340, name="line"),
    )


def _table(visit: Visit, account: Account) -> list[TableRow]:
    """The last row of each day, the newest first."""
    formats = visit.formats
    days = {formats.local(row.at).date(): row for row in account.scores.rows}
    return [
        TableRow(
            at=row.at,
            day=formats.weekday(row.at),
            score=formats.exact(row.score),
            band=visit.say(f"frame.band_{row.band}"),
            basis=visit.say(f"account.{row.view}"),
        )
        for _, row in sorted(days.items(), reverse=True)
    ]


def marks_of(visit: Visit, account: Account) -> list[Mark]:
    """The newest moments worth a number: turns of the band, what people did, playbooks that started."""
    rows = account.scores.rows
    if not rows:
        return []
    begun, ended = rows[0].at, rows[-1].at
    named = Named({each.id: each.name for each in account.people if each.name}, {})
    found = [
        _mark(visit, entry.at, _marked(visit, entry, named)) for entry in reversed(account.recent) if _worth(entry)
    ]
    found += [
        _mark(
            visit,
            run.started_at,
            visit.say("account.e_run", playbook=account.playbook(run.playbook)),
        )
        for run in account.runs
    ]
    inside = sorted((mark for mark in found if begun <= mark.at <= ended), key=lambda mark: mark.at)
    return inside[-_MOST_MARKS:]


def _worth(entry: TimelineEntry) -> bool:
    if entry.kind == "health":
        return entry.data.get("band") != entry.data.get("previous_band")
    return entry.kind in _MARKED and (entry.kind != "contact" or bool(entry.data.get("left")))


def _marked(visit: Visit, entry: TimelineEntry, named: Named) -> str:
    return told(visit, entry, named).text


def _mark(visit: Visit, at: datetime, words: str) -> Mark:
    return Mark(at, visit.formats.day(at), words.removesuffix("。").removesuffix("."))


def change_block(visit: Visit, account: Account, asked: Asked) -> ChangeBlock:
    """Data, configuration and override add up to the shown change; the measures to the shown data."""
    formats, found = visit.formats, account.explanation
    first, _ = account.compared
    here = ChangeBlock(
        first=formats.local(first).date().isoformat(),
        last=asked.last.isoformat() if asked.last else "",
        today=formats.today.isoformat(),
        presets=[(visit.say("account.days", n=n), (formats.today - timedelta(days=n)).isoformat()) for n in _PRESETS],
        show=asked.show,
    )
    if found is None:
        return here
    before, after = rounded(found.first.score, 1), rounded(found.last.score, 1)
    data, configuration, override = shares_of([found.data, found.configuration, found.override], after - before)
    same = found.first.scorecard == found.last.scorecard
    values = {"before": found.first.scorecard, "after": found.last.scorecard}
    count = len(found.events) + found.more
    return ChangeBlock(
        first=here.first,
        last=here.last,
        today=here.today,
        presets=here.presets,
        show=here.show,
        line=visit.say(
            "account.changed_line",
            first=formats.moment(first), last=visit.say("account.now") if not asked.last else formats.day(asked.last),
            before=formats.exact(before), after=formats.exact(after), change=formats.signed(after - before),
        ),
        data=formats.signed(data),
        configuration=formats.signed(configuration),
        configuration_about=visit.say("account.configuration_none", name=found.last.scorecard)
        if same
        else visit.say("account.configuration_about", **values),
        override=formats.signed(override),
        override_about=visit.say("account.override_some" if found.override else "account.override_none"),
        rows=_change_rows(visit, account, data),
        proof=visit.say("account.proof", n=formats.number(count)) if count else visit.say("account.proof_none"),
    )  # fmt: skip


def _change_rows(visit: Visit, account: Account, data: Decimal) -> list[ChangeRow]:
    """What the data of each measure did, the largest first; caps and the clamp count as data."""
    formats, found = visit.formats, account.explanation
    assert found is not None, "asked only with an explanation"
    measures = [each for each in found.measures if each.data or each.before or each.after]
    capped = [each for each in found.adjustments if each.kind != "override" and each.change]
    shown = shares_of([*(each.data for each in measures), *(each.change for each in capped)], data)
    rows = [
        (abs(amount), ChangeRow(
            measure_name(formats, each.measure), formats.signed(each.before), formats.signed(each.after),
            formats.signed(amount),
        ))
        for each, amount in zip(measures, shown, strict=False)
    ]  # fmt: skip
    rows += [
        (abs(amount), ChangeRow(visit.say(f"reasons.{each.kind}"), "", "", formats.signed(amount)))
        for each, amount in zip(capped, shown[len(measures) :], strict=True)
    ]
    return [row for _, row in sorted(rows, key=lambda pair: pair[0], reverse=True)]


def runs_of(visit: Visit, account: Account) -> list[RunLine]:
    """Playbooks that go on, with what they have done so far."""
    found = []
    for run in account.runs:
        if run.state == "ended":
            continue
        steps = [
            (
                "now" if task.status in ("open", "snoozed") else "done",
                visit.of(task.title),
                _step_day(visit, task.completed_at or task.due_at or task.created_at),
            )
            for task in sorted(account.tasks, key=lambda task: task.created_at)
            if task.run == run.id
        ]
        trigger = visit.say_or(f"account.trigger_{run.trigger_type}", visit.say("account.trigger_other"))
        found.append(RunLine(
            name=account.playbook(run.playbook),
            started=visit.say("account.run_started", trigger=trigger),
            started_at=run.started_at,
            time=visit.formats.moment(run.started_at),
            steps=steps,
            state=visit.say("account.run_waiting" if run.state == "waiting" else "account.run_working"),
        ))  # fmt: skip
    return found


def _step_day(visit: Visit, at: datetime) -> str:
    return visit.say("accounts.today") if visit.formats.days_from_now(at) == 0 else visit.formats.day(at)


def people_of(visit: Visit, account: Account) -> Mapping[str, object]:
    """The contacts, those with a role in front; how many more there are."""
    roles: dict[str, tuple[str | None, bool]] = {}
    for entry in account.recent:
        who = str(entry.data.get("person"))
        if entry.kind == "contact" and who not in roles:
            roles[who] = (entry.data.get("role"), bool(entry.data.get("left")))
    lines = []
    for person in account.people:
        role, left = roles.get(person.id, (None, False))
        if person.name is None and role is None:
            continue  # counted below
        words = visit.say_or(f"account.role_{role}", "") if role else ""
        name = person.name or visit.say("account.person_unnamed")
        lines.append((role is None, name, visit.say("account.left") if left else words, words if left else ""))
    lines.sort(key=lambda line: line[:2])
    shown = [line[1:] for line in lines[:_MOST_PEOPLE]]
    rest = len(account.people) - len(shown)
    key = "account.people_more" if shown else "account.people_unnamed"
    return {"lines": shown, "more": visit.say(key, n=rest) if rest > 0 else None}


def timeline_filters(visit: Visit, here: str, asked: Asked) -> list[tuple[str, str, bool]]:
    """The kinds of entries as links: words, address, whether it is chosen."""
    kinds: list[str | None] = [None, *KINDS]
    return [
        (
            visit.say(f"account.show_{kind or 'all'}"),
            with_query(here, {**asked.days, "show": kind}) + "#timeline",
            asked.show == kind,
        )
        for kind in kinds
    ]
