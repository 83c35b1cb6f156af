"""What people do to an account from its page: a note, a contact, an override, handing over."""

from typing import Any

import pytest
from tests.integration.console.conftest import Visitor
from tests.integration.console.reading import Page
from tests.integration.console.upstream import FakeUpstream

from csmodels.api import Staff

HERE = "/accounts/akagi"
NOTE, TOUCH, OVERRIDE, OWNER = (f"{HERE}/{act}" for act in ("note", "touch", "override", "owner"))


@pytest.mark.parametrize("who", ["sato", "花子"])
async def test_a_note_is_written_in_the_name_of_who_writes_it(
    visitor: Visitor, upstream: FakeUpstream, who: str
) -> None:
    upstream.staff.append(Staff(id="花子", name="Hanako Ueda", time_zone="Asia/Tokyo"))
    browser = visitor(staff=who)
    fields = Page((await browser.get(HERE)).text).form(NOTE)

    answer = await browser.post(NOTE, data={**fields, "text": " They move in May. "})
    page = await browser.get(answer.headers["location"])

    ((method, path, body, headers),) = upstream.writes
    assert (method, path, body) == ("POST", "/v1/accounts/akagi/notes", {"text": "They move in May."})
    assert headers["kizashi-actor"] == who
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}?said=acted.note")
    assert "The note is saved." in page.text


