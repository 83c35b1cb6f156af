"""Shown figures add up to the shown total."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.formats import rounded
from console.sums import shares_of

_PARTS = st.lists(st.floats(-40, 40, allow_nan=False).map(lambda part: round(part, 6)), min_size=1, max_size=18)


@given(_PARTS)
def test_shown_parts_add_up_to_the_shown_total(parts: list[float]) -> None:
    total = rounded(sum(Decimal(repr(part)) for part in parts), 1)

    shown = shares_of(parts, total) if any(parts) else [Decimal(0)]

    assert sum(shown) == total


@given(_PARTS)
def test_no_shown_part_is_a_whole_digit_away_from_its_value(parts: list[float]) -> None:
    total = rounded(sum(Decimal(repr(part)) for part in parts), 1)

    shown = shares_of(parts, total)

    assert all(abs(each - Decimal(repr(part))) <= Decimal("0.1") for each, part in zip(shown, parts, strict=True))


def test_three_equal_parts_of_a_total_share_what_is_left() -> None:
    shown = shares_of([-3.3333, -3.3333, -3.3334], Decimal("-10.0"))

    assert sorted(shown) == [Decimal("-3.4"), Decimal("-3.3"), Decimal("-3.3")]


def test_a_part_of_zero_stays_zero() -> None:
    shown = shares_of([0.0, -1.26, -1.26], Decimal("-2.5"))

    assert shown[0] == 0


def test_a_total_between_two_rounded_scores_may_be_a_digit_off_the_sum() -> None:
    shown = shares_of([-18.84, 0.0], Decimal("-18.9"))

    assert shown == [Decimal("-18.9"), Decimal(0)]


def test_parts_that_do_not_make_the_total_are_refused() -> None:
    with pytest.raises(ValueError, match="do not make"):
        shares_of([1.0, 2.0], Decimal("30.0"))
