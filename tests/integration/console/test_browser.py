"""The pages in a real browser: the policy holds, values follow, forms are left alone, keys work, axe finds nothing."""

from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, expect
from tests.integration.console.serving import HEALTH, PLAYBOOK, Running, served
from tests.integration.console.upstream import contribution
from tests.integration.console.world import cookie_of
from tests.running.browser import MISSING, chromium

WITHIN = 20_000.0  # milliseconds
PAGES = [
    "/accounts",
    "/accounts/akagi",
    "/accounts/nasu",
    "/tasks?whose=everyone",
    "/search?q=a",
    "/settings",
    "/help/keys",
]

pytestmark = [pytest.mark.chromium, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with served() as one:
        yield one


@pytest.fixture
async def browser(running: Running) -> AsyncIterator[BrowserContext]:
    """A window of Sato's, 1360 wide."""
    async with chromium() as started:
        context = await started.new_context(viewport={"width": 1360, "height": 900})
        await context.add_cookies([
            {"name": name, "value": value, "url": running.url} for name, value in cookie_of(running.at).items()
        ])  # fmt: skip
        context.set_default_timeout(WITHIN)
        expect.set_options(timeout=WITHIN)
        yield context
        await context.close()


async def opened(browser: BrowserContext, running: Running, path: str) -> Page:
    """The page once it is live."""
    page = await browser.new_page()
    await page.goto(running.url + path)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


@pytest.mark.parametrize("width", [1360, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_and_the_policy_holds(
    running: Running, browser: BrowserContext, scheme: str, width: int
) -> None:
    page = await browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    await page.set_viewport_size({"width": width, "height": 900})
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]

    for path in PAGES:
        await page.goto(running.url + path)
        found = await Axe().run(page)
        sideways = await page.evaluate("document.documentElement.scrollWidth > innerWidth")

        assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == [], path
        assert not sideways, path
    assert said == []


async def test_a_row_changes_in_place(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")
    row = page.locator("tr", has_text="Akagi Valve Works")
    await expect(row).to_contain_text("49")

    running.upstream.accounts["akagi"].contributions[1] = contribution("usage_trend", 0.41, 2.0, 0.3)
    running.upstream.publish(HEALTH, "health.changed", "akagi")

    await expect(row).to_contain_text("43")


async def test_a_new_order_waits_until_it_is_asked_for(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")
    rows = page.locator("tbody tr")

    running.upstream.accounts["kiri"].band = "red"
    running.upstream.publish(HEALTH, "health.changed", "kiri")

    await expect(page.locator("#order")).to_have_text("1 change, update order")
    await expect(rows.last).to_contain_text("Kiri Textiles")
    await page.locator("#order").click()
    await expect(rows.last).to_contain_text("Yamabuki Retail")


async def test_a_note_that_is_being_written_is_not_lost(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts/akagi")
    note = page.get_by_placeholder("Note, optional").first
    await note.fill("They call back on")

    task = running.upstream.tasks["t4"]
    running.upstream.tasks["t4"] = task.model_copy(update={"title": {"en": "Check all tablets"}, "version": 2})
    running.upstream.publish(PLAYBOOK, "task.changed", "akagi")
    show = page.get_by_role("button", name="Changed, show")
    await expect(show).to_be_visible()

    await expect(note).to_have_value("They call back on")
    await show.click()
    await expect(page.locator("#acc-tasks")).to_contain_text("Check all tablets")


async def test_an_outcome_is_two_clicks_from_the_list(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")

    await page.get_by_role("link", name="Call the champion").click()
    await page.get_by_role("button", name="Reached").click()

    await expect(page.locator("[data-said]")).to_contain_text("Recorded: Reached.")
    assert running.upstream.tasks["t1"].outcome == "reached"


async def test_a_stream_that_breaks_is_told(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")

    running.upstream.down.add("scoring")
    running.upstream.publish(HEALTH, "health.changed", "akagi")

    await expect(page.locator("#live")).to_contain_text("Reconnecting, values from 09:41")


async def test_keys_walk_through_rows_and_pages(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")

    await page.keyboard.press("j")
    await page.keyboard.press("j")
    second = await page.evaluate("document.activeElement.textContent")
    await page.keyboard.press("g")
    await page.keyboard.press("t")
    await page.wait_for_url("**/tasks")
    await page.keyboard.press("/")

    assert second == "Kashima Cold Chain"
    await expect(page.locator("#q")).to_be_focused()


async def test_live_values_can_be_paused(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")

    await page.keyboard.press("L")
    await expect(page.locator("#live")).to_contain_text("Paused")
    await page.keyboard.press("L")

    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
