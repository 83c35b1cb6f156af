"""How far an account has come, on its page."""

from collections.abc import Callable

import pytest
from axe_playwright_python.async_playwright import Axe
from tests.integration.console.conftest import Visitor
from tests.integration.console.progresses import leaving, new, renewing, settled
from tests.integration.console.reading import Page
from tests.integration.console.serving import HEALTH, served
from tests.integration.console.upstream import FakeUpstream
from tests.integration.console.world import cookie_of
from tests.running.browser import MISSING, chromium

from csmodels.progress import Progress

GAP = "\u00a0"


async def shown(visitor: Visitor, language: str = "en") -> str:
    """The block on Akagi's page, as text."""
    html = (await visitor(language=language).get("/accounts/akagi")).text
    begin = html.index('id="acc-progress"')
    return Page(html[html.rindex("<section", 0, begin) : html.index("</section>", begin)]).text


async def test_an_account_in_use_says_what_is_behind_it_and_what_comes(visitor: Visitor) -> None:
    text = await shown(visitor)

    assert "Progress Adoption since 12 Jul" in text.replace("ProgressAdoption", "Progress Adoption")
    assert "Completed 12 Jul, on day 42." in text
    assert "Contract K-12: begins 31 Jan 2027. The term ends 31 May 2027, 188 days left." in text
    assert "Medium. For High:" in text
    assert f"Breadth of usereached: 50{GAP}%, needs 37.5{GAP}%" in text
    assert f"Depth of use20{GAP}%, needs 35{GAP}%" in text
    assert "open" not in text  # the checklist waits for the renewal


async def test_an_onboarding_says_what_is_reached_late_and_due(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.accounts["akagi"].progress = new("akagi")

    text = await shown(visitor)

    assert "Day 41 of 120, until 11 Feb 2027." in text
    assert "Kick-offreached 27 Oct" in text
    assert "Data imported10 days late" in text
    assert "Go-livedue 14 Dec" in text
    assert "First value, 40 of 45 daysdue 29 Nov" in text
    assert "No renewal is ahead." in text
    assert "None. For Low: one person with core actions in 28 days." in text


async def test_a_renewal_stands_in_front_with_its_checklist(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.accounts["akagi"].progress = renewing("akagi")

    text = await shown(visitor)

    assert "Contract K-7: the term ends 22 Dec, 28 days left." in text
    assert "Review heldreached 4 Nov" in text
    assert "Proposal sentopen" in text
    assert "board approvalopen" in text  # a name of the tenant's own
    assert text.index("Contract K-7") < text.index("Not completed by its last day, 21 Apr 2025.")
    assert "Go-livenot reached" in text
    assert "First valuenot reached" in text
    assert "High, the highest." in text


async def test_a_notice_comes_first_and_the_unknown_is_not_called_missed(
    visitor: Visitor, upstream: FakeUpstream
) -> None:
    upstream.accounts["akagi"].progress = leaving("akagi")

    text = await shown(visitor)

    assert "Leaving since 3 Nov" in text
    assert "Contract K-3: notice given 3 Nov, last day 31 Jan 2027." in text
    assert "Contract K-4: notice given 3 Nov, last day not known." in text
    assert text.index("K-3") < text.index("Over before the first data came.")
    assert "No milestone was told of yet. Send milestone.reached." in text
    assert "not reached" not in text
    assert "No renewal" not in text


async def test_without_a_contract_it_says_what_would_fill_it(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.accounts["akagi"].progress = None

    text = await shown(visitor)

    assert "No contract yet. Import contracts to see onboarding and renewal." in text
    assert f"Depth of usenot known, needs 35{GAP}%" in text


async def test_the_same_block_in_japanese(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.accounts["akagi"].progress = new("akagi")
    started = await shown(visitor, "ja")
    upstream.accounts["akagi"].progress = renewing("akagi")
    ending = await shown(visitor, "ja")

    assert "10/15から導入期" in started
    assert "データの取り込み10日超過" in started
    assert "最初の成果（45日中40日）期限 11/29" in started
    assert "契約 K-7: 期間は12/22まで、あと28日。" in ending
    assert "振り返り11/4 達成" in ending


async def test_the_page_goes_on_where_scoring_has_no_progress(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.accounts["akagi"].progress = settled("akagi").model_copy(update={"stage": "unheard_of"})

    answer = await visitor().get("/accounts/akagi")

    assert answer.status_code == 200
    assert "Not all could be loaded" in answer.text
    assert '<h2 id="h-pr">Progress</h2></div>' in answer.text


async def test_the_block_follows_on_an_open_page() -> None:
    async with served() as running, running.page("view=account&id=akagi") as stream:
        await stream.next("fragment", naming="acc-progress")

        running.upstream.accounts["akagi"].progress = leaving("akagi")
        running.upstream.publish(HEALTH, "health.changed", "akagi")

        fragment = await stream.next("fragment", naming="acc-progress")
        assert "Contract K-3: notice given 3 Nov" in fragment["html"]


@pytest.mark.chromium
@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
@pytest.mark.parametrize("width", [1360, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_stage(scheme: str, width: int) -> None:
    stages: list[Callable[[str], Progress]] = [settled, new, renewing, leaving]
    async with served() as running, chromium() as started:
        context = await started.new_context(viewport={"width": width, "height": 900})
        await context.add_cookies([
            {"name": name, "value": value, "url": running.url} for name, value in cookie_of(running.at).items()
        ])  # fmt: skip
        page = await context.new_page()
        await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for stage in stages:
            running.upstream.accounts["akagi"].progress = stage("akagi")
            await page.goto(f"{running.url}/accounts/akagi")
            for each in await page.locator("#acc-progress details").all():
                await each.locator("summary").click()

            found = await Axe().run(page)

            assert [(each["id"], each["nodes"][0]["html"]) for each in found.response["violations"]] == []
            assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        await context.close()
