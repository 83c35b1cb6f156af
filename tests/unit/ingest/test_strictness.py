"""Too many items are seen before they are held."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.strictness import lines, more_items_than

KEYS = st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


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
