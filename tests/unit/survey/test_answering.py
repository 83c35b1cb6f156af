"""What a link allows, and when an answer is a new revision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmodels.ids import AccountId, PersonId, ResponseId, SurveyId
from survey.domain.answering import (
    MAX_REVISIONS,
    Answer,
    Invitation,
    Response,
    Standing,
    comment_in,
    next_revision,
    score_in,
    standing,
)

NOW = datetime(2026, 11, 24, 8, 41, tzinfo=UTC)
SECOND = timedelta(seconds=1)
INVITATION = Invitation(
    "i-1", SurveyId("nps"), AccountId("acme"), PersonId("p"), None, None, expires_at=NOW + timedelta(days=30)
)
RESPONSE = Response(ResponseId("r-1"), Answer(7), revision=1, answered_at=NOW)
ANSWERS = st.builds(Answer, st.integers(0, 10), st.none() | st.text(min_size=1, max_size=5))


def test_a_link_is_open_until_the_moment_it_expires() -> None:
    end = INVITATION.expires_at

    assert standing(INVITATION, None, end - SECOND) is Standing.OPEN
    assert standing(INVITATION, None, end) is Standing.EXPIRED


def test_an_answer_may_be_changed_for_24_hours_and_not_a_moment_longer() -> None:
    end = NOW + timedelta(hours=24)

    assert standing(INVITATION, RESPONSE, end - SECOND) is Standing.CHANGEABLE
    assert standing(INVITATION, RESPONSE, end) is Standing.USED_UP


def test_an_answer_given_at_the_last_minute_keeps_its_24_hours() -> None:
    invitation = replace(INVITATION, expires_at=NOW + SECOND)

    assert standing(invitation, RESPONSE, NOW + timedelta(hours=23)) is Standing.CHANGEABLE


def test_a_link_is_used_up_after_twenty_revisions() -> None:
    often = replace(RESPONSE, revision=MAX_REVISIONS)

    assert standing(INVITATION, often, NOW) is Standing.USED_UP


def test_a_first_answer_is_revision_1() -> None:
    assert next_revision(None, Answer(0)) == 1


@given(ANSWERS, ANSWERS)
def test_only_an_answer_that_differs_is_a_new_revision(before: Answer, after: Answer) -> None:
    response = replace(RESPONSE, answer=before, revision=3)

    assert next_revision(response, after) == (None if before == after else 4)


@pytest.mark.parametrize("text", ["0", "7", "10", "07"])
def test_whole_numbers_from_0_to_10_are_scores(text: str) -> None:
    assert score_in(text) == int(text)


@pytest.mark.parametrize("text", [None, "", "11", "-1", "7.0", " 7", "٧", "007", "seven", "1e1"])
def test_nothing_else_is_a_score(text: str | None) -> None:
    assert score_in(text) is None


def test_a_comment_keeps_its_lines_and_loses_control_characters_and_blanks_around_it() -> None:
    assert comment_in("  one\r\ntwo\x00\x07\rthree\n ") == "one\ntwo\nthree"


@pytest.mark.parametrize("text", [None, "", " \r\n\t "])
def test_an_empty_comment_is_none(text: str | None) -> None:
    assert comment_in(text) is None


@given(st.text())
def test_a_cleaned_comment_is_clean(text: str) -> None:
    once = comment_in(text)

    assert comment_in(once) == once
    assert once is None or "\x00" not in once
