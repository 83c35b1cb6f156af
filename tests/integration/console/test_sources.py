"""The pages of sources: what is shown, to whom, and that a first event appears by itself."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.integration.console.conftest import Visitor
from tests.integration.console.reading import Page
from tests.integration.console.serving import Running, served
from tests.integration.console.upstream import FakeUpstream, came
from tests.integration.console.world import URL

LEADER = {"staff": None, "role": "leader"}


@pytest.fixture
def upstream(upstream: FakeUpstream) -> FakeUpstream:
    upstream.sources = {"zendesk": "zendesk", "shop": "product"}
    upstream.tails = {
        "shop": [
            came("e-3", "refused", code="missing_field", field="account", type=None, account=None),
            came("e-2", "waiting", 3, account=None),
            came("e-1", seconds=4),
        ],
        "app": [came("t-1", type="ticket.changed")],
    }
    return upstream


async def page(client: httpx.AsyncClient, path: str) -> Page:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


async def test_the_list_has_those_with_a_tail_and_those_that_were_told_of(
    visitor: Visitor, upstream: FakeUpstream
) -> None:
    found = await page(visitor(**LEADER), "/sources")

    assert [link for link in found.links if link.startswith("/sources/")] == [
        "/sources/app",
        "/sources/shop",
        "/sources/zendesk",
    ]
    assert "2 sources send events." in found.text
    assert "none yet" in found.text


async def test_a_feed_that_stands_still_is_told_above_and_in_its_rows(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.stopped = [{"family": "usage", "since": "2026-11-23T23:10:00Z"}]

    english = await page(visitor(**LEADER), "/sources")
    japanese = await page(visitor(**LEADER, language="ja"), "/sources")

    assert "Silent since 08:10: usage. Its measures are held; no score moves" in english.text
    assert "silent since 08:10: usage" in english.text
    assert "利用状況の連携が08:10から止まっています。" in japanese.text


async def test_items_say_what_became_of_them_and_why(visitor: Visitor, upstream: FakeUpstream) -> None:
    found = await page(visitor(**LEADER), "/sources/shop")

    assert "Last event at 09:41:02.0." in found.text
    assert "Of the last 3 items: 1 accepted, 1 waiting for an account, 1 refused." in found.text
    assert "account is missing. Code: missing_field" in found.text
    assert "Nobody has said yet which account this user belongs to." in found.text
    assert "/accounts/akagi" in found.links


@pytest.mark.parametrize(("language", "words"), [("en", "Waiting for the first"), ("ja", "最初のイベントを待って")])
async def test_a_source_that_was_never_heard_shows_how_to_connect_it(
    visitor: Visitor, upstream: FakeUpstream, language: str, words: str
) -> None:
    found = await page(visitor(**LEADER, language=language), "/sources/new")

    assert words in found.text
    assert "kizashi keys new new --scope ingest" in found.text
    assert f"export URL={URL}" in found.text
    assert found.html.count("<h1") == 1


async def test_a_help_desk_is_given_the_address_of_its_webhook(visitor: Visitor, upstream: FakeUpstream) -> None:
    found = await page(visitor(**LEADER), "/sources/zendesk")

    assert f"{URL}/v1/webhooks/zendesk" in found.text
    assert "curl" not in found.text


async def test_a_name_leads_to_the_page_of_the_source(visitor: Visitor, upstream: FakeUpstream) -> None:
    client = visitor(**LEADER)

    good = await client.get("/sources", params={"connect": " billing.eu "})
    bad = await client.get("/sources", params={"connect": "a/b?c"})

    assert good.status_code == 303
    assert good.headers["location"] == "/sources/billing.eu"
    assert bad.status_code == 422
    assert (await client.get("/sources/a%2Fb")).status_code == 422


@pytest.mark.parametrize("role", ["csm", "read_only"])
async def test_who_does_not_operate_sees_no_sources(visitor: Visitor, upstream: FakeUpstream, role: str) -> None:
    client = visitor(role=role)

    for path in ("/sources", "/sources/shop"):
        assert (await client.get(path)).status_code == 403
    for view in ("view=sources", "view=source&name=shop"):
        assert (await client.get(f"/live?{view}")).status_code == 404
    assert "/sources" not in (await page(client, "/accounts")).links


async def test_what_a_source_sent_is_shown_as_text(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.tails["shop"] = [came("<b>x</b>", "refused", code="invalid_field", field="data.<i>{x}", account="a/b c")]

    found = await page(visitor(**LEADER), "/sources/shop")

    assert "<b>x</b>" in found.text
    assert "data.<i>{x} has a form" in found.text
    assert "/accounts/a%2Fb%20c" in found.links


async def test_what_was_taken_without_a_trait_says_so(visitor: Visitor, upstream: FakeUpstream) -> None:
    without = {"code": "left_out", "field": "traits.country"}
    upstream.tails["shop"] = [came("i-1", **without), came("i-2", "waiting", account=None, **without)]

    english = await page(visitor(**LEADER), "/sources/shop")
    japanese = await page(visitor(**LEADER, language="ja"), "/sources/shop")

    assert english.text.count("Taken without traits.country: its form or its value is not allowed.") == 2
    assert "It follows once somebody does. Taken without traits.country" in english.text
    assert "traits.countryは形式か値が正しくないため、この項目を除いて受け付けました。" in japanese.text


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with served() as one:
        yield one


async def test_the_first_event_appears_by_itself(running: Running) -> None:
    async with running.page("view=source&name=shop", **LEADER) as stream:
        await stream.next("fragment", naming="Nothing has come in yet.")
        running.upstream.tails["shop"] = [came("e-1")]

        lead = await stream.next("fragment", naming="source-lead")
        items = await stream.next("fragment", naming="source-items")

    assert "One item so far: 1 accepted" in lead["html"]
    assert "e-1" in items["html"]


async def test_a_new_source_is_offered_in_the_list(running: Running) -> None:
    running.upstream.tails["shop"] = [came("e-1")]
    async with running.page("view=sources", **LEADER) as stream:
        before = (await stream.next("order"))["ids"]
        running.upstream.tails["desk"] = [came("t-1", type="ticket.changed")]

        after = (await stream.next("order"))["ids"]

    assert len(before) == 1
    assert set(before) < set(after)
