"""kizashi dlq: what could not be handled, over HTTP."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from allinone.commands.calls import call, one_by_one, server_client
from allinone.composition import SERVICES, known_service
from cskit.settings import Settings


def service_of(letter: str) -> str:
    """The service that keeps a letter: its id starts with the consumer group, which is named like the service."""
    first, _, rest = letter.partition(":")
    return known_service(rest.partition(":")[0] if first == "outbox" else first)


def list_letters(settings: Settings, service: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest letters of one service, or of all."""
    wanted = SERVICES if service is None else (known_service(service),)
    letters: list[dict[str, Any]] = []
    for name in wanted:
        with server_client(settings, name) as client:
            letters += call(client, "GET", f"/v1/dead-letters/{name}", params={"limit": limit})["items"]
    return sorted(letters, key=lambda letter: str(letter["at"]), reverse=True)[:limit]


def show_letter(settings: Settings, letter: str) -> dict[str, Any]:
    """One letter, its body as text where it is text."""
    service = service_of(letter)
    with server_client(settings, service) as client:
        found: dict[str, Any] = call(client, "GET", f"/v1/dead-letters/{service}/{quote(letter, safe=':')}")
    body = base64.b64decode(found.pop("body") or "")
    return {**found, "length": len(body), "body": body.decode("utf-8", "backslashreplace")}


def replay_letters(settings: Settings, letters: Sequence[str]) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Append the original bytes of each letter once more: those that were, and why others were not."""
    services = {letter: service_of(letter) for letter in letters}
    return one_by_one(services, lambda letter: _replay(settings, services[letter], letter))


def _replay(settings: Settings, service: str, letter: str) -> Mapping[str, Any]:
    with server_client(settings, service) as client:
        replayed: Mapping[str, Any] = call(
            client, "POST", f"/v1/dead-letters/{service}/{quote(letter, safe=':')}/replay"
        )
    return replayed
