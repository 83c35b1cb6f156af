"""What the answer to an attempt means, for the effect and for its endpoint. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cskit.webhooks import LONGEST_WAIT, Attempt, next_attempt
from playbook.effects.endpoint import Disabled

GIVE_UP_AFTER: Final = timedelta(days=5)  # of an endpoint that takes nothing
SHORTEST_THROTTLE: Final = timedelta(seconds=5)
_THROTTLING: Final = frozenset({429, 502, 503, 504})


class Failed(StrEnum):
    """Why an effect was given up."""

    ATTEMPTS = "attempts_exhausted"  # the schedule is through
    GONE = "endpoint_gone"  # the endpoint answered 410
    FAILING = "endpoint_failing"  # the endpoint took nothing for five days
    DELETED = "endpoint_deleted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Delivered, given up (`failed`), or to be sent again after `again`; and how the endpoint stands now."""

    delivered: bool
    failed: Failed | None
    again: timedelta | None
    failing_since: datetime | None
    throttled_until: datetime | None = None
    disabled: Disabled | None = None


def judge(attempt: int, answer: Attempt, failing_since: datetime | None, jitter: float, now: datetime) -> Verdict:
    """Attempt number `attempt` (0 first) of an effect ended so; `jitter` in -1..1 moves the next one by up to 20 %."""
    if answer.ok:
        return Verdict(delivered=True, failed=None, again=None, failing_since=None)
    since = failing_since or now
    if answer.gone:
        return Verdict(False, Failed.GONE, None, since, disabled=Disabled.GONE)
    if now - since >= GIVE_UP_AFTER:
        return Verdict(False, Failed.FAILING, None, since, disabled=Disabled.FAILING)
    again = next_attempt(attempt + 1, answer.retry_after, jitter)
    throttled = now + _throttle(answer) if answer.status in _THROTTLING else None
    return Verdict(False, Failed.ATTEMPTS if again is None else None, again, since, throttled)


def _throttle(answer: Attempt) -> timedelta:
    """How long nothing at all goes to the endpoint."""
    asked = timedelta(seconds=min(answer.retry_after or 0.0, LONGEST_WAIT.total_seconds()))
    return max(asked, SHORTEST_THROTTLE)
