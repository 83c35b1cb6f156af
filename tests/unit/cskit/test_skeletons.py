"""Messages of one skeleton: read at once they say what they say one by one, and nothing else has the skeleton."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.cskit.test_columns import PERSON, plainly, read
from tests.unit.cskit.test_columns import SAID as UNCUT

from cskit import skeletons
from cskit.decoding import decoded
from cskit.skeletons import skeleton_of
from cskit.slices import Slices
from cskit.usage_reader import UsageReader
from csmodels.catalogue import parse
from csmodels.errors import InvalidEvent
from csmodels.topics import CUSTOMER_EVENTS

SAID: dict[str, Any] = {
    **UNCUT,
    "receivedtime": "2026-07-01T12:00:01.000001Z",
    "data": {"name": "report_created", "count": 2},
}
MANY = 40  # messages, among which a skeleton is looked for


def written(**changes: Any) -> bytes:
    """A message as ingest writes it; what is ... is left out."""
    said = {name: value for name, value in {**SAID, **changes}.items() if value is not ...}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()


def has(skeleton: skeletons.Skeleton, value: bytes) -> bool:
    """Whether a message has a skeleton, and all that is looked at is good."""
    read = skeletons.read(skeleton, Slices.of([value]), np.arange(1))
    return bool(len(read.rows) and read.good[0])


def shaped() -> skeletons.Skeleton:
    found = skeleton_of(written())
    assert found is not None
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "another-one.7"},
        {"id": "x" * 40},
        {"subject": "globex"},
        {"subject": "株式会社"},
        {"time": "2027-12-31T23:59:59.999999Z"},
        {"personid": PERSON.replace("1", "2")},
        {"data": {"name": "検索", "count": 999_999_999}},
    ],
)
def test_messages_that_differ_in_texts_and_counts_have_one_skeleton(changes: dict[str, Any]) -> None:
    assert has(shaped(), written(**changes))


@pytest.mark.parametrize(
    "value",
    [
        written(id=""),
        written(id="x" * 41),
        written(id="a@b"),
        written(id="ü"),
        written(id='a"b'),
        written(source="web"),
        written(type="signal.seen"),
        written(time="2026-07-01T12:00:00Z"),
        written(time="2026-07-01T12:00:00.123Z"),
        written(time="2026-07-01T12:00:00+00:00"),
        written(time="2026-02-00T12:00:00.000000Z"),
        written(time="2026-13-01T12:00:00.000000Z"),
        written(time="2026-00-01T12:00:00.000000Z"),
        written(time="2026-07-01T12:60:00.000000Z"),
        written(time="9999-07-01T12:00:00.000000Z"),
        written(personid=...),
        written(personid=None),
        written(clamped=True),
        written(data={"name": "n"}),
        written(data={"name": "n", "count": 0}),
        written(data={"name": "n", "count": 1_000_000_000}),
        written(data={"name": "n", "count": -1}),
        written(data={"name": "n", "count": 1.5}),
        written(data={"name": "n", "count": 1, "properties": {}}),
        written() + b" ",
        written()[:-1],
        b"",
    ],
)
def test_what_differs_in_anything_else_has_another_one(value: bytes) -> None:
    assert not has(shaped(), value)


@pytest.mark.parametrize(
    "value",
    [
        written(subject="a\\b"),
        written(subject="ü"),
        written(data={"name": "n", "tags": ["a"]}),
        written(data={"count": 1}),
        written()[:-1] + b',"id":"e2"}',
        written(extra={"name": "n"}),
        written(extra="x" * 1_000),
    ],
)
def test_what_is_odd_has_none(value: bytes) -> None:
    assert skeleton_of(value) is None


@pytest.mark.parametrize("time", ["2026-07-01T12:00:00Z", "2026-07-01T12:00:00.123Z"])
def test_a_shorter_form_of_time_makes_a_skeleton_of_its_own(time: str) -> None:
    shorter = skeleton_of(written(time=time))

    assert shorter is not None
    assert has(shorter, written(time=time.replace("1", "2"), id="e2"))
    assert not has(shorter, written())


def taken(values: Sequence[bytes], keys: Sequence[bytes]) -> list[int]:
    """The places of those that are read; each says what parse makes of its message."""
    rows, others = read(values, keys)
    assert sorted([*rows, *others]) == list(range(len(values)))
    for place, row in rows.items():
        assert row == plainly(parse(CUSTOMER_EVENTS, values[place], keys[place]))
    return list(rows)


def crowd(number: int) -> dict[str, Any]:
    """What the messages differ in that stand around."""
    return {"id": f"e{number}", "subject": f"a{number % 7}", "data": {"name": f"n{number % 3}", "count": number + 1}}


TEXTS = st.text(max_size=45) | st.sampled_from(["acme", "", "!control", "a@b", "\x00", "acme\x00", 'a"b', "a\\b"])
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "id": TEXTS,
        "subject": TEXTS,
        "source": TEXTS,
        "personid": TEXTS | st.none(),
        "time": st.datetimes().map(lambda at: at.isoformat() + "Z"),
        "data": st.fixed_dictionaries({"name": TEXTS}, optional={"count": st.integers(-1, 10**10)}),
        "clamped": st.booleans(),
    },
)


@given(st.lists(CHANGES, min_size=1, max_size=4), st.booleans(), st.integers(0, MANY))
@settings(max_examples=200)
def test_among_many_of_one_skeleton_each_is_what_parse_makes_of_it(
    changes: list[dict[str, Any]], raw: bool, at: int
) -> None:
    said = [crowd(number) for number in range(MANY)]
    said[at:at] = changes
    values = [written(**each) for each in said]
    if raw:  # texts as they are, with what JSON would escape
        values = [value.replace(b"\\u0000", b"\0").replace(b"\\\\", b"\\") for value in values]
    keys = [str(each.get("subject", "acme")).encode("utf-8", "replace") for each in said]

    assert len(taken(values, keys)) >= MANY


@given(st.data())
@settings(max_examples=300)
def test_bytes_that_were_changed_among_many_agree_with_parse(data: st.DataObject) -> None:
    values = [written(**crowd(number)) for number in range(MANY)]
    keys = [f"a{number % 7}".encode() for number in range(MANY)]
    for _ in range(data.draw(st.integers(1, 3))):
        number = data.draw(st.integers(0, MANY - 1))
        value = bytearray(values[number])
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))
        values[number] = bytes(value)

    assert len(taken(values, keys)) >= MANY - 3


def test_a_key_that_is_not_the_account_is_never_taken() -> None:
    values = [written(**crowd(number)) for number in range(MANY)]
    keys: list[bytes | None] = [f"a{number % 7}".encode() for number in range(MANY)]
    keys[3], keys[5], keys[30] = b"a", None, b"a22"

    _, others = asyncio.run(UsageReader().read(values, keys))

    assert others == [3, 5, 30]


def test_several_skeletons_and_other_events_lie_among_each_other() -> None:
    said: list[dict[str, Any]] = []
    for number in range(10_000):
        ways: tuple[dict[str, Any], ...] = (
            {},
            {"personid": ...},
            {"source": "web"},
            {"type": "signal.seen", "data": {"kind": "page_view", "topic": "docs"}},
            {"data": {"name": "n", "properties": {"rows": number}}},
        )
        said.append({**crowd(number), **ways[number % 5]})
    values = [written(**each) for each in said]

    places = taken(values, [each["subject"].encode() for each in said])

    assert places == [number for number in range(10_000) if number % 5 != 3]


def test_what_parse_refuses_is_what_the_decoder_alone_would_let_pass() -> None:
    value = written(type=...)

    assert decoded([value]) == ([], [])
    with pytest.raises(InvalidEvent):
        parse(CUSTOMER_EVENTS, value, b"acme")
