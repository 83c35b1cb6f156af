"""/docs in a real browser that reaches nobody but the server: its operations are shown and can be tried."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import BrowserContext, Request, Route, expect
from tests.running.browser import MISSING, chromium

pytestmark = [pytest.mark.chromium, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]
WITHIN = 60_000.0  # milliseconds


@pytest.fixture
async def browser() -> AsyncIterator[BrowserContext]:
    async with chromium() as started:
        context = await started.new_context()
        context.set_default_timeout(WITHIN)
        expect.set_options(timeout=WITHIN)
        yield context
        await context.close()


async def test_the_page_shows_all_operations_without_any_other_host(server: Any, browser: BrowserContext) -> None:
    asked, said = set[str](), list[str]()
    ours = urlsplit(server.url).netloc

    async def only_ours(route: Route, request: Request) -> None:
        host = urlsplit(request.url).netloc
        asked.add(host)
        await (route.continue_() if host == ours else route.abort())

    await browser.route(lambda url: not url.startswith("data:"), only_ours)
    page = await browser.new_page()
    page.on("console", lambda message: said.append(message.text))  # where a broken policy is told
    page.on("pageerror", lambda error: said.append(str(error)))

    await page.goto(f"{server.url}/docs")

    document = await page.evaluate("fetch('openapi.json').then(answer => answer.json())")
    operations = sum(len(methods) for methods in document["paths"].values())
    await expect(page.locator(".opblock")).to_have_count(operations)
    health = page.locator(".opblock", has_text="/healthz")
    await health.locator(".opblock-summary").click()
    await health.get_by_role("button", name="Try it out").click()
    await health.get_by_role("button", name="Execute").click()
    await expect(health.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert asked == {ours}
    assert said == []
