"""A real browser: pages of one origin send events to ingest on another, and pages of a third cannot."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser
from tests.running.browser import MISSING, chromium

from cskit.auth import KeyFile, new_key
from cskit.clock import RealClock

pytestmark = [pytest.mark.chromium, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]

FETCH = """async ([url, key, id]) => {
  const event = {id, type: "usage.tracked", account: "acme", data: {name: "page.opened"}};
  const headers = {"Authorization": `Bearer ${key}`, "Content-Type": "application/json"};
  try {
    const answer = await fetch(url + "/v1/events", {method: "POST", headers, body: JSON.stringify(event)});
    const said = await answer.json();
    return {status: answer.status, accepted: said.accepted, code: said.code, left: answer.headers.get("RateLimit")};
  } catch (error) {
    return {failed: error.name};
  }
}"""
BEACON = """async ([url, key, id]) => {
  const call = {type: "page", messageId: id, anonymousId: "visitor", context: {groupId: "acme"}};
  const body = JSON.stringify({writeKey: key, batch: [call]});
  const answer = await fetch(url + "/v1/batch", {method: "POST", body, keepalive: true, mode: "no-cors"});
  return navigator.sendBeacon(url + "/v1/batch", body) && answer.type;
}"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>A product</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def site() -> Iterator[str]:
    """A site of one page, and so an origin of its own."""
    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def own() -> Iterator[str]:
    with site() as one:
        yield one


@pytest.fixture
def third() -> Iterator[str]:
    with site() as one:
        yield one


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


async def on(browser: Browser, origin: str, script: str, *given: str) -> Any:
    """What the script comes to on a page of this origin."""
    page = await browser.new_page()
    await page.goto(origin)
    return await page.evaluate(script, list(given))


def browser_key(folder: Path, origin: str) -> str:
    text, entry = new_key("site", [], None, None, datetime.now(UTC), origins=[origin], rate=5)
    KeyFile(folder / "keys.json", RealClock()).add(entry)
    return text


async def test_a_page_of_the_keys_origin_sends_and_reads_what_became_of_it(
    server: Any, tmp_path: Path, browser: Browser, own: str
) -> None:
    key = browser_key(tmp_path, own)

    answer = await on(browser, own, FETCH, server.url, key, "e-1")
    servers = await on(browser, own, FETCH, server.url, server.key, "e-2")
    await on(browser, own, BEACON, server.url, key, "e-3")

    assert (answer["status"], answer["accepted"]) == (200, 1)
    assert answer["left"].startswith('"burst";r=')
    assert (servers["status"], servers["code"]) == (403, "server_key_in_browser")
    assert sorted({event["id"] for event in server.stop()}) == ["e-1", "e-3"]


async def test_the_browser_lets_no_page_of_a_third_origin_send(
    server: Any, tmp_path: Path, browser: Browser, own: str, third: str
) -> None:
    key = browser_key(tmp_path, own)

    answer = await on(browser, third, FETCH, server.url, key, "e-1")
    await on(browser, third, BEACON, server.url, key, "e-2")

    assert answer == {"failed": "TypeError"}
    assert server.stop() == []
