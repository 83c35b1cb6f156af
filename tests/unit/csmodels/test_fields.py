"""A time on the wire is an RFC 3339 time, whether it is read the short way or by the pattern."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmodels.fields import utc_time

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
TIMES = ("2026-11-24T18:00:00Z", "2026-11-24T18:00:00.123Z", "2026-02-30T18:00:00.123456Z", "2026-11-24T18:00:00+09:00")


@st.composite
def nearly_times(draw: st.DrawFn) -> str:
    """A time with up to three characters changed."""
    text = list(draw(st.sampled_from(TIMES)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text) - 1))
        text[at : at + draw(st.integers(0, 1))] = draw(st.sampled_from(["", *"0123456789-:TZtz.+ W,٣a"]))
        text = text or ["x"]
    return "".join(text)


@given(nearly_times())
def test_a_text_is_a_time_only_if_the_pattern_and_the_calendar_say_so(text: str) -> None:
    if RFC3339.fullmatch(text) is None:
        with pytest.raises(ValueError, match="RFC 3339"):
            utc_time(text)
        return
    try:
        wanted = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except ValueError:
        with pytest.raises(ValueError):
            utc_time(text)
    else:
        found = utc_time(text)

        assert (found, found.utcoffset()) == (wanted, timedelta(0))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-06-30T23:59:60Z", "^is a leap second, which is not known here; write :59 for :60$"),
        ("2026-07-01T08:59:60.5+09:00", "leap second"),
        ("2026-02-30T00:00:00Z", "^is no moment of the calendar: day"),
        ("2026-06-30T24:01:00Z", "^is no moment of the calendar: "),
    ],
)
def test_what_the_calendar_does_not_have_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        utc_time(text)
