"""Addresses that people enter for endpoints."""

import asyncio
from collections.abc import Sequence
from typing import Final

import httpx

from cskit.errors import Invalid
from cskit.guard import RefusedAddress, checked_address

LONGEST: Final = 2048
LAST_PORT: Final = 65_535
_RESOLVE_WITHIN: Final = 5.0


async def check_address(url: str, allow: Sequence[str]) -> None:
    """Raise Invalid unless `url` is http(s), holds no user or password, and leads to an address that may be reached.

    The guard looks again at every attempt: what a name resolves to may change.
    """
    parsed = _parsed(url)
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        async with asyncio.timeout(_RESOLVE_WITHIN):
            await checked_address(parsed.host, port, allow)
    except RefusedAddress as error:
        raise Invalid("refused_address", str(error), field="url") from None
    except (OSError, TimeoutError):
        raise Invalid("unknown_host", f"“{parsed.host}” has no address that can be found.", field="url") from None


def origin(url: str) -> str:
    """Scheme, host and port; what follows may hold a secret."""
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode()}"


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # decodes an international name, or cannot
    except (httpx.InvalidURL, ValueError):
        parsed, host = httpx.URL(""), ""
    if parsed.scheme not in ("http", "https") or not host or (parsed.port or 0) > LAST_PORT:
        raise Invalid("invalid_url", "Enter a whole address that begins with https:// or http://.", field="url")
    if parsed.userinfo:
        raise Invalid("invalid_url", "Leave the user and password out of the address.", field="url")
    return parsed
