"""Following a stream over gaps."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from cskit.http import following
from cskit.http.following import follow


def said(*events: tuple[str, str, str]) -> httpx.Response:
    body = "".join(f"event: {kind}\nid: {id_}\ndata: {data}\n\n" for kind, id_, data in events)
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, text=body)


class Server:
    """Answers one after the other; the last one hangs. Notes the Last-Event-ID of each request."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[str | None] = []
        self.done = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers.get("last-event-id"))
        if not self._answers:
            self.done.set()
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_FIRST_WAIT", 0.0)


async def followed(server: Server) -> tuple[list[str], list[bool]]:
    heard: list[str] = []
    stood: list[bool] = []

    async def note(event: object) -> None:
        heard.append(event.data)  # type: ignore[attr-defined]

    append: Callable[[bool], None] = stood.append
    async with httpx.AsyncClient(transport=httpx.MockTransport(server), base_url="http://s") as client:
        task = asyncio.create_task(follow(client, "/stream", note, append))
        done = asyncio.create_task(server.done.wait())
        await asyncio.wait((task, done), timeout=10, return_when=asyncio.FIRST_COMPLETED)
        try:
            if task.done():
                task.result()
        finally:
            task.cancel()
            done.cancel()
    return heard, stood


async def test_after_a_gap_it_goes_on_where_the_last_event_left_off() -> None:
    server = Server(
        said(("ready", "0:1", "{}"), ("a", "0:2", "one")),
        httpx.ConnectError("refused"),
        httpx.Response(503),
        said(("ready", "0:2", "{}"), ("a", "0:3", "two")),
    )

    heard, stood = await followed(server)

    assert heard == ["one", "two"]
    assert server.asked == [None, "0:2", "0:2", "0:2", "0:3"]
    assert stood == [True, False, False, False, True, False]


async def test_what_the_log_no_longer_holds_is_passed_over() -> None:
    server = Server(said(("ready", "0:1", "{}")), httpx.Response(410), said(("ready", "0:9", "{}"), ("a", "0:10", "x")))

    heard, _ = await followed(server)

    assert heard == ["x"]
    assert server.asked == [None, "0:1", None, "0:10"]


async def test_a_ping_is_no_event() -> None:
    stream = "event: ready\nid: 0:1\ndata: {}\n\n: ping - now\n\nevent: a\nid: 0:2\ndata: one\n\n: ping - later\n\n"

    heard, _ = await followed(Server(httpx.Response(200, headers={"content-type": "text/event-stream"}, text=stream)))

    assert heard == ["one"]


async def test_a_refusal_is_raised() -> None:
    with pytest.raises(httpx.HTTPStatusError):
        await followed(Server(httpx.Response(401)))
