"""POST /s/{token}: what is recorded, and what is not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.integration.survey.page import Page
from tests.integration.survey.stack import NOW, PERSON, Stack

from cskit.db import DatabaseUnavailable
from cskit.messages import UnitOfWork
from csmodels.internal import SurveyAnswered
from survey.domain.answering import MAX_REVISIONS
from survey.tables import PLUMBING, responses, texts

DAY = timedelta(hours=24)


async def test_one_post_records_one_answer_and_its_event(stack: Stack) -> None:
    link = await stack.invite(role="sponsor")

    answer = await stack.answer(link, 3, "Too slow")

    assert answer.status_code == 200
    assert "Thank you" in answer.text
    (row,) = await stack.rows(responses)
    assert (row["score"], row["revision"], row["answered_at"]) == (3, 1, NOW)
    (event,) = await stack.outbox()
    assert isinstance(event, SurveyAnswered)
    assert (event.id, event.source, event.subject, event.personid) == (f"{row['id']}:1", "survey", "acme", PERSON)
    assert event.time == event.receivedtime == NOW
    assert event.data.model_dump(exclude_unset=True) == {
        "survey": "nps",
        "response": row["id"],
        "revision": 1,
        "kind": "nps",
        "score": 3,
        "role": "sponsor",
        "text_ref": f"survey/{row['id']}",
    }
    (text,) = await stack.rows(texts)
    assert (text["id"], text["body"]) == (row["id"], "Too slow")


async def test_the_event_never_holds_the_comment(stack: Stack, link: str) -> None:
    await stack.answer(link, 3, "call 090-1234")

    (row,) = await stack.rows(PLUMBING.outbox)

    assert b"090" not in row["value"]


async def test_the_same_form_sent_twice_stays_one_revision(stack: Stack, link: str) -> None:
    await stack.answer(link, 3, "Too slow")
    stack.world.advance(timedelta(hours=1))

    again = await stack.answer(link, 3, " Too slow\r\n")

    assert again.status_code == 200
    assert [event.id[-2:] for event in await stack.outbox()] == [":1"]


async def test_a_change_within_24_hours_is_a_new_revision_of_the_same_response(stack: Stack, link: str) -> None:
    await stack.answer(link, 3, "Too slow")
    stack.world.advance(DAY - timedelta(seconds=1))

    changed = await stack.answer(link, 8)

    assert changed.status_code == 200
    (row,) = await stack.rows(responses)
    assert (row["score"], row["revision"], row["answered_at"]) == (8, 2, NOW)
    assert await stack.rows(texts) == []
    first, second = await stack.outbox()
    assert (first.id, second.id) == (f"{row['id']}:1", f"{row['id']}:2")


async def test_after_24_hours_the_link_is_used_up(stack: Stack, link: str) -> None:
    await stack.answer(link, 3)
    before = await stack.everything()
    stack.world.advance(DAY)

    for answer in (await stack.browser.get(link), await stack.answer(link, 8), await stack.answer(link, 3)):
        assert answer.status_code == 410
        assert "This link has been used." in answer.text

    assert await stack.everything() == before


async def test_one_link_cannot_flood_the_log(stack: Stack, link: str) -> None:
    statuses = [(await stack.answer(link, count % 2)).status_code for count in range(MAX_REVISIONS + 2)]

    assert statuses == [200] * MAX_REVISIONS + [410, 410]
    assert len(await stack.outbox()) == MAX_REVISIONS


@pytest.mark.parametrize("body", [b"\xff\xfe", b"&".join(b"a=1" for _ in range(1000)), b"", b"{}"])
async def test_a_body_that_is_no_form_of_ours_is_refused_with_the_page(stack: Stack, link: str, body: bytes) -> None:
    answer = await stack.browser.post(link, content=body)

    assert answer.status_code == 422
    assert await stack.rows(responses) == []


async def test_the_longest_comment_is_taken_and_a_longer_one_is_given_back(stack: Stack, link: str) -> None:
    longest = "長" * 2_000

    long = await stack.answer(link, 3, longest + "い")
    assert long.status_code == 422
    assert "2,001 characters" in long.text
    assert Page(long.text).checked == ["3"]

    taken = await stack.answer(link, 3, longest)
    assert taken.status_code == 200
    assert [text["body"] for text in await stack.rows(texts)] == [longest]


@pytest.mark.parametrize("declared", [True, False])
async def test_a_form_beyond_32_kb_is_refused_with_a_page(stack: Stack, link: str, declared: bool) -> None:
    body = b"score=3&comment=" + b"x" * 33_000

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 8_192):
            yield body[start : start + 8_192]

    answer = await stack.browser.post(link, content=body if declared else chunks())

    assert answer.status_code == 413
    assert "The answer is too long." in answer.text
    assert await stack.rows(responses) == []


async def test_the_answer_and_its_event_are_committed_together_or_not_at_all(
    stack: Stack, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await stack.everything()

    def broken(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("lost in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(UnitOfWork, "publish", broken)
        failed = await stack.answer(link, 3, "Too slow")

    assert failed.status_code == 503
    assert "Nothing was recorded." in failed.text
    assert await stack.everything() == before

    assert (await stack.answer(link, 3, "Too slow")).status_code == 200
    assert len(await stack.rows(responses)) == len(await stack.outbox()) == 1


async def test_an_answer_wakes_the_relay_at_once(stack: Stack, link: str) -> None:
    relay = stack.platform.relay("survey", PLUMBING)
    relay.wake.clear()

    await stack.answer(link, 3)

    assert relay.wake.is_set()


async def test_ten_posts_at_once_make_one_response_and_no_gap_in_its_revisions(stack: Stack, link: str) -> None:
    answers = await asyncio.gather(*(stack.answer(link, score) for score in range(10)))

    assert {answer.status_code for answer in answers} == {200}
    (row,) = await stack.rows(responses)
    assert row["revision"] == 10
    events = await stack.outbox()
    assert [event.id for event in events] == [f"{row['id']}:{revision}" for revision in range(1, 11)]
    assert isinstance(events[-1], SurveyAnswered)
    assert events[-1].data.score == row["score"]
