"""Errors that have an HTTP status. Raised anywhere below an endpoint, rendered once by cskit.http."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None"


class DomainError(Exception):
    """An answer that is not a success.

    `code` is snake_case and a promise to clients; `message` says in a sentence what is wrong, where, and what to do;
    `field` names the field of the request that is at fault; `extra` is added to the problem document as it is.
    """

    status = 500

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        extra: Mapping[str, JSON] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.extra: Mapping[str, JSON] = extra or {}
        if status is not None:
            self.status = status


class NotFound(DomainError):
    """There is nothing of that name or id."""

    status = 404


class Conflict(DomainError):
    """The thing is not in a state that allows this."""

    status = 409


class Invalid(DomainError):
    """The request is understood, and its content is wrong."""

    status = 422


class Unauthorized(DomainError):
    """No key, or not a valid one."""

    status = 401


class Forbidden(DomainError):
    """The key is valid and may not do this."""

    status = 403


class TooLarge(DomainError):
    """The body, or what it unpacks to, is beyond its limit."""

    status = 413


class Unavailable(DomainError):
    """It cannot be done now. `retry_after` is in seconds and becomes the Retry-After header."""

    status = 503

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry_after: float = 1.0,
        field: str | None = None,
        extra: Mapping[str, JSON] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(code, message, field=field, extra=extra, status=status)
        self.retry_after = retry_after
