"""How much a key may send: a rate with a burst (GCRA), and a quota a day. In memory: each replica counts for itself, so
that n replicas let n times as much through.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cskit.errors import Unavailable

_HELD: Final = 10_000  # keys; who was not seen for longest begins anew


@dataclass(frozen=True, slots=True)
class Limit:
    """Events per second on the long run, as many at once as `burst`, and per UTC day if daily is given; all above 0."""

    rate: float
    burst: int
    daily: int | None = None

    @property
    def window(self) -> float:
        """Seconds after which a burst is free again."""
        return self.burst / self.rate


@dataclass(slots=True)
class _Account:
    full_at: float = 0.0  # seconds of the wall clock: when nothing of the burst is taken any more
    day: date = date.min
    taken: int = 0  # on that day


class Limits:
    """Counts by key. A request of more than the burst is let through when nothing of the burst is taken."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def charge(self, key: str, limit: Limit, cost: int, now: datetime) -> Mapping[str, str]:
        """Take `cost` events; the RateLimit headers of the answer. Unavailable (429) if they are too many, and then
        nothing is taken.
        """
        account = self._accounts.setdefault(key, _Account())
        self._accounts.move_to_end(key)
        while len(self._accounts) > _HELD:
            self._accounts.popitem(last=False)
        seconds = now.timestamp()
        today = now.astimezone(UTC).date()
        if account.day != today:
            account.day, account.taken = today, 0
        if limit.daily is not None and account.taken + cost > limit.daily:
            left = max(limit.daily - account.taken, 0)
            tomorrow = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
            raise Unavailable(
                "quota_exceeded",
                f"{cost} events are more than the {left} of {limit.daily} that this key has left today (UTC).",
                retry_after=tomorrow.timestamp() - seconds,
                status=429,
            )
        wanted = min(cost, limit.burst) / limit.rate
        full_at = max(account.full_at, seconds) + wanted
        wait = full_at - seconds - limit.window
        if wait > 1e-6:
            raise Unavailable(
                "rate_limited",
                f"This key may send {limit.rate:g} events per second, and {limit.burst} at once. Send it again later.",
                retry_after=wait,
                status=429,
            )
        account.full_at = max(account.full_at, seconds) + cost / limit.rate
        account.taken += cost
        return _headers(limit, account, seconds)


def _headers(limit: Limit, account: _Account, seconds: float) -> Mapping[str, str]:
    """As draft-ietf-httpapi-ratelimit-headers has them: r is what is left, t when it is whole again."""
    busy = max(account.full_at - seconds, 0.0)
    left = max(int(limit.burst - busy * limit.rate), 0)
    policies = [f'"burst";q={limit.burst};w={max(round(limit.window), 1)}']
    states = [f'"burst";r={left};t={round(busy)}']
    if limit.daily is not None:
        policies.append(f'"day";q={limit.daily};w=86400')
        states.append(f'"day";r={limit.daily - account.taken}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}
