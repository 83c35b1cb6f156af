"""What comes on the streams of other services, told to pages."""

import asyncio

import httpx

from console.listening import Listener, News

_READY = b"event: ready\ndata: {}\n\n"


class Streams:
    """An upstream that hands out one stream after the other, and then none."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.last_ids: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.last_ids.append(request.headers.get("last-event-id"))
        if not self.bodies:
            return httpx.Response(503)
        return httpx.Response(200, content=_READY + self.bodies.pop(0), headers={"content-type": "text/event-stream"})


async def test_a_listener_goes_on_after_the_last_event_it_heard() -> None:
    streams = Streams(b'id: 0:7\ndata: {"subject": "akagi"}\n\n', b'id: 0:8\ndata: {"subject": "kiri"}\n\n')
    news, stop = News(), asyncio.Event()
    client = httpx.AsyncClient(base_url="http://scoring", transport=httpx.MockTransport(streams))

    with news.subscribed("kiri") as page:
        running = asyncio.create_task(Listener("scoring", client, news).run(stop))
        async with asyncio.timeout(10):
            while len(streams.last_ids) < 3:
                await asyncio.sleep(0.01)
        stop.set()
        await running

    assert streams.last_ids[:3] == [None, "0:7", "0:8"]
    assert page.woken.is_set()


async def test_news_is_current_only_while_every_stream_is_open() -> None:
    news = News()

    news.mark("scoring", connected=True)
    half = news.connected
    news.mark("playbook", connected=True)

    assert not half
    assert news.connected


async def test_a_page_wakes_for_its_own_account_and_a_list_for_every_one() -> None:
    news = News()

    with news.subscribed("akagi") as akagi, news.subscribed("kiri") as kiri, news.subscribed() as everybody:
        news.tell("akagi")

    assert akagi.woken.is_set()
    assert not kiri.woken.is_set()
    assert everybody.woken.is_set()


async def test_every_page_wakes_when_a_stream_opens_or_breaks() -> None:
    news = News()

    with news.subscribed("akagi") as page:
        news.mark("scoring", connected=False)
        before = page.woken.is_set()
        news.mark("scoring", connected=True)

    assert not before  # it was closed before
    assert page.woken.is_set()
