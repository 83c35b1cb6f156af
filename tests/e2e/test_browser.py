"""A person at the demo's console, in a real browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from tests.running.browser import MISSING, chromium
from tests.running.demos import Demo, demo
from tests.running.processes import command

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.chromium,
    pytest.mark.timeout(240),
    pytest.mark.skipif(MISSING is not None, reason=str(MISSING)),
]

WITHIN = 20_000.0  # milliseconds
RESCUE = "/v1/playbooks/rescue-declining-usage/runs"


@pytest.fixture
async def standing(tmp_path: Path) -> AsyncIterator[Demo]:
    """A demo of a few customers, its history loaded; time stands still, so that only the test moves anything."""
    async with demo(tmp_path, "--accounts", "12", "--no-live") as one:
        await one.says("accounts scored")
        yield one


async def signed_in(page: Page, link: str) -> None:
    page.set_default_timeout(WITHIN)
    expect.set_options(timeout=WITHIN)
    await page.goto(link)
    await page.get_by_role("main").get_by_role("button").click()
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")


async def test_the_most_urgent_account_says_why_and_its_task_is_completed_on_a_page_that_follows(
    standing: Demo,
) -> None:
    async with chromium() as browser, standing.client() as api:
        page = await browser.new_page(viewport={"width": 1360, "height": 900})
        await signed_in(page, standing.link)
        (first,) = (await api.get("/v1/accounts", params={"limit": 1})).json()["items"]
        row = page.locator("tbody tr").first
        await expect(row).to_contain_text(first["name"])
        assert (await row.locator(".why").inner_text()).strip()

        started = await api.post(RESCUE, json={"account": first["account"]})
        assert started.status_code == 201, started.text
        await expect(row.locator(".task-c")).to_contain_text("Call the customer")  # without a reload
        await row.get_by_role("link", name=first["name"]).click()
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        why = page.locator("#acc-why")
        for measure in ("Active people", "Open tickets"):
            await expect(why).to_contain_text(measure)
        note = page.get_by_placeholder("Note, optional").first
        await note.fill("They call back on")
        ticket = {"ticket": "T-7", "severity": 2, "status": "open", "topic": "billing"}
        event = {"id": "t-7", "type": "ticket.changed", "account": first["account"], "data": ticket}
        product = await command(
            "keys", "new", "desk", "--scope", "ingest", "--data", str(standing.data), environment={}
        )
        headers = {"authorization": f"Bearer {product.strip()}"}
        source = await browser.new_page(storage_state=await page.context.storage_state())
        await source.goto(f"{standing.url}/sources/desk")
        await expect(source.locator("#source-lead")).to_contain_text("Waiting for the first event")
        sent = await api.post("/v1/events", json={"events": [event]}, headers=headers)
        assert sent.json()["accepted"] == 1, sent.text
        await expect(source.locator("#source-items")).to_contain_text("t-7")  # without a reload
        await expect(page.locator("#acc-timeline")).to_contain_text("T-7")  # without a reload
        await expect(note).to_have_value("They call back on")
        await page.get_by_role("button", name="Reached").first.click()

        await expect(page.locator("[data-said]")).to_contain_text("Recorded: Reached.")
        (task,) = (await api.get("/v1/tasks", params={"account": first["account"]})).json()["items"]
        assert (task["status"], task["outcome"], task["note"]) == ("completed", "reached", "They call back on")


@pytest.mark.long
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_at_the_demo(standing: Demo, language: str, scheme: str) -> None:
    serious: list[tuple[str, int, str, str]] = []
    async with chromium() as browser, standing.client() as api:
        (first,) = (await api.get("/v1/accounts", params={"limit": 1})).json()["items"]
        await api.post(RESCUE, json={"account": first["account"]})
        context = await browser.new_context(color_scheme=scheme, locale={"en": "en-GB", "ja": "ja-JP"}[language])
        page = await context.new_page()
        await signed_in(page, standing.link)
        if await page.locator("html").get_attribute("lang") != language:
            await page.get_by_role("button", name={"en": "English", "ja": "日本語"}[language]).first.click()
        for width in (1360, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            paths = ("/accounts", f"/accounts/{first['account']}", "/tasks?whose=everyone", "/sources", "/sources/demo")
            for path in paths:
                await page.goto(standing.url + path)
                await expect(page.locator("html")).to_have_attribute("lang", language)
                found = await Axe().run(page)
                serious += [
                    (path, width, each["id"], each["nodes"][0]["html"])
                    for each in found.response["violations"]
                    if each["impact"] in ("serious", "critical")
                ]

    assert serious == []
