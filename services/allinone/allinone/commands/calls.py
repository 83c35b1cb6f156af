"""Commands that talk to the running server over HTTP."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from allinone.data_folder import running_server
from cskit.settings import Settings, SettingsError

T = TypeVar("T")
R = TypeVar("R")


class Unreachable(Exception):
    """There is no server to talk to, or it does not answer."""


class Refused(Exception):
    """The server answered no; the text is its own."""


class NotAllowed(Exception):
    """The server does not know the key, or it may not do this; the text is the server's."""


@contextmanager
def server_client(settings: Settings, service: str) -> Iterator[httpx.Client]:
    """A client of the server at KIZASHI_URL with KIZASHI_KEY; else at the service's own URL with that key or the one
    that services share; else of the server that has the data folder.
    """
    own: str | None = getattr(settings, f"{service}_url")
    if settings.url is not None:
        url, secret = settings.url, settings.key
    elif own is not None:
        url, secret = own, settings.key or settings.service_key
    else:
        found = running_server(settings.data)
        if found is None:
            raise Unreachable(
                f"No server runs on the data folder {settings.data}. Start one with `kizashi serve`, name its folder "
                "with KIZASHI_DATA, or name a server with KIZASHI_URL and KIZASHI_KEY."
            )
        url, secret = found.url, SecretStr(found.key)
    headers = {"authorization": f"Bearer {_sendable(secret)}"} if secret is not None else {}
    with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def _sendable(secret: SecretStr) -> str:
    """The key without the white space that a file or a variable may end with."""
    key = secret.get_secret_value().strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingsError("KIZASHI_KEY has characters that no key has, such as a line break. Copy it once more.")
    return key


def call(client: httpx.Client, method: str, path: str, **options: Any) -> Any:
    """The JSON answer. Raises as `said` does, and Unreachable where nobody answers."""
    try:
        answer = client.request(method, path, **options)
    except httpx.HTTPError as error:
        raise Unreachable(f"{client.base_url} does not answer: {error}. Is the server running?") from error
    return said(answer)


def said(answer: httpx.Response) -> Any:
    """The JSON of an answer. Raises Refused, NotAllowed with what the server said; Unreachable if it is no Kizashi."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.is_error:
        message = body.get("message") if isinstance(body, dict) else None
        text = str(message or f"{answer.request.url} answered {answer.status_code}.")
        raise (NotAllowed if answer.status_code in (401, 403) else Refused)(text)
    if body is None:
        raise Unreachable(f"{answer.request.url} answered, but not as Kizashi does. Is the URL right?")
    return body


def one_by_one(items: Iterable[T], do: Callable[[T], R]) -> tuple[list[R], list[str]]:
    """What came of each item, and what the server said of those that it refused: one keeps nothing from the others."""
    done: list[R] = []
    refused: list[str] = []
    for item in items:
        try:
            done.append(do(item))
        except Refused as error:
            refused.append(str(error))
    return done, refused
