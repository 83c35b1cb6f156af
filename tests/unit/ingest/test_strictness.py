"""A key twice is found, however it is written, and never where there is none; too many items are seen unheld."""

import json
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.domain.strictness import MAX_DEPTH, is_plain, lines, more_items_than, refusal, repeated_key

KEYS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)

FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

NAMES = st.sampled_from(["a", "b", "", ":", '"', '":', '" :', "\\", "\\\\", "\n", "é", "\U0001f600", "a\u2028"])
WRITTEN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=4).map(tuple),
    max_leaves=8,
)
COMMAS = st.sampled_from([",", ", ", " ,\n"])
COLONS = st.sampled_from([":", ": ", " :", "\t:\r\n"])


def written(value: Any, comma: str, colon: str, *, plain: bool) -> str:
    """JSON in which objects are tuples of pairs, so that a key may stand twice."""
    if isinstance(value, tuple):
        pairs = [f"{json.dumps(k, ensure_ascii=plain)}{colon}{written(v, comma, colon, plain=plain)}" for k, v in value]
        return "{" + comma.join(pairs) + "}"
    if isinstance(value, list):
        return "[" + comma.join(written(each, comma, colon, plain=plain) for each in value) + "]"
    return json.dumps(value, ensure_ascii=plain)


def holds_one_twice(value: Any) -> bool:
    if isinstance(value, tuple):
        keys = [key for key, _ in value]
        return len(keys) > len(set(keys)) or any(holds_one_twice(each) for _, each in value)
    return isinstance(value, list) and any(holds_one_twice(each) for each in value)


@given(value=WRITTEN, comma=COMMAS, colon=COLONS, plain=st.booleans())
@settings(max_examples=500)
def test_an_item_is_refused_exactly_if_one_of_its_objects_holds_a_key_twice(
    value: Any, comma: str, colon: str, plain: bool
) -> None:
    text = written(value, comma, colon, plain=plain).encode()

    refused = refusal(text, 7)

    assert (refused is not None) == holds_one_twice(value)
    if refused is not None:
        assert (refused.index, refused.code) == (7, "duplicate_key")


@given(value=WRITTEN, comma=COMMAS, colon=COLONS, plain=st.booleans())
@settings(max_examples=500)
def test_what_is_surely_plain_is_not_refused(value: Any, comma: str, colon: str, plain: bool) -> None:
    text = written(value, comma, colon, plain=plain).encode()
    said = msgspec.json.decode(text)
    found = (
        len(said) + sum(len(each) for each in said.values() if isinstance(each, dict)) if isinstance(said, dict) else 0
    )

    assert not is_plain(text, found) or refusal(text, 0) is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b'{"id":"1","type":"x","id":"2"}', "id"),
        (rb'{"\u0069d":"1","id":"2"}', "id"),
        (b'{"data":{"name":"x","properties":{"rows":1,"rows":2}}}', "data.properties.rows"),
        (b'{"a":[0,{"b":1,"b":[]}]}', "a.1.b"),
        (b'{"a":{"c":1,"c":1},"b":1,"b":2}', "b"),
        (b'{"a":{"c":{"d":1,"d":1}},"a":2}', "a"),
        (b'{"x@example.com":1,"x@example.com":2}', "?"),
        (b'{"":1,"":2}', "?"),
        (b'{"a":"\\":","a":1}', "a"),
        (b'{"a":' + b"9" * 18 + b',"a":1.5e300}', "a"),
    ],
)
def test_the_key_is_named_by_its_path_unless_it_may_say_too_much(text: bytes, field: str) -> None:
    refused = refusal(text, 0)

    assert refused is not None
    assert (refused.code, refused.field) == ("duplicate_key", field)


@pytest.mark.parametrize(
    ("opening", "inner", "closing"), [(b"[", b"1", b"]"), (b'{"a":', b"1", b"}"), (b"[", b"", b"]")]
)
def test_an_item_may_be_nested_so_deep_and_no_deeper(opening: bytes, inner: bytes, closing: bytes) -> None:
    for depth in (1, MAX_DEPTH, MAX_DEPTH + 1, 300, 900, 5_000, 100_000):
        refused = refusal(opening * depth + inner + closing * depth, 0)

        assert (None if refused is None else refused.code) == (None if depth <= MAX_DEPTH else "too_deep")


def test_many_objects_beside_one_another_are_not_deep() -> None:
    text = json.dumps([{"a": [[], {}]}] * 100).encode()

    assert refusal(text, 0) is None


def test_what_a_repeated_key_hides_is_not_read_however_deep_it_is() -> None:
    refused = refusal(b'{"a":' + b"[" * 900 + b"]" * 900 + b',"a":1}', 0)

    assert refused is not None
    assert refused.code in ("duplicate_key", "too_deep")


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a":NaN}', b'{"a":"\xff"}', rb'{"a":"\ud800"}', b'{"a":1e999}', b'{"a":1,}']
)
def test_what_is_no_json_is_refused_as_that(text: bytes) -> None:
    refused = refusal(text, 0)

    assert refused is not None
    assert (refused.code, refused.field) == ("not_json", "")


@given(
    pairs=st.lists(st.tuples(NAMES, WRITTEN | st.integers(0, 12)), max_size=5),
    comma=COMMAS,
    colon=COLONS,
    plain=st.booleans(),
    around=st.sampled_from(["", " ", "\n\t"]),
)
@settings(max_examples=500)
def test_the_outer_object_is_told_exactly_by_its_own_keys(
    pairs: list[tuple[str, Any]], comma: str, colon: str, plain: bool, around: str
) -> None:
    text = (around + written(tuple(pairs), comma, colon, plain=plain) + around).encode()
    keys = [key for key, _ in pairs]

    found = repeated_key(text, FIELDS.decode(text))

    assert (found is not None) == (len(set(keys)) < len(keys))


def test_a_key_of_a_million_escapes_is_read_without_being_multiplied() -> None:
    text = b'{"' + rb"\n" * 1_000_000 + b'":1,"a":1}'
    fields = FIELDS.decode(text)

    tracemalloc.start()
    try:
        found = repeated_key(text, fields)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found is None
    assert peak < 8 * 1024 * 1024


@given(items=st.lists(VALUES, max_size=12), most=st.integers(1, 4))
def test_a_list_is_too_long_exactly_if_it_has_more_items(items: list[object], most: int) -> None:
    assert more_items_than(most, json.dumps(items).encode()) == (len(items) > most)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b",,,,", b"[", b"[1,NaN,1,1]", b'{"a":[1,2,3,4]}', b"[" * 100_000 + b",,,"]
)
def test_what_is_no_list_or_broken_early_is_not_too_long(text: bytes) -> None:
    assert not more_items_than(2, text)


@given(given_lines=st.lists(st.sampled_from([b"", b" ", b"{}", b' {"a":1}', b"\r", b"{}\r"]), max_size=12))
def test_only_lines_that_hold_something_count(given_lines: list[bytes]) -> None:
    found = [line.strip() for line in lines(b"\n".join(given_lines))]

    assert found == [line.strip() for line in given_lines if line.strip()]


@pytest.mark.parametrize("end", [b"0]", b"NaN]", b""])
def test_millions_of_items_are_seen_without_being_held(end: bytes) -> None:
    body = b"[" + b"0," * 4_000_000 + end

    tracemalloc.start()
    try:
        found = more_items_than(10_000, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert found
    assert peak < 32 * 1024 * 1024
