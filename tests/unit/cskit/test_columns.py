"""Usage by columns: what is taken so is what `parse` makes of it, and what `parse` refuses is never taken."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cskit.columns import moment
from cskit.usage_reader import OLD, UsageReader
from csmodels.catalogue import parse
from csmodels.customer import UsageTracked
from csmodels.envelope import Event
from csmodels.errors import InvalidEvent
from csmodels.topics import CUSTOMER_EVENTS

PERSON = "0197c420-0000-4000-8000-000000000001"
SAID: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "app",
    "type": "usage.tracked",
    "subject": "acme",
    "time": "2026-07-01T12:00:00.123456Z",
    "receivedtime": "2026-07-01T12:00:01Z",
    "personid": PERSON,
    "data": {
        "name": "report_created",
        "count": 2,
        "properties": {"plan": "pro", "rows": 3, "beta": True, "share": 0.5},
    },
}


def written(**changes: Any) -> bytes:
    """A message; what is ... is left out."""
    said = {**SAID, **changes}
    return json.dumps({name: value for name, value in said.items() if value is not ...}).encode()


def read(values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> tuple[dict[int, tuple[Any, ...]], list[int]]:
    """What each place was taken as, and the places that were left."""
    columns, others = asyncio.run(UsageReader().read(values, keys))
    rows = {}
    for row, place in enumerate(columns.places.tolist()):
        rows[place] = (
            columns.accounts.text(row),
            (columns.ids[row] or b"").decode(),
            columns.sources.text(row),
            columns.names.text(row),
            columns.persons.text(row) or None,
            int(columns.counts[row]),
            moment(int(columns.times[row])),
            moment(int(columns.received[row])),
        )
    return rows, others


def plainly(event: Event) -> tuple[Any, ...]:
    assert isinstance(event, UsageTracked)
    data = event.data
    said = (event.subject, event.id, event.source, data.name, event.personid, data.count)
    return (*said, event.time, event.receivedtime)


def agrees(value: bytes | None, key: bytes | None) -> bool:
    """Whether it was taken by columns; then it is what parse makes of it."""
    rows, others = read([value], [key])
    assert len(rows) + len(others) == 1
    if not rows:
        return False
    event = parse(CUSTOMER_EVENTS, value or b"", key)
    assert rows[0] == plainly(event)
    assert not event.backfill
    return True


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"personid": ...},
        {"personid": None},
        {"data": {"name": "検索"}},
        {"clamped": True},
        {"backfill": False},
        {"time": "2026-07-01T12:00:00Z"},
        {"time": "2026-07-01T12:00:00.123Z"},
        {"time": "2026-02-28T23:59:59.999999Z"},
        {"data": {"name": "n", "properties": {}}},
    ],
)
def test_what_is_usual_is_taken_by_columns(changes: dict[str, Any]) -> None:
    assert agrees(written(**changes), b"acme")


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "signal.seen", "data": {"kind": "page_view", "topic": "docs"}},
        {"type": ...},
        {"backfill": True},
        {"specversion": "0.3"},
        {"specversion": ...},
        {"subject": "other"},
        {"subject": "!control"},
        {"id": ""},
        {"id": "a@b"},
        {"id": "x" * 129},
        {"source": "a\tb"},
        {"personid": PERSON.upper()},
        {"personid": ""},
        {"time": "2026-07-01T12:06:02Z"},  # beyond the tolerance
        {"time": "2026-02-29T12:00:00Z"},
        {"time": "2026-07-01T24:00:00Z"},
        {"time": "2026-07-01T12:00:00+09:00"},
        {"time": "2026-07-01 12:00:00Z"},
        {"time": "2026-07-01T12:00:60Z"},
        {"time": "２０２６-07-01T12:00:00Z"},
        {"time": "2025-01-01T12:00:00Z"},  # old
        {"data": {"name": ""}},
        {"data": {"name": "n", "count": 0}},
        {"data": {"name": "n", "count": 2**31}},
        {"data": {"name": "n", "count": 2**70}},
        {"data": {"name": "n", "count": True}},
        {"data": {"name": "n", "count": None}},
        {"data": {"name": "n", "properties": {"a": "x" * 65}}},
        {"data": {"name": "n", "properties": None}},
        {"data": {"name": "n", "properties": {"": 1}}},
        {"data": {"name": "n", "properties": {"a": 2**53}}},
        {"data": {"name": "n", "properties": {"a": None}}},
        {"data": {"name": "n", "properties": {"a": [1]}}},
        {"data": {"name": "n", "unknown": 1}},
        {"unknown": {"deep": [1]}},  # how deep, or how long a number is, is for parse to judge
        {"data": {}},
        {"data": ...},
    ],
)
def test_what_breaks_a_rule_or_may_is_left_to_parse(changes: dict[str, Any]) -> None:
    assert not agrees(written(**changes), b"acme")


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{", b"\xff", b"[" * 5_000, b'{"type":"usage.tracked"}'])
def test_what_is_no_message_is_left_to_parse(value: bytes | None) -> None:
    assert not agrees(value, b"acme")


def test_each_of_many_is_told_apart() -> None:
    values = [written(id=f"e{n}", subject=f"a{n % 3}", **({"data": {}} if n % 5 == 0 else {})) for n in range(3_000)]
    keys = [f"a{n % 3}".encode() for n in range(3_000)]

    rows, others = read(values, keys)

    assert others == list(range(0, 3_000, 5))
    assert [rows[n] for n in sorted(rows)] == [
        plainly(parse(CUSTOMER_EVENTS, value, key))
        for n, (value, key) in enumerate(zip(values, keys, strict=True))
        if n % 5
    ]


def test_a_part_of_the_columns_is_those_rows() -> None:
    columns, _ = asyncio.run(UsageReader().read([written(id=f"e{n}") for n in range(6)], [b"acme"] * 6))

    assert columns.between(2, 5).ids == [b"e2", b"e3", b"e4"]
    assert columns.where(np.array([n % 2 == 0 for n in range(6)])).ids == [b"e0", b"e2", b"e4"]
    assert columns.where(np.array([n % 2 == 0 for n in range(6)])).places.tolist() == [0, 2, 4]


def moments(first_year: int, last_year: int) -> st.SearchStrategy[datetime]:
    """Moments of these years, without a zone."""
    return st.datetimes(datetime(first_year, 1, 1), datetime(last_year, 12, 31))  # noqa: DTZ001


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|z|[+-][0-9]{2}:[0-9]{2})?"
TIMES = moments(1969, 2201).map(lambda at: at.isoformat() + "Z") | st.from_regex(f"{DAY}[Tt ]{CLOCK}", fullmatch=True)
ODD = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=140) | JSON,
        "source": st.text(max_size=140) | JSON,
        "subject": st.text(max_size=140) | JSON,
        "personid": st.text(max_size=40) | JSON,
        "time": TIMES | JSON,
        "receivedtime": TIMES | JSON,
        "specversion": st.sampled_from(["1.0", "1", 1.0, None]),
        "clamped": JSON,
        "backfill": JSON,
        "data": st.fixed_dictionaries(
            {},
            optional={
                "name": st.text(max_size=140) | JSON,
                "count": st.integers(-1, 2**31) | JSON,
                "properties": st.dictionaries(st.text(max_size=70), JSON, max_size=3) | JSON,
            },
        ),
    },
)


@given(ODD, st.booleans())
@settings(max_examples=400)
def test_whatever_is_written_it_agrees_with_parse(changes: dict[str, Any], same_key: bool) -> None:
    subject = changes.get("subject", "acme")
    key = str(subject).encode("utf-8", "replace") if same_key else b"acme"

    agrees(json.dumps({**SAID, **changes}).encode(), key)


@given(st.data())
@settings(max_examples=300)
def test_bytes_that_were_changed_agree_with_parse(data: st.DataObject) -> None:
    value = bytearray(written())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))

    agrees(bytes(value), b"acme")


@given(moments(1971, 2199), st.timedeltas(timedelta(minutes=-5), OLD))
def test_times_are_read_to_the_microsecond(at: datetime, before: timedelta) -> None:
    told = {"time": f"{(at - before).isoformat()}Z", "receivedtime": f"{at.isoformat()}Z"}

    assert agrees(written(**told), b"acme") is (before < OLD)


@pytest.mark.parametrize(
    "odd", [b"01", b"1e999", b"-", b'"\\ud800"', b'"\x80"', b"NaN", b"1.", b'"\\x"', b"tru", b'"\t"']
)
def test_what_is_passed_over_is_json_too(odd: bytes) -> None:
    agrees(written()[:-1] + b', "unknown": ' + odd + b"}", b"acme")
    agrees(written()[:-1] + b', "unknown": [{"a": ' + odd + b"}]}", b"acme")


def test_parse_would_refuse_some_of_these() -> None:
    with pytest.raises(InvalidEvent):
        parse(CUSTOMER_EVENTS, written(id="a@b"), b"acme")
