"""The block of an account's page that says how far it has come, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from console.reasons import measure_name
from console.visits import Visit
from csmodels.progress import (
    AdoptionProgress,
    LevelNeed,
    NoticeOfCancellation,
    OnboardingProgress,
    Progress,
    RenewalProgress,
)

# measures whose value is a share, shown as percent
_SHARES: Final = frozenset({
    "milestones", "activation", "active_share", "breadth", "depth", "csat", "renewal_checklist"
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """A line of a list: done or not, its name, and in words how it stands; `at` is the day that the words name.

    said is what the tick says to those who do not see it, where the words do not.
    """

    done: bool
    name: str
    words: str
    at: date | datetime | None = None
    late: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with sentences and a list; `folded` is what the list is called while it is folded up."""

    id: str
    title: str
    lines: Sequence[str]
    steps: Sequence[Step] = ()
    folded: str | None = None


@dataclass(frozen=True, slots=True)
class ProgressBlock:
    """The stage, since when, and the parts."""

    since: str
    parts: Sequence[Part]


def progress_block(visit: Visit, progress: Progress | None) -> ProgressBlock | None:
    """What is to be done first in front; None if it could not be read."""
    if progress is None:
        return None
    stage = visit.say(f"frame.stage_{progress.stage}")
    since = visit.say("progress.since", stage=stage, day=visit.formats.day(progress.since)) if progress.since else stage
    return ProgressBlock(
        since,
        [
            *_notices(visit, progress.notices),
            *_contracts(visit, progress),
            _adoption(visit, progress.adoption),
        ],
    )


def _contracts(visit: Visit, progress: Progress) -> list[Part]:
    """The onboarding and the renewal: the one that runs in front."""
    if progress.since is None:
        return [Part("contract", visit.say("progress.onboarding"), [visit.say("progress.no_contract")])]
    parts = [_onboarding(visit, progress.onboarding, progress)] if progress.onboarding is not None else []
    if progress.renewal is not None:
        parts.insert(0 if progress.stage == "renewal" else len(parts), _renewal(visit, progress.renewal))
    elif not progress.notices and progress.stage != "churned":
        parts.append(Part("renewal", visit.say("progress.renewal"), [visit.say("progress.renewal_none")]))
    return parts


def _notices(visit: Visit, notices: Sequence[NoticeOfCancellation]) -> list[Part]:
    if not notices:
        return []
    return [Part("notices", visit.say("progress.notices"), [_notice(visit, each) for each in notices])]


def _notice(visit: Visit, each: NoticeOfCancellation) -> str:
    given = visit.formats.day(each.cancelled_at)
    if each.ends_on is None:
        return visit.say("progress.notice_open", contract=each.contract, day=given)
    return visit.say("progress.notice", contract=each.contract, day=given, ends=visit.formats.day(each.ends_on))


def _onboarding(visit: Visit, now: OnboardingProgress, progress: Progress) -> Part:
    formats = visit.formats
    today = formats.local(progress.at).date()
    days = (now.last_day - now.began).days + 1
    last = formats.day(now.last_day)
    if now.outcome == "completed" and now.ended_at is not None:
        day = max((formats.local(now.ended_at).date() - now.began).days + 1, 1)
        line = visit.say("progress.completed", end=formats.day(now.ended_at), day=day)
    elif now.outcome == "running" and today < now.began:
        line = visit.say("progress.ahead", day=formats.day(now.began))
    elif now.outcome == "running":
        line = visit.say("progress.running", day=min((today - now.began).days + 1, days), days=days, last=last)
    else:
        line = visit.say(f"progress.{now.outcome}", last=last)
    running, first = now.outcome == "running", now.first_value
    steps = [
        _milestone(visit, _named(visit, each.name), each.reached_at, each.due_on, late=running and now.connected)
        if running or each.reached_at is not None
        else _missed(visit, _named(visit, each.name))
        for each in now.milestones
    ]
    if first is not None:
        name = visit.say("progress.first_value", n=first.days, days=first.target_days)
        steps.append(
            _milestone(visit, name, first.reached_at, first.due_on, late=running and now.connected)
            if running or first.reached_at is not None
            else _missed(visit, visit.say("reasons.first_value"))
        )
    lines = [line] if now.connected else [line, visit.say("progress.milestones_unknown")]
    if not now.connected and not running:
        steps = []  # nothing is known: neither reached nor missed
    return Part(
        "onboarding",
        visit.say("progress.onboarding"),
        lines,
        steps,
        None if running else visit.say("progress.milestones"),
    )


def _milestone(visit: Visit, name: str, reached: datetime | None, due: date, *, late: bool) -> Step:
    if reached is not None:
        return Step(True, name, visit.say("progress.reached", day=visit.formats.day(reached)), reached)
    days = -visit.formats.days_from_now(due)
    if late and days > 0:
        return Step(False, name, visit.say("progress.late", n=days), due, late=True)
    return Step(False, name, visit.say("progress.due", day=visit.formats.day(due)), due)


def _missed(visit: Visit, name: str) -> Step:
    return Step(False, name, visit.say("progress.missed"))


def _renewal(visit: Visit, now: RenewalProgress) -> Part:
    values = {"contract": now.contract, "ends": visit.formats.day(now.ends), "n": now.days_left}
    title = visit.say("progress.renewal")
    if not now.begun:
        line = visit.say("progress.renewal_coming", begins=visit.formats.day(now.begins), **values)
        return Part("renewal", title, [line])
    lines = [visit.say("progress.renewal_begun", **values)]
    if now.checklist and not now.connected:
        lines.append(visit.say("progress.checklist_unknown"))
    steps = [
        Step(True, _named(visit, each.name), visit.say("progress.reached", day=visit.formats.day(each.reached_at)),
             each.reached_at)
        if each.reached_at is not None
        else Step(False, _named(visit, each.name), visit.say("progress.open"))
        for each in now.checklist
    ]  # fmt: skip
    return Part("renewal", title, lines, steps)


def _adoption(visit: Visit, now: AdoptionProgress) -> Part:
    title, level = visit.say("progress.adoption"), visit.say(f"frame.level_{now.level}")
    if now.next is None:
        return Part("adoption", title, [visit.say("progress.level_highest", level=level)])
    following = visit.say(f"frame.level_{now.next}")
    if not now.needs:
        line = visit.say("progress.level_low", level=level, next=following, n=now.window_days)
        return Part("adoption", title, [line])
    line = visit.say("progress.level", level=level, next=following)
    return Part("adoption", title, [line], [_need(visit, each) for each in now.needs])


def _need(visit: Visit, each: LevelNeed) -> Step:
    done = each.value is not None and each.value >= each.needed
    unknown = visit.say("progress.value_unknown")
    value = _amount(visit, each.measure, each.value) if each.value is not None else unknown
    words = visit.say("progress.need", value=value, needed=_amount(visit, each.measure, each.needed))
    name = measure_name(visit.formats, each.measure)
    return Step(done, name, words, said=visit.say("progress.met") if done else "")


def _amount(visit: Visit, measure: str, value: float) -> str:
    """With one decimal where it has any: what is short of a level by a little must not read as enough."""
    if measure not in _SHARES:
        return visit.formats.exact(value)
    return visit.formats.percent(value, 0 if (value * 100).is_integer() else 1)


def _named(visit: Visit, name: str) -> str:
    """A milestone that the default scorecard has, in words; else its name as the tenant wrote it."""
    return visit.say_or(f"progress.milestone_{name}", name.replace("_", " "))
