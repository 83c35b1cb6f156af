"""When a family of events is a dead feed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.domain.hours import HOUR
from ingest.domain.watch import ENOUGH, LEAST_SILENCE, LOOK_BACK, Silence, silence

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEKS = 4
DAY = timedelta(days=1)

patterns = st.sets(st.integers(0, 167), min_size=1)  # hours of the week


def office(end: datetime) -> list[datetime]:
    """An event in every hour from nine to six, Monday to Friday, before `end`."""
    first = MONDAY - WEEKS * 7 * DAY
    hours = [first + n * HOUR for n in range((end - first) // HOUR)]
    return [hour for hour in hours if hour.weekday() < 5 and 9 <= hour.hour < 18]


def found(seen: list[datetime], now: datetime) -> Silence:
    silent = silence(seen, now)
    assert silent is not None
    return silent


def weekly(pattern: set[int], weeks: int = WEEKS) -> list[datetime]:
    """Events in these hours of each of so many weeks before MONDAY."""
    return [MONDAY - timedelta(weeks=week) + slot * HOUR for week in range(1, weeks + 1) for slot in sorted(pattern)]


@pytest.mark.parametrize("hours", range(0, 7 * 24 + 9, 3))
def test_a_night_or_a_weekend_is_no_alarm(hours: int) -> None:
    now = MONDAY + hours * HOUR

    silent = found(office(now), now)

    assert not silent.is_dead


def test_six_silent_hours_of_work_are_a_dead_feed() -> None:
    seen = office(MONDAY + 12 * HOUR)  # the last event on Monday before noon

    before = found(seen, MONDAY + 17 * HOUR + timedelta(minutes=59))
    after = found(seen, MONDAY + 18 * HOUR)

    assert not before.is_dead
    assert after == Silence(hours=6, allowed=6, since=MONDAY + 12 * HOUR)
    assert after.is_dead


def test_a_silence_over_the_night_goes_on_in_the_morning() -> None:
    seen = office(MONDAY + 15 * HOUR)

    evening = found(seen, MONDAY + 23 * HOUR)
    morning = found(seen, MONDAY + DAY + 12 * HOUR)

    assert (evening.hours, evening.is_dead) == (3, False)
    assert (morning.hours, morning.is_dead) == (6, True)


def test_a_quiet_family_may_be_silent_for_longer() -> None:
    seen = [MONDAY - n * 8 * HOUR for n in range(1, 3 * 21)]  # every eight hours
    seen += [hour - 3 * HOUR for hour in seen[::2]]

    silent = found(seen, MONDAY + 10 * HOUR)

    assert silent.allowed > LEAST_SILENCE


def test_a_family_whose_rhythm_is_unknown_is_not_judged() -> None:
    seen = [MONDAY + n * HOUR for n in range(24 * 13)]

    assert silence(seen, MONDAY + ENOUGH - timedelta(minutes=1)) is None
    assert silence([], MONDAY) is None


def test_what_is_older_than_four_weeks_says_nothing() -> None:
    old = [MONDAY - LOOK_BACK - n * HOUR for n in range(1, 500)]

    assert silence(old, MONDAY) is None


@given(patterns)
def test_a_family_that_keeps_its_rhythm_is_never_dead(pattern: set[int]) -> None:
    seen = weekly(pattern)
    upcoming = [MONDAY + slot * HOUR for slot in sorted(pattern)]

    silences = [
        silence(seen + [hour for hour in upcoming if hour < MONDAY + n * HOUR], MONDAY + n * HOUR) for n in range(168)
    ]

    assert not any(each is not None and each.is_dead for each in silences)


@given(st.sets(st.integers(0, 167), min_size=30))
def test_a_family_that_had_a_rhythm_is_found_dead_within_two_weeks(pattern: set[int]) -> None:
    seen = weekly(pattern)

    silent = silence(seen, MONDAY + timedelta(weeks=2))

    assert silent is not None
    assert silent.is_dead


@given(patterns, st.integers(0, 14 * 24))
def test_silence_only_grows_until_an_event_ends_it(pattern: set[int], hours: int) -> None:
    seen, now = weekly(pattern), MONDAY + hours * HOUR

    first, later = silence(seen, now), silence(seen, now + HOUR)
    ended = silence([*seen, now + HOUR], now + HOUR)

    if first is not None and later is not None and now - LOOK_BACK <= min(seen) - HOUR:
        assert first.hours <= later.hours <= first.hours + 1
        assert first.since == later.since
    assert ended is None or (ended.hours == 0 and not ended.is_dead)


@given(patterns, st.randoms())
def test_the_order_of_the_hours_and_repeats_are_the_same_to_it(pattern: set[int], random: object) -> None:
    seen = weekly(pattern)
    mixed = seen + seen[::3]
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert silence(mixed, MONDAY + 20 * HOUR) == silence(seen, MONDAY + 20 * HOUR)
