"""Posting for what has no retries of its own: the same again until it is answered well, several at once."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

AT_ONCE = 4
AGAIN_SECONDS = 0.5
TRIES = 120  # a minute


@dataclass(frozen=True, slots=True)
class Post:
    """One request. Headers are made anew for each attempt."""

    content: bytes
    headers: Callable[[], Mapping[str, str]]


class Refused(Exception):
    """The answer says that the same will never be taken."""


async def deliver(url: str, posts: Iterable[Post], **options: Any) -> None:
    """Deliver them all. Refused at the first that is not taken whole; TimeoutError if one is not answered in time."""
    waiting: asyncio.Queue[Post | None] = asyncio.Queue(maxsize=1)
    async with httpx.AsyncClient(timeout=10, trust_env=False, **options) as client, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_deliver(client, url, waiting))
        async for post in _paced(posts):
            await waiting.put(post)
        for _ in range(AT_ONCE):
            await waiting.put(None)


async def _paced(posts: Iterable[Post]) -> AsyncIterator[Post]:
    """Those that rest between two must not hold up those that are on their way."""
    each = iter(posts)
    while (post := await asyncio.to_thread(next, each, None)) is not None:
        yield post


async def _deliver(client: httpx.AsyncClient, url: str, waiting: "asyncio.Queue[Post | None]") -> None:
    while (post := await waiting.get()) is not None:
        for _ in range(TRIES):
            if await _taken(client, url, post):
                break
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            raise TimeoutError(f"not taken after {TRIES} tries")


async def _taken(client: httpx.AsyncClient, url: str, post: Post) -> bool:
    """Whether it was; False: it may be in a moment."""
    try:
        answer = await client.post(url, content=post.content, headers=dict(post.headers()))
    except httpx.HTTPError as error:
        print(f"again after {type(error).__name__}", file=sys.stderr)
        return False
    if answer.status_code == 429 or answer.status_code >= 500:
        print(f"again after {answer.status_code}", file=sys.stderr)
        return False
    if answer.status_code != 200 or answer.json()["accepted"] == 0 or answer.json()["refused"]:
        raise Refused(f"{answer.status_code} {answer.text}")
    return True
