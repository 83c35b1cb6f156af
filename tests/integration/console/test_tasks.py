"""Closing a task and putting it off."""

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
    assert 'value="reached"' not in page.html[: page.html.index("Check tablets")]
