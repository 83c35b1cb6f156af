"""Changes of an object end in the right state, in whatever order they come in."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.mapping import ordered_item
from ingest.domain.ordering import Change, arrived, state_hash

SECOND = 1_773_000_000


def chain(values: list[int], seconds: list[int], *, ended: bool) -> list[Change]:
    """A subscription that is made with the first value and takes on the others, in this order."""
    second = SECOND
    made = [Change("evt_9", second, 0, None, state_hash({"q": values[0]}), json.dumps({"data": values[0]}))]
    for number, (before, after, later) in enumerate(zip(values, values[1:], seconds, strict=False)):
        second += later
        state = {"q": after}
        item = json.dumps({"data": after})
        name = f"evt_{(number * 7) % 13}{number}"  # ids in no order
        made.append(Change(name, second, 5, state_hash(state, {"q": before}), state_hash(state), item))
    if ended:
        made.append(Change("evt_end", second, 9, None, state_hash({"q": -1}), json.dumps({"data": -1})))
    return made


def folded(sent: list[bytes]) -> Any:
    """What the last writer by (time, id) says."""
    items = [json.loads(each) for each in sent]
    return max(items, key=lambda item: (item["time"], item["id"]))["data"]


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Change], list[Change]]:
    first = draw(st.integers(0, 3))
    steps = draw(st.lists(st.integers(1, 3), min_size=1, max_size=7))
    values = [first]
    for step in steps:
        values.append((values[-1] + step) % 4)
    changes = chain(
        values,
        draw(st.lists(st.integers(0, 1), min_size=len(steps), max_size=len(steps))),
        ended=draw(st.booleans()),
    )
    again = draw(st.lists(st.sampled_from(changes), max_size=4))
    return changes, draw(st.permutations([*changes, *again]))


@given(deliveries())
def test_any_order_of_arrival_with_repeats_ends_in_the_last_state(case: tuple[list[Change], list[Change]]) -> None:
    changes, arriving = case
    known: list[Change] = []
    sent: list[bytes] = []

    for change in arriving:
        known, now = arrived(known, change)
        sent += [ordered_item(each) for each in now]

    assert folded(sent) == json.loads(changes[-1].item)["data"]


@given(deliveries())
def test_a_repeat_sends_the_same_bytes(case: tuple[list[Change], list[Change]]) -> None:
    _, arriving = case
    known: list[Change] = []
    first: dict[str, list[bytes]] = {}

    for change in arriving:
        known, now = arrived(known, change)
        said = [ordered_item(each) for each in now]
        assert sorted(first.setdefault(change.id, said)) == sorted(said)


def test_a_change_that_belongs_before_gets_an_earlier_time_of_the_same_second() -> None:
    made, one, two = chain([1, 2, 3], [0, 0], ended=False)
    known, _ = arrived([], made)
    known, later = arrived(known, two)

    _, earlier = arrived(known, one)

    assert earlier[0].time < later[0].time
    assert int(earlier[0].time.timestamp()) == int(later[0].time.timestamp()) == SECOND


def test_only_what_is_changed_below_an_object_is_named_by_its_previous_attributes() -> None:
    after = {"metadata": {"a": "new", "b": 1}, "n": 1}

    found = state_hash(after, {"metadata": {"a": "old"}, "gone": None})

    assert found == state_hash({"metadata": {"a": "old", "b": 1}, "n": 1})
