"""Closing a task and putting it off."""

from datetime import UTC, datetime

import pytest
from tests.integration.console.conftest import Visitor
from tests.integration.console.reading import Page
from tests.integration.console.upstream import NOW, FakeUpstream

COMPLETE = "/tasks/t1/complete"
SNOOZE = "/tasks/t1/snooze"


async def test_ones_own_tasks_are_grouped_by_when_they_are_due(visitor: Visitor) -> None:
    text = Page((await visitor().get("/tasks")).text).text

    assert "1 overdue, 1 due today." in text
    order = [
        text.index(words)
        for words in ("Overdue", "Send the recovery plan", "Call the champion", "This week", "Check tablets")
    ]
    assert order == sorted(order)
    assert "Ask why work stopped" not in text  # Mori's


async def test_everyones_tasks_can_be_seen(visitor: Visitor) -> None:
    text = Page((await visitor().get("/tasks?whose=everyone")).text).text

    assert "Ask why work stopped" in text
    assert "Kenta Mori" in text


async def test_an_outcome_is_recorded_with_its_note(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get("/accounts/akagi")).text).form(COMPLETE)

    answer = await browser.post(COMPLETE, data={**fields, "outcome": "reached", "note": "calls back"})
    page = await browser.get(answer.headers["location"])

    ((method, path, body, headers),) = upstream.writes
    assert (method, path) == ("POST", "/v1/tasks/t1/complete")
    assert body == {"outcome": "reached", "note": "calls back"}
    assert headers["kizashi-actor"] == "sato"
    assert answer.status_code == 303
    assert answer.headers["location"] == "/accounts/akagi?said=completed.reached"
    assert "Recorded: Reached." in page.text


async def test_a_double_click_records_once(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get("/tasks")).text).form(COMPLETE)

    answers = [await browser.post(COMPLETE, data={**fields, "outcome": "reached"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(upstream.writes) == 1


async def test_a_task_that_was_closed_meanwhile_is_told(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.tasks["t1"] = upstream.tasks["t1"].model_copy(update={"status": "completed", "outcome": "no_answer"})

    answer = await visitor().post(COMPLETE, data={"key": "t1:1", "outcome": "reached", "next": "/tasks"})

    assert answer.status_code == 409
    assert "closed meanwhile" in answer.text
    assert "/tasks" in Page(answer.text).links


async def test_a_task_is_put_off_until_a_morning_of_the_reader(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get("/tasks")).text).form(SNOOZE)

    answer = await browser.post(SNOOZE, data={**fields, "until": "2026-11-27", "reason": "customer_away"})
    page = Page((await browser.get(answer.headers["location"])).text)

    ((method, path, body, _),) = upstream.writes
    assert (method, path) == ("PATCH", "/v1/tasks/t1")
    assert body == {"status": "snoozed", "snoozed_until": "2026-11-27T09:00:00+09:00", "reason": "customer_away"}
    assert "Snoozed until Fri 27 Nov." in page.text


async def test_putting_off_can_be_undone(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get("/tasks")).text).form(SNOOZE)
    sent = await browser.post(SNOOZE, data={**fields, "until": "2026-11-27", "reason": "customer_away"})
    undo = Page((await browser.get(sent.headers["location"])).text).form("/tasks/t1/reopen")

    answer = await browser.post("/tasks/t1/reopen", data=undo)

    assert upstream.tasks["t1"].status == "open"
    assert answer.headers["location"] == "/tasks?said=reopened"


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        (COMPLETE, {"outcome": ""}, "No outcome was chosen"),
        (COMPLETE, {"outcome": "Not A Code"}, "No outcome was chosen"),
        (COMPLETE, {"outcome": "reached", "note": "x" * 4001}, "more than 4,000 characters"),
        (SNOOZE, {"until": "2026-11-24", "reason": "customer_away"}, "Choose a day after today"),
        (SNOOZE, {"until": "tomorrow", "reason": "customer_away"}, "Choose a day after today"),
        (SNOOZE, {"until": "2026-11-30", "reason": ""}, "Choose why"),
    ],
)
async def test_a_form_that_is_not_right_saves_nothing_and_says_why(
    visitor: Visitor, upstream: FakeUpstream, path: str, fields: dict[str, str], why: str
) -> None:
    answer = await visitor().post(path, data={"key": "t1:1", "next": "/tasks", **fields})

    assert answer.status_code == 422
    assert why in answer.text
    assert "Nothing was saved" in answer.text
    assert upstream.writes == []


