"""What an answer means for an effect and its endpoint."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cskit.webhooks import SCHEDULE, Attempt
from playbook.effects.endpoint import Disabled
from playbook.effects.verdict import GIVE_UP_AFTER, Failed, judge

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
JITTERS = st.floats(-1, 1)
STATUSES = st.one_of(st.none(), st.integers(300, 599))


def answered(status: int | None, retry_after: float | None = None) -> Attempt:
    ok = status is not None and 200 <= status < 300
    return Attempt(status, ok, status == 410, retry_after, None if ok else "no", 0.1)


def test_a_2xx_delivers_and_ends_the_failing_of_the_endpoint() -> None:
    verdict = judge(3, answered(204), NOW - timedelta(days=4), 0.0, NOW)

    assert verdict.delivered
    assert (verdict.failed, verdict.failing_since, verdict.disabled) == (None, None, None)


def test_a_410_gives_up_at_once_and_disables_the_endpoint() -> None:
    verdict = judge(0, answered(410), None, 0.0, NOW)

    assert (verdict.failed, verdict.disabled) == (Failed.GONE, Disabled.GONE)


def test_an_endpoint_that_took_nothing_for_five_days_is_disabled() -> None:
    before = judge(0, answered(500), NOW - GIVE_UP_AFTER + timedelta(seconds=1), 0.0, NOW)
    after = judge(0, answered(500), NOW - GIVE_UP_AFTER, 0.0, NOW)

    assert (before.failed, before.disabled) == (None, None)
    assert (after.failed, after.disabled) == (Failed.FAILING, Disabled.FAILING)


def test_the_first_failure_is_remembered_and_later_ones_do_not_move_it() -> None:
    first = judge(0, answered(None), None, 0.0, NOW)
    second = judge(1, answered(500), first.failing_since, 0.0, NOW + timedelta(hours=1))

    assert first.failing_since == second.failing_since == NOW


def test_429_and_bad_gateways_throttle_the_endpoint_and_a_500_does_not() -> None:
    throttled = {status: judge(0, answered(status), None, 0.0, NOW).throttled_until for status in (429, 502, 504, 500)}

    soon = NOW + timedelta(seconds=5)
    assert throttled == {429: soon, 502: soon, 504: soon, 500: None}


def test_a_retry_after_moves_the_effect_and_the_endpoint() -> None:
    verdict = judge(0, answered(429, retry_after=120), None, -1.0, NOW)

    assert verdict.again == timedelta(seconds=120)
    assert verdict.throttled_until == NOW + timedelta(seconds=120)


@given(STATUSES, JITTERS)
def test_a_failure_is_tried_again_through_the_whole_schedule_and_then_given_up(
    status: int | None, jitter: float
) -> None:
    verdicts = [judge(n, answered(status), NOW, jitter, NOW) for n in range(len(SCHEDULE))]

    if status == 410:
        assert {verdict.failed for verdict in verdicts} == {Failed.GONE}
        return
    assert [verdict.failed for verdict in verdicts] == [None] * (len(SCHEDULE) - 1) + [Failed.ATTEMPTS]
    waits = [verdict.again for verdict in verdicts[:-1]]
    for wait, planned in zip(waits, SCHEDULE[1:], strict=True):
        assert wait is not None
        assert planned * 0.8 <= wait <= planned * 1.2


@given(st.integers(0, 20), STATUSES, st.one_of(st.none(), st.floats(0, 1e9)), JITTERS, st.integers(0, 10**7))
def test_every_failure_is_either_given_up_or_tried_again_within_a_day(
    attempt: int, status: int | None, retry_after: float | None, jitter: float, failing: int
) -> None:
    verdict = judge(attempt, answered(status, retry_after), NOW - timedelta(seconds=failing), jitter, NOW)

    assert not verdict.delivered
    assert (verdict.failed is None) == (verdict.again is not None)
    assert verdict.again is None or timedelta(0) < verdict.again <= timedelta(hours=24)
    assert verdict.disabled is None or verdict.failed is not None
