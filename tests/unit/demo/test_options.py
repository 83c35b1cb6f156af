"""The flags of the demo."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allinone.demo.options import parse_speed, speed_text
from cskit.errors import Invalid


@pytest.mark.parametrize(
    ("text", "seconds"), [("1h/s", 3600), ("30m/s", 1800), ("6h/s", 21_600), ("1d/s", 86_400), ("0.5h/s", 1800)]
)
def test_a_speed_is_the_time_that_passes_in_a_second(text: str, seconds: float) -> None:
    assert parse_speed(text) == seconds


@pytest.mark.parametrize("text", ["", "1h", "h/s", "0h/s", "-1h/s", "1w/s", "1h/s ", "8d/s", "nan/s", "１h/s"])
def test_what_is_no_speed_is_refused_with_examples(text: str) -> None:
    with pytest.raises(Invalid, match="30m/s, 1h/s, 1d/s"):
        parse_speed(text)


@given(st.integers(1, 7 * 86_400))
def test_a_speed_is_written_as_it_is_read(seconds: int) -> None:
    assert parse_speed(speed_text(float(seconds))) == seconds