async def test_who_may_only_read_sees_no_buttons_and_changes_nothing(visitor: Visitor, upstream: FakeUpstream) -> None:
    reader = visitor(role="read_only")

    page = Page((await reader.get("/accounts/akagi")).text)
    answer = await reader.post(COMPLETE, data={"outcome": "reached", "key": "t1:1"})

    assert "Call the champion" in page.text
    assert not [form for form in page.forms if form["action"].startswith("/tasks")]
    assert answer.status_code == 403
    assert upstream.writes == []


async def test_a_form_never_sends_to_another_site(visitor: Visitor) -> None:
    answer = await visitor().post(COMPLETE, data={"key": "t1:1", "outcome": "reached", "next": "https://evil.example/"})

    assert answer.headers["location"] == "/tasks?said=completed.reached"


async def test_done_tasks_show_what_came_of_them(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.tasks["t1"] = upstream.tasks["t1"].model_copy(
        update={"status": "completed", "outcome": "no_answer", "note": "voice mail", "completed_at": NOW}
    )

    text = Page((await visitor().get("/tasks?which=done")).text).text

    assert "No answer" in text
    assert "voice mail" in text


async def test_no_tasks_is_good_news_with_a_way_on(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.tasks.clear()

    page = Page((await visitor().get("/tasks")).text)

    assert "No open tasks." in page.text
    assert "/accounts" in page.links


async def test_outcomes_of_the_playbook_come_before_the_usual_ones(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.tasks["t1"] = upstream.tasks["t1"].model_copy(update={"outcomes": ["sent_parts", "declined"]})

    page = Page((await visitor().get("/accounts/akagi")).text)

    assert "sent parts" in page.text
    assert "Declined" in page.text
    card = page.html[page.html.index("Call the champion</h3>") : page.html.index("Check tablets")]
    assert 'value="reached"' not in card


async def test_names_of_accounts_are_asked_for_once_a_minute(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()

    pages = [await browser.get("/tasks") for _ in range(3)]

    assert all("Akagi Valve Works" in page.text for page in pages)
    assert [request.url.path for request in upstream.requests].count("/v1/accounts/akagi") == 1


async def test_a_write_without_an_answer_may_have_been_saved(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.loses_answers = True

    answer = await visitor().post(COMPLETE, data={"key": "t1:1", "outcome": "reached", "next": "/tasks"})

    assert answer.status_code == 503
    assert "It may have been saved. Look at the task before you send it again." in answer.text
    assert "Nothing was" not in answer.text
    assert "/tasks" in Page(answer.text).links


async def test_a_write_that_was_never_sent_changed_nothing(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.down.add("playbook")

    answer = await visitor().post(COMPLETE, data={"key": "t1:1", "outcome": "reached", "next": "/tasks"})

    assert answer.status_code == 503
    assert "Nothing was changed." in answer.text


async def test_the_day_that_is_confirmed_is_the_one_that_holds(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.back_at = datetime(2026, 11, 30, tzinfo=UTC)
    browser = visitor()

    answer = await browser.post(SNOOZE, data={"key": "t1:1", "until": "2026-11-27", "reason": "customer_away"})
    page = await browser.get(answer.headers["location"])

    assert "Snoozed until Mon 30 Nov." in page.text


@pytest.mark.parametrize("task", ["../settings", "a/b", "t1?x=", "x" * 65, ""])
async def test_an_address_cannot_make_up_what_is_undone(visitor: Visitor, task: str) -> None:
    answer = await visitor().get("/tasks", params={"said": f"snoozed.2026-11-27.{task}.2"})

    assert "Snoozed until Fri 27 Nov." in answer.text
    assert not [form for form in Page(answer.text).forms if form["action"].endswith("/reopen")]


async def test_snoozed_tasks_are_on_the_first_page_only(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.tasks["t4"] = upstream.tasks["t4"].model_copy(update={"status": "snoozed", "snoozed_until": NOW})
    browser = visitor()

    first, second = await browser.get("/tasks"), await browser.get("/tasks?cursor=1")

    assert "Check tablets" in first.text
    assert "Check tablets" not in second.text
    assert "Call the champion" in second.text


async def test_a_cursor_that_is_none_shows_the_first_page(visitor: Visitor) -> None:
    browser = visitor()

    for path in ("/tasks", "/accounts", "/accounts/akagi"):
        cut = await browser.get(path, params={"cursor": "cut", "before": "cut"})

        assert cut.status_code == 200
        assert "Akagi Valve Works" in cut.text
        assert "Not all could be loaded" not in cut.text
