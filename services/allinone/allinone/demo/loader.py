"""The process that makes the past and sends it: `python -m allinone.demo.loader`, which only history.py starts.

Two lines of JSON come in: first what the world is made from, then, once the server runs, where it is and the key. One
line goes out per step: {"total": events}, {"sent": events so far}, ..., or {"failed": why}. It takes a processor of
its own, and speaks to the server as any client does.
"""

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from csworld import make_world

MOST_EVENTS: Final = 2_000  # of a batch
MOST_BYTES: Final = 480_000  # of a batch; ingest takes 500 KB
CONNECTIONS: Final = 3
_TIMEOUT: Final = 120.0  # seconds, on a machine that has much to do
_HEAD, _BETWEEN, _TAIL = b'{"events":[', b",", b"]}"


class Refused(Exception):
    """The server did not take all events of a batch; the text says what it said of the first."""


def batches(items: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, bytes]]:
    """Bodies of POST /v1/events, each with how many events it holds: account after account, by time within one.

    Scoring scores each account of a batch once: so it scores few, and early accounts are whole early.
    """
    by_account: dict[str, list[bytes]] = {}
    for item in items:
        text = json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
        by_account.setdefault(item.get("account") or item["user"], []).append(text)
    chunk: list[bytes] = []
    size = 0
    for texts in by_account.values():
        for text in texts:
            if chunk and (len(chunk) == MOST_EVENTS or size + len(text) > MOST_BYTES):
                yield len(chunk), _HEAD + _BETWEEN.join(chunk) + _TAIL
                chunk, size = [], 0
            chunk.append(text)
            size += len(text) + len(_BETWEEN)
    if chunk:
        yield len(chunk), _HEAD + _BETWEEN.join(chunk) + _TAIL


async def send(bodies: Sequence[tuple[int, bytes]], url: str, key: str) -> None:
    """Send all batches over a few connections, and report each. Raises Refused, httpx.HTTPError."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    rest = iter(bodies)
    sent = 0
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False) as client:

        async def one() -> None:
            nonlocal sent
            for count, body in rest:
                answer = await client.post("/v1/events", content=body)
                check(answer.status_code, answer.content, count)
                sent += count
                tell(sent=sent)

        await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


def check(status: int, body: bytes, count: int) -> None:
    """Raises Refused unless all `count` events were accepted."""
    if status != 200:
        raise Refused(f"The server answered {status}: {body[:300].decode(errors='replace')}")
    said = json.loads(body)
    if said["accepted"] != count:
        first = next((each for each in said["items"] if each["status"] not in ("accepted", "duplicate")), said)
        raise Refused(f"Of {count} events {said['accepted']} were accepted. The first that was not: {first}")


def tell(**said: object) -> None:
    """A line for the process that started this one."""
    print(json.dumps(said), flush=True)


def main() -> int:
    """Make, wait for the server, send."""
    wanted = json.loads(sys.stdin.readline())
    now = datetime.fromisoformat(wanted["now"])
    world = make_world(wanted["seed"], accounts=wanted["accounts"], days=wanted["days"], now=now)
    bodies = list(batches(world.history()))
    tell(total=sum(count for count, _ in bodies))
    line = sys.stdin.readline()
    if not line:
        return 1  # whoever started this has ended
    server = json.loads(line)
    try:
        asyncio.run(send(bodies, server["url"], server["key"]))
    except (Refused, httpx.HTTPError) as error:
        tell(failed=str(error) or type(error).__name__)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
