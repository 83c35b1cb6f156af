"""Ids of repeatable writes, and cursors: pure functions."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cskit.auth import Principal
from cskit.errors import DomainError
from cskit.http import decode_cursor, encode_cursor, idempotent_id, moment_of


def test_ids_of_one_key_differ_by_source_path_and_actor() -> None:
    one = Principal("k1", "a", frozenset(), "a")
    rotated = Principal("k2", "a-new", frozenset(), "a")
    two = Principal("k3", "b", frozenset(), "b")
    actor = Principal("k1", "a", frozenset(), "a", "staff")

    ids = [idempotent_id(who, path, "key") for who in (one, two, actor, None) for path in ("/x", "/y")]

    assert len(set(ids)) == 8
    assert idempotent_id(rotated, "/x", "key") == ids[0]
    assert idempotent_id(one, "/x", None) != idempotent_id(one, "/x", None)


INTEGERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.none() | st.booleans() | INTEGERS | TEXTS | FLOATS, max_size=5))
def test_a_cursor_gives_back_what_it_was_made_of(parts: list[Any]) -> None:
    assert decode_cursor(encode_cursor(*parts)) == tuple(parts)


@pytest.mark.parametrize(
    "packed",
    [
        r'["\ud800"]',
        r'["a\u0000"]',
        f"[{2**63}]",
        f"[{-(2**63) - 1}]",
        "[1e999]",
        "[-Infinity]",
        "[NaN]",
        "[" + "9" * 1000 + "]",
        "[[]]",
        '{"a": 1}',
    ],
)
def test_what_no_database_takes_is_refused_as_a_cursor(packed: str) -> None:
    with pytest.raises(DomainError) as refused:
        decode_cursor(base64.urlsafe_b64encode(packed.encode()).rstrip(b"=").decode())

    assert refused.value.code == "invalid_cursor"


@given(st.text(max_size=60))
def test_any_other_text_is_refused_as_a_cursor(text: str) -> None:
    refused: DomainError | None = None
    try:
        decode_cursor(text)
    except DomainError as error:
        refused = error

    assert refused is None or refused.code == "invalid_cursor"


@given(st.datetimes(timezones=st.timezones()))
def test_a_moment_of_a_cursor_is_the_one_it_was_made_of_in_utc(moment: datetime) -> None:
    try:
        same = moment.astimezone(UTC)
    except OverflowError:
        return

    assert moment_of(moment.isoformat()) == same


@pytest.mark.parametrize(
    "part",
    ["2026-12-01", "2026-12-01T00:00:00", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "", 1, None],
)
def test_what_is_no_moment_in_utc_is_none_of_a_cursor(part: Any) -> None:
    with pytest.raises(DomainError) as refused:
        moment_of(part)

    assert refused.value.code == "invalid_cursor"
