"""A Kizashi that runs, as the roads need it, and what every road does with an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from allinone.commands.keys import make_key
from cskit.auth import INGEST
from cskit.settings import read_settings

_PATHS: Final = {
    "scoring": (
        *("/v1/accounts", "/v1/scorecards", "/v1/exports", "/v1/rebuilds", "/v1/metrics", "/v1/watch-list"),
        *("/v1/overrides", "/v1/segments"),
    ),
    "playbook": ("/v1/tasks", "/v1/playbooks"),
    "survey": ("/v1/surveys", "/s"),
    "console": ("/v1/sign-in-links", "/sign-in", "/accounts", "/tasks", "/sources", "/static"),
}


@dataclass(frozen=True)
class Place:
    """Where its services are, its settings, a client with all rights, and the account of the person."""

    urls: Mapping[str, str]
    environment: Mapping[str, str]
    admin: httpx.AsyncClient
    account: str

    @property
    def public_url(self) -> str:
        """Where customers and other companies find it."""
        return self.environment.get("KIZASHI_PUBLIC_URL", self.urls["ingest"])

    def key(self, source: str) -> str:
        """A key that sends events of this source."""
        return make_key(read_settings(self.environment), source, [INGEST], [source], None)

    def client(self, source: str) -> httpx.AsyncClient:
        """A client with such a key."""
        return client_of(self.urls, self.key(source))

    def stranger(self) -> httpx.AsyncClient:
        """A client without a key, such as a browser."""
        return client_of(self.urls, None)


def client_of(urls: Mapping[str, str], key: str | None) -> httpx.AsyncClient:
    """A client of all services as if they were one."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return httpx.AsyncClient(
        base_url=urls["console"], transport=_Ingress(urls), headers=headers, timeout=30, follow_redirects=True
    )


class _Ingress(httpx.AsyncBaseTransport):
    """Brings each request to the service whose path it has, as the ingress of a cluster does."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._transport = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpx.URL(self._urls[_service_of(request.url.path)])
        request.url = request.url.copy_with(scheme=url.scheme, host=url.host, port=url.port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _service_of(path: str) -> str:
    if path.startswith("/v1/dead-letters/"):
        return path.split("/")[3]
    for service, paths in _PATHS.items():
        if any(path == each or path.startswith(f"{each}/") for each in paths):
            return service
    return "console" if path == "/" else "ingest"


def checked(answer: httpx.Response) -> Any:
    """What a request that must be taken was answered."""
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json()


def checked_text(answer: httpx.Response) -> str:
    """The same, as it stands there."""
    assert answer.is_success, f"{answer.request.url}: {answer.status_code} {answer.text}"
    return answer.text


def statuses(answer: httpx.Response) -> dict[str, int]:
    """How many items of a request had which end."""
    counts: dict[str, int] = {}
    for item in checked(answer)["items"]:
        counts[item["status"]] = counts.get(item["status"], 0) + 1
    return counts
