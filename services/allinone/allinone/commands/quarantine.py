"""kizashi quarantine: the events that wait for an account, over HTTP."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from allinone.commands.calls import call, one_by_one, server_client
from cskit.settings import Settings

_INGEST: Final = "ingest"
_PATH: Final = "/v1/quarantine"


def list_events(settings: Settings, source: str | None, user: str | None, limit: int) -> list[dict[str, Any]]:
    """The events that wait longest, of a source and a user if given."""
    asked = {name: value for name, value in (("source", source), ("user", user)) if value is not None}
    with server_client(settings, _INGEST) as client:
        events: list[dict[str, Any]] = call(client, "GET", _PATH, params={**asked, "limit": limit})["items"]
    return events


def show_event(settings: Settings, event: int) -> dict[str, Any]:
    """One event with the reason why it waits."""
    with server_client(settings, _INGEST) as client:
        found: dict[str, Any] = call(client, "GET", f"{_PATH}/{event}")
    return found


def in_lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Its fields as names and texts; each call that would release it is a line that can be copied."""
    for name, value in found.items():
        if name != "released_by":
            yield name, str(value)
    for one in found["released_by"]:
        yield "released by", f"{one['call']} {json.dumps(one['body'], ensure_ascii=False)}"


def discard_events(settings: Settings, events: Sequence[int]) -> tuple[int, list[str]]:
    """Discard these, one by one: how many are gone, and why others are not."""
    with server_client(settings, _INGEST) as client:
        gone, refused = one_by_one(events, lambda event: int(call(client, "DELETE", f"{_PATH}/{event}")["discarded"]))
    return sum(gone), refused


def discard_all(settings: Settings, source: str | None, user: str | None) -> int:
    """Discard all of a source, of a user; how many are gone."""
    with server_client(settings, _INGEST) as client:
        return int(call(client, "POST", f"{_PATH}/discard", json={"source": source, "user": user})["discarded"])
