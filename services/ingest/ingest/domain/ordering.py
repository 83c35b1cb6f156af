"""In which order the changes of one object happened, where its source tells whole seconds and delivers in any order.

A change names the state it left behind, and mostly the one it found. The changes of one second are a walk over these
states, and a walk ends in the state that is entered once more than it is left: that needs no order of arrival.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

KEPT: Final = 100  # changes of an object that are remembered
_PER_RANK: Final = (
    1000  # microseconds; all ranks of a second lie in its first ten milliseconds, so none is in the future
)
_STEP: Final = 4
_MIDDLE: Final = _PER_RANK // 2


@dataclass(frozen=True, slots=True)
class Change:
    """One delivery about an object. rank (0-9) orders kinds of changes within a second: made, changed, removed.

    found and left are hashes of the states around it; found is None where the source does not say. item is what we
    made of it, `place` its microseconds after the second. because: the delivery that made us say it again.
    """

    id: str
    second: int
    rank: int
    found: str | None
    left: str
    item: str
    place: int = 0
    because: str | None = None

    @property
    def time(self) -> datetime:
        """The time to send: the source's second, and within it the place in the source's order."""
        return datetime.fromtimestamp(self.second, UTC) + timedelta(microseconds=self.place)


def state_hash(state: Mapping[str, Any], previous: Mapping[str, Any] | None = None) -> str:
    """A state, with `previous` laid over it if given: objects are merged, all else is replaced; null is absent."""
    merged = state if previous is None else _laid_over(state, previous)
    text = json.dumps(_without_nulls(merged), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def arrived(known: Sequence[Change], new: Change) -> tuple[list[Change], list[Change]]:
    """What to remember, and what to send now: the change with its place and, if it shows that what stood last was not
    the last, the right one once more under a new id. A repeat sends exactly what was sent for it.
    """
    repeated = [each for each in known if new.id in (each.id, each.because)]
    if any(each.id == new.id for each in repeated):
        return list(known), repeated
    others = [each for each in known if each.second == new.second and each.rank == new.rank]
    places = [each.place for each in others]
    remembered = [*known, new]
    wins = _last(remembered, new.second, new.rank, new.id) == new.left
    if not places:
        place = new.rank * _PER_RANK + _MIDDLE
    elif wins:
        place = _bounded(max(places) + _STEP, new.rank)
    else:
        place = _bounded(min(places) - _STEP, new.rank)
    placed = replace(new, place=place)
    remembered[-1] = placed
    sent = [placed]
    newest = max((each.second, each.rank) for each in remembered)
    group = [each for each in remembered if (each.second, each.rank) == newest]
    top = max(group, key=lambda each: (each.place, each.id))
    last = _last(remembered, *newest, new.id)
    if last is not None and top.left != last:
        right = next(each for each in reversed(group) if each.left == last and each.because is None)
        again = replace(
            right,
            id=f"{right.id}~{new.id}",
            place=_bounded(top.place + _STEP, right.rank),
            because=new.id,
        )
        remembered.append(again)
        sent.append(again)
    return sorted(remembered, key=lambda each: each.second)[-KEPT:], sent


def _last(known: Sequence[Change], second: int, rank: int, newest_id: str) -> str | None:
    """The state that the walk is in after this second and rank."""
    state: str | None = None
    for key in sorted({(each.second, each.rank) for each in known if (each.second, each.rank) <= (second, rank)}):
        group = [each for each in known if (each.second, each.rank) == key and each.because is None]
        if group:
            state = _end(group, state, newest_id)
    return state


def _end(group: Sequence[Change], start: str | None, newest_id: str) -> str:
    """Where a walk over these changes ends. Between equals, what came last: nothing tells more."""
    balance: Counter[str] = Counter()
    for each in group:
        if each.found is not None and each.found != each.left:
            balance[each.left] += 1
            balance[each.found] -= 1
    for each in group:
        if each.found is None and balance[each.left] == 0 and not any(other.found == each.left for other in group):
            balance[each.left] += 1
    left = {each.left for each in group}
    ends = {state for state, count in balance.items() if count > 0}
    if not ends and start in left:
        return str(start)  # it went round and came back
    arrivals = [each for each in group if each.left in ends] or list(group)
    newest = next((each for each in arrivals if each.id == newest_id), None)
    return (newest or arrivals[-1]).left


def _bounded(place: int, rank: int) -> int:
    return min(max(place, rank * _PER_RANK), (rank + 1) * _PER_RANK - 1)


def _laid_over(state: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(state)
    for name, value in previous.items():
        below = merged.get(name)
        merged[name] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
