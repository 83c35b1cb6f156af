"""Who has no key cannot take the room of those who have one."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

STALLED = 40
DECLARED = 4 * 1024 * 1024


async def stalled(stack: AsyncExitStack, server: Any, path: str) -> asyncio.StreamReader:
    """A request without a key that says it has four megabytes, and sends all of them but one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    stack.callback(writer.close)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {DECLARED}\r\n\r\n"
    writer.write(head.encode() + b"{" * (DECLARED - 1))
    return reader


async def status_of(reader: asyncio.StreamReader) -> int:
    return int((await asyncio.wait_for(reader.readline(), 30)).split()[1])


@pytest.mark.parametrize("path", ["/v1/events", "/v1/batch", "/batch/"])
async def test_stalled_requests_without_a_key_shut_nobody_out_who_has_one(server: Any, path: str) -> None:
    async with AsyncExitStack() as stack:
        readers = [await stalled(stack, server, path) for _ in range(STALLED)]
        if path == "/v1/events":
            assert {await status_of(reader) for reader in readers} == {401}
        else:
            answered = await asyncio.wait([asyncio.create_task(status_of(reader)) for reader in readers], timeout=5)
            assert {task.result() for task in answered[0]} == {503}
            for task in answered[1]:
                task.cancel()

        async with httpx.AsyncClient(base_url=server.url, auth=(server.key, ""), trust_env=False, timeout=30) as client:
            events = [{"type": "usage.tracked", "account": "acme", "data": {"name": "x"}}]
            sent = [await client.post("/v1/events", json={"events": events}) for _ in range(10)]
            batch = {"batch": [{"type": "track", "event": "x", "userId": "u", "context": {"groupId": "acme"}}]}
            sent += [await client.post("/v1/batch", json=batch) for _ in range(10)]

    assert {answer.status_code for answer in sent} == {200}