async def test_a_double_click_writes_one_note(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get(HERE)).text).form(NOTE)

    answers = [await browser.post(NOTE, data={**fields, "text": "once"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(upstream.writes) == 1


async def test_two_notes_from_two_looks_are_two(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()

    for _ in range(2):
        fields = Page((await browser.get(HERE)).text).form(NOTE)
        await browser.post(NOTE, data={**fields, "text": "the same words"})

    assert len(upstream.writes) == 2


async def test_what_takes_its_time_is_told(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.folds = False
    browser = visitor()
    fields = Page((await browser.get(HERE)).text).form(NOTE)

    answer = await browser.post(NOTE, data={**fields, "text": "n"})
    page = await browser.get(answer.headers["location"])

    assert "The note is saved. It shows here in a moment." in page.text


async def test_a_contact_of_today_is_of_now_and_one_of_before_of_its_noon(
    visitor: Visitor, upstream: FakeUpstream
) -> None:
    browser = visitor()
    fields = Page((await browser.get(HERE)).text).form(TOUCH)
    given = {"kind": "call", "direction": "both", "outcome": "reached", "text": ""}

    await browser.post(TOUCH, data={**fields, **given, "key": "a"})
    await browser.post(TOUCH, data={**fields, **given, "key": "b", "day": "2026-11-20", "outcome": "", "text": "hm"})

    (_, path, today, _), (_, _, before, _) = upstream.writes
    assert path == "/v1/accounts/akagi/touches"
    assert today == {
        "kind": "call", "direction": "both", "person": None, "outcome": "reached", "text": None, "at": None,
    }  # fmt: skip
    assert (before["at"], before["outcome"], before["text"]) == ("2026-11-20T12:00:00+09:00", None, "hm")


async def test_an_override_lasts_until_the_end_of_its_day(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get(HERE)).text).form(OVERRIDE)

    await browser.post(OVERRIDE, data={**fields, "points": "-4.5", "text": "Champion is leaving."})

    ((_, path, body, _),) = upstream.writes
    assert path == "/v1/accounts/akagi/overrides"
    assert fields["until"] == "2026-12-24"
    assert body == {"points": -4.5, "note": "Champion is leaving.", "expires_at": "2026-12-25T00:00:00+09:00"}


async def test_an_override_in_force_can_be_ended_and_past_ones_show_their_grade(
    visitor: Visitor, upstream: FakeUpstream
) -> None:
    row: dict[str, Any] = {
        "override": "o 1", "points": 5.0, "author": "sato", "state": "in_force", "expires_at": "2026-12-20T00:00:00Z",
        "ended_at": None, "grade": None, "due_at": "2027-02-18T00:00:00Z",
    }  # fmt: skip
    upstream.accounts["akagi"].overrides = [row, {**row, "override": "o0", "state": "expired", "grade": "harmful"}]
    browser = visitor()
    page = Page((await browser.get(HERE)).text)
    end = f"{HERE}/overrides/o%201/end"

    answer = await browser.post(end, data=page.form(end))

    assert "graded: misleading" in page.text
    assert [form for form in page.forms if "/o0/" in form["action"]] == []
    assert [(path, body) for _, path, body, _ in upstream.writes] == [("/v1/accounts/akagi/overrides/o 1/end", {})]
    assert answer.headers["location"] == f"{HERE}?said=acted.end"


async def test_an_account_is_handed_over_to_a_member_of_the_staff(visitor: Visitor, upstream: FakeUpstream) -> None:
    browser = visitor()
    fields = Page((await browser.get(HERE)).text).form(OWNER)
    other = next(member.id for member in upstream.staff if member.id != "sato")

    await browser.post(OWNER, data={**fields, "to": other, "text": "On leave."})
    await browser.post(OWNER, data={**fields, "key": "2", "to": "", "text": ""})

    assert [(method, path, body) for method, path, body, _ in upstream.writes] == [
        ("PATCH", "/v1/accounts/akagi/owner", {"to": other, "text": "On leave."}),
        ("PATCH", "/v1/accounts/akagi/owner", {"to": None, "text": None}),
    ]


@pytest.mark.parametrize(
    ("path", "fields", "why"),
    [
        (NOTE, {"text": "  "}, "The text is empty"),
        (NOTE, {"text": "x" * 4001}, "more than 4,000 characters"),
        (TOUCH, {"kind": "call", "direction": "both", "day": "2026-11-25"}, "Choose today or earlier"),
        (TOUCH, {"kind": "call", "direction": "both", "day": "never"}, "Choose today or earlier"),
        (TOUCH, {"kind": "visit", "direction": "both", "day": "2026-11-24"}, "not on the list"),
        (OVERRIDE, {"points": "11", "until": "2026-12-24", "text": "n"}, "no number from −10 to 10"),
        (OVERRIDE, {"points": "0", "until": "2026-12-24", "text": "n"}, "no number from −10 to 10"),
        (OVERRIDE, {"points": "nan", "until": "2026-12-24", "text": "n"}, "no number from −10 to 10"),
        (OVERRIDE, {"points": "3", "until": "2026-11-24", "text": "n"}, "Choose a day after today"),
        (OVERRIDE, {"points": "3", "until": "9999-12-31", "text": "n"}, "Choose a day after today"),
        (OVERRIDE, {"points": "3", "until": "2026-12-24", "text": ""}, "The text is empty"),
        (OWNER, {"to": "nobody-known"}, "not on the list"),
    ],
)
async def test_a_form_that_is_not_right_saves_nothing_and_says_why(
    visitor: Visitor, upstream: FakeUpstream, path: str, fields: dict[str, str], why: str
) -> None:
    answer = await visitor().post(path, data={"key": "k", **fields})

    assert answer.status_code == 422
    assert why in answer.text
    assert "Nothing was saved" in answer.text
    assert HERE in Page(answer.text).links
    assert upstream.writes == []


async def test_who_may_only_read_sees_no_forms_and_changes_nothing(visitor: Visitor, upstream: FakeUpstream) -> None:
    reader = visitor(role="read_only")

    page = Page((await reader.get(HERE)).text)
    answers = [await reader.post(path, data={"key": "k", "text": "n"}) for path in (NOTE, TOUCH, OVERRIDE, OWNER)]

    assert [form for form in page.forms if form["action"].startswith(f"{HERE}/")] == []
    assert [answer.status_code for answer in answers] == [403] * 4
    assert upstream.writes == []


async def test_another_sites_form_is_refused(visitor: Visitor, upstream: FakeUpstream) -> None:
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}

    answer = await visitor().post(NOTE, data={"key": "k", "text": "n"}, headers=foreign)

    assert answer.status_code == 403
    assert upstream.writes == []


async def test_an_answer_that_was_lost_is_told(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.loses_answers = True

    answer = await visitor().post(NOTE, data={"key": "k", "text": "n"})

    assert answer.status_code == 503
    assert "It may have been saved" in answer.text


async def test_an_unknown_account_is_told(visitor: Visitor) -> None:
    answer = await visitor().post("/accounts/nobody/note", data={"key": "k", "text": "n"})

    assert answer.status_code == 404


async def test_the_forms_speak_japanese(visitor: Visitor) -> None:
    page = Page((await visitor(language="ja").get(HERE)).text)

    for words in ("メモを追加", "接点を記録", "スコアを調整", "担当を変更"):
        assert words in page.text


async def test_every_field_has_a_label(visitor: Visitor) -> None:
    page = Page((await visitor().get(HERE)).text)

    labelled = {value for tag, name, value in page.attributes if tag == "label" and name == "for"}
    areas = {value for tag, name, value in page.attributes if tag == "textarea" and name == "id"}

    assert {"act-note-text", "act-touch-text", "act-override-text", "act-owner-text"} <= areas
    assert areas <= labelled
    assert len(page.ids) == len(set(page.ids))
