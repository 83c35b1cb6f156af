"""How much a key may send."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cskit.errors import Unavailable
from cskit.limits import Limit, Limits

NOW = datetime(2026, 3, 10, 23, 59, 50, tzinfo=UTC)
LIMIT = Limit(rate=10, burst=100)


def test_a_burst_is_let_through_and_one_more_is_told_when_to_come_again() -> None:
    limits = Limits()

    headers = limits.charge("k", LIMIT, 100, NOW)
    with pytest.raises(Unavailable) as refused:
        limits.charge("k", LIMIT, 5, NOW)

    assert headers == {"RateLimit-Policy": '"burst";q=100;w=10', "RateLimit": '"burst";r=0;t=10'}
    assert (refused.value.status, refused.value.code) == (429, "rate_limited")
    assert refused.value.retry_after == pytest.approx(0.5)
    limits.charge("k", LIMIT, 5, NOW + timedelta(seconds=0.5))


def test_a_request_beyond_the_burst_comes_through_when_nothing_is_taken_and_is_paid_for() -> None:
    limits = Limits()

    limits.charge("k", LIMIT, 300, NOW)

    with pytest.raises(Unavailable) as refused:
        limits.charge("k", LIMIT, 1, NOW)
    assert refused.value.retry_after == pytest.approx(20.1)


def test_keys_do_not_count_for_each_other() -> None:
    limits = Limits()
    limits.charge("a", LIMIT, 100, NOW)

    limits.charge("b", LIMIT, 100, NOW)


def test_a_quota_ends_with_the_day() -> None:
    limits = Limits()
    limit = Limit(rate=1000, burst=1000, daily=50)
    headers = limits.charge("k", limit, 40, NOW)

    with pytest.raises(Unavailable) as refused:
        limits.charge("k", limit, 11, NOW)

    assert headers["RateLimit"].endswith('"day";r=10')
    assert (refused.value.status, refused.value.code) == (429, "quota_exceeded")
    assert refused.value.retry_after == pytest.approx(10)
    limits.charge("k", limit, 50, NOW + timedelta(seconds=10))


@given(
    costs=st.lists(st.tuples(st.integers(1, 60), st.floats(0, 3)), max_size=60),
    rate=st.integers(1, 50),
    burst=st.integers(60, 200),
)
def test_never_more_passes_than_the_burst_and_the_rate_since_the_first(
    costs: list[tuple[int, float]], rate: int, burst: int
) -> None:
    limits = Limits()
    passed, at = 0, NOW

    for cost, pause in costs:
        at += timedelta(seconds=pause)
        try:
            limits.charge("k", Limit(rate, burst), cost, at)
        except Unavailable as refused:
            at += timedelta(seconds=refused.retry_after + 0.001)
            limits.charge("k", Limit(rate, burst), cost, at)
        passed += cost

    assert passed <= burst + rate * (at - NOW).total_seconds() + 1
