"""What of all that happens is worth telling, and when: pure, with the wall's seconds and the world's moments given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from allinone.demo.words import Words

NOTEWORTHY: Final = 5.0  # points since an account was last told of
TOGETHER: Final = 0.5  # seconds: what befalls an account within this is told as one
CAUSE_TO_TASK: Final = 3.0  # seconds at most that a red account waits for its task, and a task for the change behind it
A_SECOND: Final = 3  # lines at most, but for bursts of twice that
SUM_UP_EVERY: Final = 10.0  # seconds
_CAUSES: Final = 3
_SMALLEST: Final = 0.5  # points of a cause; less is rounded to nothing


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's health as published: parts are contributions by measure and adjustments by reason, in points."""

    score: float
    band: str
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Given:
    """A playbook gave a task to somebody."""

    playbook: str
    owner: str | None


@dataclass(slots=True)
class _Together:
    """What befell one account within a moment."""

    since: float
    at: datetime
    health: Standing | None = None
    tasks: list[Given] = field(default_factory=list)
    answers: list[tuple[str, int]] = field(default_factory=list)  # role, score
    completed: list[tuple[Given, str]] = field(default_factory=list)  # with the outcome


@dataclass(frozen=True, slots=True)
class _Line:
    rank: int  # the lowest is told first
    account: str
    text: str
    told: Standing | None = None


class Story:
    """Takes what happens, gives lines. `names` are the accounts' and `staff` the members' names by id."""

    def __init__(self, names: Mapping[str, str], staff: Mapping[str, str], words: Words) -> None:
        self._names = names
        self._staff = staff
        self._words = words
        self._told: dict[str, Standing] = {}
        self._waiting: dict[str, _Together] = {}
        self._smaller = 0
        self._summed_up: float | None = None
        self._room = 2.0 * A_SECOND
        self._refilled: float | None = None

    def known(self, account: str, standing: Standing) -> None:
        """How an account is before the telling begins."""
        self._told[account] = standing

    def health(self, account: str, standing: Standing, now: float, at: datetime) -> None:
        """A health change was published."""
        if account not in self._told:
            self._told[account] = standing  # it has just appeared: there is nothing to compare it with
            return
        self._of(account, now, at).health = standing

    def task(self, account: str, given: Given, now: float, at: datetime) -> None:
        """A playbook made a task."""
        self._of(account, now, at).tasks.append(given)

    def answer(self, account: str, role: str, score: int, now: float, at: datetime) -> None:
        """Somebody answered a survey."""
        self._of(account, now, at).answers.append((role, score))

    def completed(self, account: str, given: Given, outcome: str, now: float, at: datetime) -> None:
        """Somebody completed a task."""
        self._of(account, now, at).completed.append((given, outcome))

    def lines(self, now: float) -> Sequence[str]:
        """What is to be told now, the most important first; what there is no room for is summed up later."""
        due = [account for account, each in self._waiting.items() if self._is_due(account, each, now)]
        found: list[_Line] = []
        for account in due:
            found += self._told_of(account, self._waiting.pop(account))
        self._refill(now)
        said: list[str] = []
        for line in sorted(found, key=lambda each: each.rank):
            if self._room < 1:
                self._smaller += 1
                continue
            self._room -= 1
            said.append(line.text)
            if line.told is not None:
                self._told[line.account] = line.told
        return [*said, *self._sum_up(now)]

    def _of(self, account: str, now: float, at: datetime) -> _Together:
        return self._waiting.setdefault(account, _Together(now, at))

    def _is_due(self, account: str, together: _Together, now: float) -> bool:
        health, tasks = together.health, together.tasks
        turned_red = health is not None and health.band == "red" and self._told[account].band != "red"
        more_comes = (turned_red and not tasks) or (bool(tasks) and health is None)
        return now - together.since >= (CAUSE_TO_TASK if more_comes else TOGETHER)

    def _told_of(self, account: str, together: _Together) -> list[_Line]:
        words, name = self._words, self._names.get(account, account)
        when = words.when(together.at)
        lines = []
        for role, score in together.answers:
            text = words.answered.format(account=name, role=words.roles.get(role, role), score=score)
            lines.append(_Line(1, account, f"{when}  {text}"))
        given = [{"account": name, "playbook": each.playbook, "owner": self._owner(each)} for each in together.tasks]
        change = self._change(account, name, together.health)
        if change is not None:
            parts = [change, *(words.gave_task.format(**values) for values in given)]
            rank = 0 if given else 1 if together.health and together.health.band != self._told[account].band else 2
            lines.append(_Line(rank, account, f"{when}  {words.between_parts.join(parts)}", together.health))
        else:
            lines += [_Line(0, account, f"{when}  {words.gave_task_alone.format(**values)}") for values in given]
            self._smaller += together.health is not None
        for each, outcome in together.completed:
            values = {"account": name, "playbook": each.playbook, "owner": self._owner(each)}
            text = words.completed.format(**values, outcome=words.outcome(outcome))
            lines.append(_Line(3, account, f"{when}  {text}"))
        return lines

    def _owner(self, given: Given) -> str:
        return self._staff.get(given.owner, given.owner) if given.owner is not None else self._words.no_owner

    def _change(self, account: str, name: str, now: Standing | None) -> str | None:
        """A change of the score in words, or None if it is not worth a line."""
        if now is None:
            return None
        before, words = self._told[account], self._words
        turned = now.band != before.band
        moved = now.score - before.score
        if abs(moved) < NOTEWORTHY and not turned:
            return None
        digits = 0 if round(before.score) != round(now.score) else 1
        change = (words.fell if moved < 0 else words.rose).format(
            account=name,
            before=f"{before.score:.{digits}f}",
            after=f"{now.score:.{digits}f}",
            turned=words.turned[now.band] if turned else "",
        )
        causes = words.between_causes.join(
            words.cause.format(measure=words.measure(part), points=f"{points:+.{digits}f}")
            for part, points in causes_of(before, now)
        )
        return words.moved.format(change=change, causes=causes) if causes else change

    def _refill(self, now: float) -> None:
        since = 0.0 if self._refilled is None else now - self._refilled
        self._refilled = now
        self._room = min(2.0 * A_SECOND, self._room + since * A_SECOND)

    def _sum_up(self, now: float) -> Sequence[str]:
        if self._summed_up is None:
            self._summed_up = now
        if self._smaller == 0 or now - self._summed_up < SUM_UP_EVERY:
            return []
        text = self._words.smaller_one if self._smaller == 1 else self._words.smaller_many.format(count=self._smaller)
        self._smaller, self._summed_up = 0, now
        return [f"  {text}"]


def causes_of(before: Standing, now: Standing) -> Sequence[tuple[str, float]]:
    """The parts that moved the score the way it went, the largest first, at most three."""
    down = now.score < before.score
    moved = {part: now.parts.get(part, 0.0) - before.parts.get(part, 0.0) for part in {*before.parts, *now.parts}}
    largest = sorted(moved.items(), key=lambda each: (-abs(each[1]), each[0]))
    return [(part, by) for part, by in largest if (by < 0) == down and abs(by) >= _SMALLEST][:_CAUSES]
