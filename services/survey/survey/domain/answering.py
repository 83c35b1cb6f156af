"""What an invitation still allows, and when an answer is a new revision."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from csmodels.fields import Role
from csmodels.ids import AccountId, PersonId, ResponseId, SurveyId

CHANGEABLE_FOR: Final = timedelta(hours=24)  # from the first answer, on the world clock
MAX_REVISIONS: Final = 20  # of one response, so that one link cannot flood the log
LONGEST_COMMENT: Final = 2_000  # characters: 24 kB at most in a form
LOWEST, HIGHEST = 0, 10


@dataclass(frozen=True, slots=True)
class Survey:
    """What is asked. name and question by language; without a question the usual one of its kind."""

    id: SurveyId
    kind: str
    name: dict[str, str]
    question: dict[str, str] | None
    expires_after: timedelta  # of its links
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """One person is asked once. `id` stands in the link, which is open until `expires_at`."""

    id: str
    survey: SurveyId
    account: AccountId
    person: PersonId
    locale: str | None
    role: Role | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a form said: a score from 0 to 10, and perhaps a comment."""

    score: int
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What was recorded: the answer in force, its revision, and when the first one came."""

    id: ResponseId
    answer: Answer
    revision: int
    answered_at: datetime

    @property
    def changeable_until(self) -> datetime:
        """The moment from which no change is taken any more."""
        return self.answered_at + CHANGEABLE_FOR


class Standing(Enum):
    """What may be done with a link."""

    OPEN = "open"  # nothing was answered yet
    CHANGEABLE = "changeable"  # answered less than 24 hours ago
    USED_UP = "used up"  # answered, and final
    EXPIRED = "expired"  # never answered, and too late


def standing(invitation: Invitation, response: Response | None, now: datetime) -> Standing:
    """The state of a link. An answer may be changed for its 24 hours even if the link expires meanwhile."""
    if response is None:
        return Standing.OPEN if now < invitation.expires_at else Standing.EXPIRED
    if now < response.changeable_until and response.revision < MAX_REVISIONS:
        return Standing.CHANGEABLE
    return Standing.USED_UP


def next_revision(response: Response | None, answer: Answer) -> int | None:
    """The revision under which this answer is recorded; None if it says what is recorded already."""
    if response is None:
        return 1
    return response.revision + 1 if answer != response.answer else None


def score_in(text: str | None) -> int | None:
    """The score that a form or a link names; None if it is no whole number from 0 to 10."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= 2):
        return None
    score = int(text)
    return score if LOWEST <= score <= HIGHEST else None


def comment_in(text: str | None) -> str | None:
    """A comment as it is kept: line ends as \\n, no other control characters, no blanks around it; None if empty."""
    lines = (text or "").replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(letter for letter in lines if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs"))
    return kept.strip() or None
