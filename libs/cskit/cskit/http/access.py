"""Who calls, and whether the key's scopes allow it."""

import base64
import binascii
from typing import Annotated, Any, Final

from fastapi import Security
from fastapi.params import Security as SecurityParam
from fastapi.security import APIKeyHeader
from starlette.requests import Request

from cskit.auth import ACTOR_HEADER, SCOPES, Keys, Principal
from cskit.errors import Forbidden, Unauthorized

PRINCIPAL: Final = "kizashi.principal"  # where the caller is left in the scope, for the log and for WriteId
_SCHEME: Final = APIKeyHeader(
    name="Authorization",
    scheme_name="key",
    auto_error=False,
    description="`Bearer kz_...`, or Basic with the key as the user name",
)


def requires(scope: str) -> Any:
    """A dependency for `Annotated[Principal, requires("read")]`.

    Answers 401 without a valid key, 403 without the scope. ValueError if there is no such scope.
    """
    if scope not in SCOPES:
        raise ValueError(f"there is no scope {scope!r}; there are: {', '.join(SCOPES)}")

    async def caller(request: Request, _: Annotated[str | None, Security(_SCHEME)] = None) -> Principal:
        return principal_of(request, scope)

    return SecurityParam(caller)


def principal_of(request: Request, scope: str, *, key: str | None = None) -> Principal:
    """The caller, who has `scope`. For plain Starlette routes. Raises Unauthorized or Forbidden.

    `key` is one that the body holds, as some SDKs send it; it counts if the header has none.
    """
    keys: Keys = request.app.state.keys
    text = key_of(request.headers.get("authorization")) or key
    if text is None:
        raise Unauthorized("missing_key", "This needs a key: send the header “Authorization: Bearer kz_...”.")
    principal = keys.verify(text, request.headers.get(ACTOR_HEADER))
    if principal is None:
        raise Unauthorized(
            "invalid_key",
            "This key is not known here, was revoked or has expired. Make a new one with `kizashi keys new`.",
        )
    request.scope[PRINCIPAL] = principal
    if not principal.has(scope):
        raise Forbidden(
            "missing_scope",
            f"The key “{principal.name}” lacks the scope “{scope}”: `kizashi keys new NAME --scope {scope}` makes one.",
            extra={"scope": scope},
        )
    return principal


def key_of(header: str | None) -> str | None:
    """The key in an Authorization header: a Bearer token, or the user name of Basic. None if there is none."""
    kind, _, rest = (header or "").strip().partition(" ")
    if kind.lower() == "bearer":
        return rest.strip() or None
    if kind.lower() != "basic":
        return None
    try:
        name, _, _ = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name or None
