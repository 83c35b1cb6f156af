"""The guard on requests to addresses that users enter: never into the operator's own network.

Resolve first, refuse every address that is not global, connect to the address that was checked, follow no redirect.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, TypeAlias

import httpx

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Not global in truth, though `is_global` of the standard library says so, at least in some versions of Python.
_REFUSED: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "64:ff9b::/96",  # NAT64: an IPv4 address inside
        "64:ff9b:1::/48",  # NAT64 of the local network
        "2001::/32",  # Teredo: an IPv4 address inside
        "2002::/16",  # 6to4: an IPv4 address inside
        "5f00::/16",  # segment routing
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated: an IPv4 address inside
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
        "192.0.0.0/24",  # of protocols, such as the NAT of a provider
        "224.0.0.0/4",  # multicast
        "192.88.99.0/24",  # 6to4 relays
    )
)


class RefusedAddress(Exception):
    """A host that must not be reached. The text is a sentence for the person who entered it."""


def is_public(address: IPAddress) -> bool:
    """Whether a server on the internet can have this address."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return address.is_global and not any(address in block for block in _REFUSED if block.version == address.version)


def check_allowed(entry: str) -> str:
    """An entry of KIZASHI_WEBHOOK_ALLOW (host, host:port or CIDR) in its usual form; ValueError if it is none."""
    text = entry.strip().lower()
    if _network(text) is not None:
        return text
    host, port = _split(text)
    if not host or any(letter in host for letter in " /@?#") or (port is not None and not 0 < port < 65536):
        raise ValueError(f"“{entry}” is neither a host, a host:port nor a CIDR such as 10.0.0.0/8")
    return text


async def checked_address(host: str, port: int, allow: Sequence[str] = ()) -> str:
    """The IP address to connect to for `host`: every address it resolves to is public, or `allow` names it.

    `allow` holds hosts, host:port pairs and CIDRs. Raises RefusedAddress, and OSError if the name does not resolve.
    """
    name = host.strip("[]").rstrip(".").lower()
    addresses = await _resolve(name, port)
    if _names(allow, name, port):
        return str(addresses[0])
    networks = [network for entry in allow if (network := _network(entry)) is not None]
    for address in addresses:
        inside = any(network.version == address.version and address in network for network in networks)
        if not inside and not is_public(address):
            raise RefusedAddress(
                f"“{host}” is at {address}, which is not a public address. An operator can allow it with "
                f"KIZASHI_WEBHOOK_ALLOW={name}:{port}."
            )
    return str(addresses[0])


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects only to addresses that passed the guard, and speaks TLS and Host for the name in the URL.

    A refusal is raised as httpx.ConnectError with the guard's sentence. No redirect is followed, no proxy is used.
    """

    def __init__(self, allow: Sequence[str] = (), inner: httpx.AsyncBaseTransport | None = None) -> None:
        self._allow = tuple(allow)
        # No connection is kept: the pool goes by address, and would carry one name's requests over another's TLS.
        self._inner = inner or httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"“{request.url.scheme}” is not http or https", request=request)
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            address = await checked_address(host, port, self._allow)
        except RefusedAddress as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except OSError as error:
            raise httpx.ConnectError(f"“{host}” has no address ({error.strerror or error})", request=request) from error
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # Host was set from the name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._inner.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _resolve(name: str, port: int) -> list[IPAddress]:
    """All addresses of a name, at least one. OSError if there is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"“{name}” is not a host name") from error
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


def _names(allow: Sequence[str], name: str, port: int) -> bool:
    return any(
        _split(entry.strip().lower()) in ((name, None), (name, port)) for entry in allow if _network(entry) is None
    )


def _network(text: str) -> IPNetwork | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _split(text: str) -> tuple[str, int | None]:
    """host, host:port, [v6] or [v6]:port; a bare v6 address is a host."""
    if text.count(":") > 1 and not text.startswith("["):
        return text, None
    host, _, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not host:
        return text.strip("[]"), None
    return host.strip("[]"), int(port) if port.isdigit() else -1
