"""Who calls, and whether the key allows it: by its scopes, and by where a request with it may come from."""

import base64
import contextlib
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Security
from fastapi.params import Security as SecurityParam
from fastapi.security import APIKeyHeader
from starlette.requests import Request

from cskit.auth import ACTOR_HEADER, SCOPES, SOURCE_HEADER, Keys, Principal
from cskit.errors import Forbidden, Invalid, Unauthorized
from csmodels.ids import is_wire_id

_SHOWN: Final = 200  # characters of an origin, in an answer
PRINCIPAL: Final = "kizashi.principal"  # where the caller is left in the scope, for the log and for WriteId
_KEY, _ORIGIN, _SITE = b"authorization", b"origin", b"sec-fetch-site"
_ACTOR, _SOURCE = ACTOR_HEADER.lower().encode(), SOURCE_HEADER.lower().encode()
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


def principal_of(request: Request, scope: str, *, key: str | None = None, for_pages: bool = False) -> Principal:
    """The caller, who has `scope`. For plain Starlette routes. Raises Unauthorized, Forbidden or Invalid.

    `key` is one that the body holds, as some SDKs send it; it counts if the header has none. `for_pages`: the route is
    one that pages may send to. Browser keys are good there alone, from their own origins, and server keys only in
    requests that no page has sent.
    """
    keys: Keys = request.app.state.keys
    said = dict(reversed(request.scope["headers"]))  # by request.headers each look-up would walk through all of them
    text = key_of(_text(said, _KEY)) or key
    if text is None:
        raise Unauthorized("missing_key", "This needs a key: send the header “Authorization: Bearer kz_...”.")
    principal = keys.verify(text, _actor(said), _text(said, _SOURCE))
    if principal is None:
        raise Unauthorized(
            "invalid_key",
            "This key is not known here, was revoked or has expired. Make a new one with `kizashi keys new`.",
        )
    request.scope[PRINCIPAL] = principal
    if for_pages:
        _check_origin(principal, _text(said, _ORIGIN), _text(said, _SITE))
    elif principal.origins:
        raise Forbidden(
            "browser_key",
            f"The key “{principal.name}” is for browsers and only sends events. "
            f"Use a server's here: `kizashi keys new NAME --scope {scope}` makes one.",
        )
    if not principal.has(scope):
        raise Forbidden(
            "missing_scope",
            f"The key “{principal.name}” lacks the scope “{scope}”: `kizashi keys new NAME --scope {scope}` makes one.",
            extra={"scope": scope},
        )
    return principal


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _actor(headers: Mapping[bytes, bytes]) -> str | None:
    """Who a service acts for, in UTF-8. Raises Invalid for what can be nobody's id."""
    with contextlib.suppress(UnicodeDecodeError):
        actor = headers.get(_ACTOR, b"").decode()
        if not actor or is_wire_id(actor):
            return actor or None
    raise Invalid(
        "invalid_actor",
        f"{ACTOR_HEADER} is no staff id: 1 to 128 characters in UTF-8, no “@”, no control character.",
        field=ACTOR_HEADER,
    )


def _check_origin(principal: Principal, origin: str | None, site: str | None) -> None:
    """Raises Forbidden. Only browsers keep to it: it stops other people's pages, not their programs.

    `site` is Sec-Fetch-Site, which browsers alone send: programs, too, may name an Origin.
    """
    if principal.origins:
        if origin is None:
            raise Forbidden(
                "origin_not_allowed",
                f"The key “{principal.name}” is for browsers, and this request has no Origin. "
                "A server sends with a key of its own: `kizashi keys new NAME --scope ingest` makes one.",
                field="Origin",
            )
        if origin not in principal.origins:
            raise Forbidden(
                "origin_not_allowed",
                f"The key “{principal.name}” is not for pages of {origin[:_SHOWN]}. "
                "`kizashi keys list` shows its origins; `kizashi keys new NAME --browser --origin ...` makes another.",
                field="Origin",
            )
    elif origin is not None and site in ("cross-site", "same-site"):
        raise Forbidden(
            "server_key_in_browser",
            f"The key “{principal.name}” is a server's, and a page of {origin[:_SHOWN]} has it: whoever opens the page "
            f"can read it. Revoke it (`kizashi keys revoke {principal.key_id}`) and make one for the page: "
            "`kizashi keys new NAME --browser --origin ...`.",
            field="Origin",
        )


def key_of(header: str | None) -> str | None:
    """The key in an Authorization header: a Bearer token, or the user name of Basic. None if there is none."""
    kind, _, rest = (header or "").strip().partition(" ")
    if kind.lower() == "bearer":
        return rest.strip() or None
    if kind.lower() != "basic":
        return None
    try:
        name, _, _ = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except ValueError:  # no base64, or no text in it
        return None
    return name or None
