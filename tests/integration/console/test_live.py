"""Pages that follow what happens, over a real server."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from tests.integration.console.serving import HEALTH, PLAYBOOK, WITHIN, Running, Stream, served
from tests.integration.console.upstream import contribution
from tests.integration.console.world import SECRET, cookie_of

from console.sessions import SESSION_FOR, Session, cookie_name, session_text


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with served() as one:
        yield one


async def test_a_row_follows_a_change_of_the_score(running: Running) -> None:
    async with running.page("view=accounts") as page:
        await page.next("order")
        akagi = running.upstream.accounts["akagi"]
        akagi.contributions[1] = contribution("usage_trend", 0.41, 2.0, 0.3)
        running.upstream.publish(HEALTH, "health.changed", "akagi")

        changed = await page.next("fragment", naming="Akagi Valve Works")

    assert "<b>43</b>" in changed["html"]
    assert "Core usage down 59" in changed["html"]
    assert f'id="{changed["id"]}"' in changed["html"]


async def test_only_what_changed_is_sent_again(running: Running) -> None:
    async with running.page("view=accounts") as page:
        await page.next("order")
        running.upstream.accounts["kiri"].change = 7.0
        running.upstream.publish(HEALTH, "health.changed", "kiri")

        changed = await page.next("fragment")

    assert "Kiri Textiles" in changed["html"]


async def test_a_new_order_is_offered_and_not_taken(running: Running) -> None:
    async with running.page("view=accounts") as page:
        before = (await page.next("order"))["ids"]
        running.upstream.accounts["kiri"].band = "red"
        running.upstream.publish(HEALTH, "health.changed", "kiri")

        after = (await page.next("order"))["ids"]

    assert sorted(before) == sorted(after)
    assert before != after


async def test_an_account_follows_its_tasks(running: Running) -> None:
    async with running.page("view=account&id=akagi") as page:
        await page.next("fragment", naming="acc-people")
        running.upstream.tasks["t1"] = running.upstream.tasks["t1"].model_copy(
            update={"title": {"en": "Call the plant manager", "ja": "工場長に電話する"}, "version": 2}
        )
        running.upstream.publish(PLAYBOOK, "task.changed", "akagi")

        changed = await page.next("fragment", naming="acc-tasks")

    assert "Call the plant manager" in changed["html"]


async def test_an_account_follows_what_moves_no_score(running: Running) -> None:
    async with running.page("view=account&id=akagi") as page:
        await page.next("fragment", naming="acc-people")
        akagi = running.upstream.accounts["akagi"]
        newest = max(akagi.timeline, key=lambda entry: entry.at)
        akagi.timeline.append(
            newest.model_copy(update={"id": "new", "kind": "milestone", "data": {"milestone": "first_order"}})
        )
        akagi.timeline.sort(key=lambda entry: entry.id != "new")

        changed = await page.next("fragment", naming="acc-timeline")

    assert "Milestone reached: first_order." in changed["html"]


async def test_a_list_of_tasks_follows_them(running: Running) -> None:
    async with running.page("view=tasks") as page:
        await page.next("order")
        del running.upstream.tasks["t4"]
        running.upstream.publish(PLAYBOOK, "task.completed", "akagi")

        after = await page.next("order")

    assert len(after["ids"]) == 2


async def test_fragments_are_in_the_readers_language(running: Running) -> None:
    running.upstream.staff = [member.model_copy(update={"locale": "ja"}) for member in running.upstream.staff]

    async with running.page("view=accounts") as page:
        row = await page.next("fragment", naming="Akagi Valve Works")

    assert "利用が28日間で45%減少" in row["html"]


async def test_a_page_says_when_it_cannot_follow(running: Running) -> None:
    async with running.page("view=accounts") as page:
        first = await page.next("state")
        running.upstream.down.add("scoring")
        running.upstream.publish(HEALTH, "health.changed", "akagi")

        lost = await page.next("state", naming='"live":false')
        running.upstream.down.clear()
        running.upstream.publish(HEALTH, "health.changed", "akagi")
        back = await page.next("state", naming='"live":true')

    assert first["live"]
    assert not lost["live"]
    assert back["live"]


async def test_a_stream_ends_when_the_server_stops(running: Running) -> None:
    async with running.page("view=accounts") as page:
        await page.next("order")
        running.closing.set()

        assert await page.ended()


async def test_an_unknown_view_is_told(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url, cookies=cookie_of(running.at), timeout=30) as client:
        answer = await client.get("/live?view=nothing")

    assert answer.status_code == 404


async def test_a_page_of_an_account_that_was_erased_is_over(running: Running) -> None:
    async with running.page("view=account&id=akagi") as page:
        await page.next("fragment", naming="acc-people")
        del running.upstream.accounts["akagi"]
        running.upstream.publish(HEALTH, "account.erased", "akagi")

        over = await page.next("over")

        assert over == {}
        assert await page.ended()


async def test_a_page_is_over_when_the_session_is(running: Running) -> None:
    begun = datetime.now(UTC) - SESSION_FOR + timedelta(seconds=3)
    text = session_text(Session("sato", "csm", begun), SECRET, begun)
    cookies = {cookie_name(running.at.public_url): text}

    async with (
        httpx.AsyncClient(base_url=running.url, cookies=cookies, timeout=WITHIN) as client,
        client.stream("GET", "/live?view=accounts") as answer,
    ):
        over = await Stream(answer.aiter_lines()).next("over")

    assert over == {}


async def test_a_read_that_hangs_does_not_keep_the_server_from_stopping(running: Running) -> None:
    async with running.page("view=accounts") as page:
        await page.next("order")
        asked = len(running.upstream.requests)
        running.upstream.hung.add("scoring")
        running.upstream.publish(HEALTH, "health.changed", "akagi")
        async with asyncio.timeout(WITHIN):
            while len(running.upstream.requests) == asked:
                await asyncio.sleep(0.01)
        running.closing.set()

        async with asyncio.timeout(5):  # the client's own patience is 10 s
            assert await page.ended()


async def test_a_stream_goes_on_after_what_nobody_foresaw(running: Running) -> None:
    async with running.page("view=accounts") as page:
        await page.next("order")
        running.upstream.broken.add("scoring")
        running.upstream.publish(HEALTH, "health.changed", "akagi")
        lost = await page.next("state", naming='"live":false')
        running.upstream.broken.clear()
        running.upstream.publish(HEALTH, "health.changed", "akagi")

        back = await page.next("state", naming='"live":true')

    assert not lost["live"]
    assert back["live"]
