"""How many pages may be open at once."""

import asyncio
from contextlib import ExitStack
from typing import Any, cast

from starlette.requests import Request

from console.listening import News
from console.pages.live import LiveStream

ANY = cast("Any", None)  # a stream that is refused reads nothing


async def test_a_page_that_finds_no_room_is_told_to_come_back() -> None:
    news = News()
    stream = LiveStream(ANY, news, asyncio.Event(), ANY, ANY, ANY, ANY)
    request = Request({"type": "http", "method": "GET", "path": "/live", "query_string": b"view=tasks", "headers": []})

    with ExitStack() as pages:
        for _ in range(200):
            pages.enter_context(news.subscribed())
        full = await stream.open(request, ANY)

    assert full.status_code == 503
    assert int(full.headers["retry-after"]) > 0
    assert news.followers == 0
