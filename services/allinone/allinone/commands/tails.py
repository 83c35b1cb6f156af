"""kizashi sources tail: what comes in from a source, as it comes in, over HTTP."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from allinone.commands.calls import call, server_client
from cskit.settings import Settings

EVERY_SECONDS: Final = 1.0
_ALL: Final = 100  # more than that the server does not keep
_WIDEST: Final = len("duplicate")

Item = Mapping[str, Any]


def follow(
    settings: Settings, source: str, *, lines: int, once: bool, pause: Callable[[float], None] = time.sleep
) -> Iterator[Item]:
    """The last items, at most `lines`, the oldest first; then, unless `once`, each that comes, without end.

    Asks once a second. Of more than a hundred items in a second the last hundred are told. Unreachable and Refused as
    `call` raises them.
    """
    path = f"/v1/sources/{quote(source, safe='')}/tail"
    with server_client(settings, "ingest") as client:
        found = call(client, "GET", path, params={"limit": lines})
        yield from reversed(found["items"])
        while not once:
            pause(EVERY_SECONDS)
            found = call(client, "GET", path, params={"after": found["cursor"], "limit": _ALL})
            yield from reversed(found["items"])


def as_line(item: Item) -> str:
    """When, what became of it, what it was, and why it was refused, or taken without a trait."""
    words = [item["at"], f"{item['status']:<{_WIDEST}}", item["type"] or "-", item["id"] or "-"]
    words += [f"account={item['account']}"] if item["account"] else []
    words += [f"{name}={item[name]}" for name in ("code", "field") if item[name]]
    return " ".join(words)


def as_json(item: Item) -> str:
    """The item in a line of JSON."""
    return json.dumps(item, ensure_ascii=False)
