"""Writes that may be repeated: with an Idempotency-Key a write derives the ids of what it makes from it."""

from typing import Annotated, Final
from uuid import uuid4

from fastapi import Depends, Header
from starlette.requests import Request

from cskit.auth import Principal
from cskit.errors import Invalid
from cskit.http.access import PRINCIPAL
from csmodels.ids import derived_id

HEADER: Final = "Idempotency-Key"


def idempotent_id(principal: Principal | None, request_path: str, key_header: str | None, *parts: str) -> str:
    """The id of one thing a write makes; `parts` tell apart several of one request.

    With a key, the same source, actor, path, key and parts give the same id for ever, so that a repeat makes the same
    event and the log's dedup drops it. Without one the id is random. Invalid for a key that is not 1 to 255 printable
    ASCII characters. `principal` is None where a token in the path stands for the caller.
    """
    if key_header is None:
        return str(uuid4())
    if not (1 <= len(key_header) <= 255 and key_header.isascii() and key_header.isprintable()):
        raise Invalid("invalid_idempotency_key", f"{HEADER} has 1 to 255 printable ASCII characters.", field=HEADER)
    caller = (principal.source, principal.actor or "") if principal else ("", "")
    return derived_id("write", *caller, request_path, key_header, *parts)


class WriteIds:
    """Ids for what one request makes: `ids()`, `ids("note")`. Call it in the endpoint, where the caller is known."""

    def __init__(self, request: Request, key: str | None) -> None:
        self._request = request
        self._key = key

    @property
    def repeatable(self) -> bool:
        """Whether the request carries an Idempotency-Key."""
        return self._key is not None

    def __call__(self, *parts: str) -> str:
        principal: Principal | None = self._request.scope.get(PRINCIPAL)
        return idempotent_id(principal, f"{self._request.method} {self._request.url.path}", self._key, *parts)


async def _write_ids(
    request: Request,
    key: Annotated[
        str | None, Header(alias=HEADER, description="The same key makes the same thing once, however often it is sent")
    ] = None,
) -> WriteIds:
    ids = WriteIds(request, key)
    ids()  # a bad key is refused before anything is done
    return ids


WriteId = Annotated[WriteIds, Depends(_write_ids)]
