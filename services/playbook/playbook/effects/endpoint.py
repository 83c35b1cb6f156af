"""An endpoint and its secrets as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

from cskit.webhooks import new_secret

OVERLAP: Final = timedelta(hours=24)  # how long the secret before signs along
Subscription = Literal["task.created", "task.changed", "task.completed", "task.overdue"]  # what goes to "*"
TEST: Final = "webhook.test"


class Status(StrEnum):
    """Whether anything is sent to an endpoint."""

    ACTIVE = "active"
    DISABLED = "disabled"


class Disabled(StrEnum):
    """Why an endpoint is disabled."""

    GONE = "gone"  # it answered 410
    FAILING = "failing"  # nothing got through for five days
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret; one that was replaced signs until `until`. `write` is the request that made it."""

    text: str = field(repr=False)
    write: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where webhooks go. `secrets` has the newest first."""

    id: str
    url: str
    secrets: tuple[Secret, ...]
    types: tuple[str, ...]
    owner: str | None
    status: Status
    write_id: str
    created_at: datetime
    reason: Disabled | None = None
    failing_since: datetime | None = None
    throttled_until: datetime | None = None

    def signing(self, now: datetime) -> Sequence[str]:
        """The texts of the secrets that sign now, at least one."""
        return [secret.text for secret in self.secrets if secret.until is None or now < secret.until]


def enabled(endpoint: Endpoint) -> Endpoint:
    """The endpoint, to be sent to again."""
    return replace(endpoint, status=Status.ACTIVE, reason=None, failing_since=None, throttled_until=None)


def disabled(endpoint: Endpoint, reason: Disabled) -> Endpoint:
    """The endpoint, not to be sent to."""
    return replace(endpoint, status=Status.DISABLED, reason=reason)


def fresh_secret(write: str) -> Secret:
    """A new secret, made by this request."""
    return Secret(new_secret(), write)


def rotated(secrets: Sequence[Secret], write: str, now: datetime) -> tuple[Secret, ...]:
    """A new secret in front of those that still sign; a repeat of the same request changes nothing."""
    if secrets[0].write == write:
        return tuple(secrets)
    older = [secret for secret in secrets[1:] if secret.until is not None and now < secret.until]
    return (fresh_secret(write), Secret(secrets[0].text, secrets[0].write, now + OVERLAP), *older)


def secrets_to_json(secrets: Sequence[Secret]) -> list[dict[str, Any]]:
    """As they are stored."""
    return [
        {"text": each.text, "write": each.write, "until": each.until.isoformat() if each.until else None}
        for each in secrets
    ]


def secrets_from_json(stored: Sequence[Mapping[str, Any]]) -> tuple[Secret, ...]:
    """As they were stored."""
    return tuple(
        Secret(each["text"], each["write"], datetime.fromisoformat(each["until"]) if each["until"] else None)
        for each in stored
    )
