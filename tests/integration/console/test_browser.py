"""The pages in a real browser: the policy holds, values follow, forms are left alone, keys work, axe finds nothing."""

from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, Route, expect
from tests.integration.console.serving import HEALTH, PLAYBOOK, Running, served
from tests.integration.console.upstream import contribution, well
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


async def seen(page: Page, *, yes: bool) -> None:
    """The tab comes to the front, or goes behind another: headless pages never do so by themselves."""
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        not yes,
    )


def retitled(running: Running, title: str) -> None:
    """Another task of Akagi's, not the one that is written in, gets this title."""
    task = running.upstream.tasks["t4"]
    running.upstream.tasks["t4"] = task.model_copy(update={"title": {"en": title}, "version": task.version + 1})
    running.upstream.publish(PLAYBOOK, "task.changed", "akagi")


async def over(route: Route) -> None:
    """What the server says when a page has to be loaded anew."""
    await route.fulfill(status=200, content_type="text/event-stream", body="event: over\ndata: {}\n\n")


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

    retitled(running, "Check all tablets")
    show = page.get_by_role("button", name="Changed, show")
    await expect(show).to_be_visible()

    await expect(note).to_have_value("They call back on")
    await expect(page.locator("#acc-tasks")).not_to_contain_text("Check all tablets")
    await show.click()
    await expect(page.locator("#acc-tasks")).to_contain_text("Check all tablets")
    await expect(note).to_have_value("They call back on")
    await expect(show).to_be_hidden()


async def test_what_was_held_never_replaces_what_is_newer(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts/akagi")
    note, show = page.get_by_placeholder("Note, optional").first, page.get_by_role("button", name="Changed, show")
    await note.fill("They call back on")
    retitled(running, "Check all tablets")
    await expect(show).to_be_visible()

    await note.fill("")
    await note.blur()
    retitled(running, "Check no tablets")

    await expect(page.locator("#acc-tasks")).to_contain_text("Check no tablets")
    await expect(show).to_be_hidden()


async def test_enter_in_a_note_records_nothing(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts/akagi")
    note = page.get_by_placeholder("Note, optional").first
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)

    await note.fill("They call back on")
    await note.press("Enter")
    await page.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")

    await expect(note).to_have_value("They call back on")
    assert posts == []
    assert running.upstream.writes == []


async def test_what_left_a_list_says_so_until_it_returns(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts?band=red")
    row = page.locator("tr", has_text="Akagi Valve Works")

    running.upstream.accounts["akagi"].band = "green"
    running.upstream.publish(HEALTH, "health.changed", "akagi")
    await expect(row).to_contain_text("no longer in this list")
    await expect(row).to_have_class("red left")
    found = await Axe().run(page)
    running.upstream.accounts["akagi"].band = "red"
    running.upstream.publish(HEALTH, "health.changed", "akagi")

    await expect(row).not_to_contain_text("no longer in this list")
    await expect(row).to_have_class("red")
    assert [each["id"] for each in found.response["violations"]] == []


async def test_an_empty_list_fills_by_itself(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts?text=ueno")

    running.upstream.add(well("ueno", "Ueno Optics"))
    running.upstream.publish(HEALTH, "health.changed", "ueno")

    await expect(page.locator("tbody tr")).to_contain_text("Ueno Optics")


async def test_an_empty_list_waits_for_who_is_typing(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts?text=ueno")
    await page.locator("#q").fill("Kashi")

    running.upstream.add(well("ueno", "Ueno Optics"))
    running.upstream.publish(HEALTH, "health.changed", "ueno")
    show = page.get_by_role("button", name="Changed, show")
    await expect(show).to_be_visible()

    await expect(page.locator("#q")).to_have_value("Kashi")
    await show.click()
    await expect(page.locator("tbody tr")).to_contain_text("Ueno Optics")


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


async def test_pages_behind_others_do_not_keep_a_seventh_from_loading(
    running: Running, browser: BrowserContext
) -> None:
    pages = []
    for _ in range(7):
        pages.append(await opened(browser, running, "/accounts"))
        await seen(pages[-1], yes=False)

    await seen(pages[0], yes=True)
    running.upstream.accounts["akagi"].contributions[1] = contribution("usage_trend", 0.41, 2.0, 0.3)
    running.upstream.publish(HEALTH, "health.changed", "akagi")

    await expect(pages[0].locator("tr", has_text="Akagi Valve Works")).to_contain_text("43")


async def test_a_paused_page_stays_paused_when_it_is_seen_again(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.keyboard.press("L")

    await seen(page, yes=False)
    await seen(page, yes=True)

    await expect(page.locator("#live")).to_contain_text("Paused")
    assert asked == []


async def test_a_refused_page_stops_asking_until_it_is_seen_again(running: Running, browser: BrowserContext) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/live?" in request.url else None)
    await page.clock.install()
    await page.route("**/live?*", lambda route: route.fulfill(status=401, body="Sign in first."))
    await page.goto(running.url + "/accounts")
    badge = page.locator("#live")

    for _ in range(2):
        await expect(badge).to_have_attribute("data-state", "lost")
        await badge.evaluate("badge => delete badge.dataset.state")
        await page.clock.run_for(5000)
    await expect(badge).to_have_attribute("data-state", "stopped")
    await page.clock.run_for(60_000)

    await expect(badge).to_contain_text("Not connected, values from 09:41")
    assert len(asked) == 3
    await page.unroute("**/live?*")
    await seen(page, yes=True)
    await expect(badge).to_have_attribute("data-state", "live")


async def test_a_page_that_is_over_is_loaded_anew(running: Running, browser: BrowserContext) -> None:
    page = await browser.new_page()
    asked: list[str] = []  # not what was loaded: the page may go before it is
    page.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    await page.route("**/live?*", over, times=1)

    await page.goto(running.url + "/accounts/akagi")
    for _ in range(200):
        if len(asked) == 2:
            break
        await page.wait_for_timeout(50)

    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    assert len(asked) == 2


async def test_a_page_that_is_over_waits_for_who_is_typing(running: Running, browser: BrowserContext) -> None:
    page = await opened(browser, running, "/accounts/akagi")
    note, show = page.get_by_placeholder("Note, optional").first, page.get_by_role("button", name="Changed, show")
    await note.fill("They call back on")
    await page.route("**/live?*", over, times=1)

    await seen(page, yes=False)
    await seen(page, yes=True)
    await expect(show).to_be_visible()

    await expect(note).to_have_value("They call back on")
    await show.click()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await expect(note).to_have_value("")
