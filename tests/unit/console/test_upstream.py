"""Answers of other services that are none, and blocks that come too late."""

import asyncio

import httpx
import pytest

from console.parts import Missing
from console.upstream import Calls, Unreachable


def calls(answer: httpx.Response) -> Calls:
    transport = httpx.MockTransport(lambda request: answer)
    clients = {
        name: httpx.AsyncClient(base_url=f"http://{name}", transport=transport) for name in ("scoring", "playbook")
    }
    return Calls(clients, "sato")


@pytest.mark.parametrize("content", [b"", b"{}", b"<html>A proxy</html>"])
async def test_an_answer_that_cannot_be_read_is_none(content: bytes) -> None:
    with pytest.raises(Unreachable) as caught:
        await calls(httpx.Response(200, content=content)).account("akagi")

    assert caught.value.service == "scoring"
    assert not caught.value.perhaps_done


@pytest.mark.parametrize(("status", "perhaps"), [(200, True), (503, True), (429, False)])
async def test_a_write_with_no_good_answer_may_have_been_done(status: int, perhaps: bool) -> None:
    with pytest.raises(Unreachable) as caught:
        await calls(httpx.Response(status, content=b"{}")).reopen("t1", key="k")

    assert caught.value.perhaps_done is perhaps


async def test_a_block_that_comes_too_late_counts_as_missing() -> None:
    missing = Missing()

    found = await missing.or_else("ingest", asyncio.Event().wait(), False)

    assert found is False
    assert missing.services == ["ingest"]
