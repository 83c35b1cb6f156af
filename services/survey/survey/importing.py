"""Answers that were given elsewhere: from the tool that was used before, or on paper."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from pydantic import Field

from cskit.auth import Principal
from cskit.clock import Clock
from cskit.errors import NotFound
from cskit.http import requires
from cskit.messages import UnitOfWorks
from cskit.observability import current_traceparent
from csmodels.api import Model
from csmodels.fields import Account, Person, Role, UtcTime
from csmodels.ids import PersonId, ResponseId, derived_id
from csmodels.internal import SurveyAnswered
from csmodels.topics import CUSTOMER_EVENTS
from survey import store
from survey.answers import answered
from survey.domain.answering import HIGHEST, LOWEST, Answer, Invitation, Response, Survey

MOST: Final = 1_000  # answers a request
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)  # as ingest has it
OLD_AFTER: Final = timedelta(days=3)  # as ingest has it: what is older starts nothing

Index = int


class PastAnswer(Model):
    """An answer that was given elsewhere. `id` is the sender's: the same again changes nothing."""

    id: Annotated[str, Field(min_length=1, max_length=256, strict=True)]
    account: Account
    person: Person
    score: Annotated[int, Field(ge=LOWEST, le=HIGHEST, strict=True)]
    at: UtcTime
    role: Role | None = None
    backfill: Annotated[bool, Field(strict=True)] = False  # old news, however young


class PastAnswers(Model):
    """POST /v1/surveys/{id}/responses."""

    items: Annotated[list[PastAnswer], Field(min_length=1, max_length=MOST)]


class RefusedAnswer(Model):
    """An answer that was not taken."""

    index: Index
    id: str
    code: str
    message: str


class Imported(Model):
    """What became of them. known: those that are here already."""

    accepted: int
    known: int
    refused: list[RefusedAnswer]


def import_routes(*, key: Callable[[], Awaitable[bytes]], units: UnitOfWorks, world: Clock) -> APIRouter:
    """The route. `key` is awaited first: it also makes what a first start makes."""
    router = APIRouter(prefix="/v1/surveys", tags=["surveys"], dependencies=[Depends(key)])

    @router.post("/{survey_id}/responses")
    async def import_responses(
        survey_id: str, body: PastAnswers, by: Annotated[Principal, requires("write")]
    ) -> Imported:
        """Bring in answers that were given elsewhere. What is older than three days, or says so, starts no playbook."""
        now = world.now()
        async with units() as uow:
            survey = await store.survey(uow.tx, survey_id)
            if survey is None:
                raise NotFound("unknown_survey", f"There is no survey “{survey_id}”. GET /v1/surveys lists them.")
            ends = await store.ends_of(uow.tx, {item.person for item in body.items})
            refused: list[RefusedAnswer] = []
            wanted: dict[ResponseId, store.Asked] = {}
            old: set[ResponseId] = set()
            for index, item in enumerate(body.items):
                if (problem := _problem(item, ends, now)) is not None:
                    refused.append(RefusedAnswer(index=index, id=item.id, code=problem[0], message=problem[1]))
                    continue
                id_ = ResponseId(derived_id("answer", by.source, survey.id, item.id))
                wanted.setdefault(id_, _asked(item, id_, survey, ends))
                if item.backfill or now - item.at > OLD_AFTER:
                    old.add(id_)
            there = await store.known_responses(uow.tx, wanted.keys())
            new = {id_: asked for id_, asked in wanted.items() if id_ not in there}
            store.add_responses(uow.tx, list(new.values()))
            told = [_event(asked, now, old=id_ in old) for id_, asked in new.items()]
            uow.publish(CUSTOMER_EVENTS, told, traceparent=current_traceparent())
        return Imported(accepted=len(new), known=len(body.items) - len(refused) - len(new), refused=refused)

    return router


def _problem(item: PastAnswer, ends: dict[PersonId, PersonId | None], now: datetime) -> tuple[str, str] | None:
    if ends[item.person] is None:
        return "person_erased", "This person was erased: nothing is kept under this id any more."
    if item.at > now:
        return "at_in_future", "at lies in the future; give the moment of the answer."
    if item.at < EARLIEST:
        return "at_too_early", "at lies before 1970; give the moment of the answer."
    return None


def _asked(item: PastAnswer, id_: ResponseId, survey: Survey, ends: dict[PersonId, PersonId | None]) -> store.Asked:
    person = ends[item.person]
    assert person is not None, "refused before"
    never = Invitation("", survey.id, item.account, person, None, item.role, item.at)
    return store.Asked(never, survey, Response(id_, Answer(item.score), 1, item.at))


def _event(asked: store.Asked, now: datetime, *, old: bool) -> SurveyAnswered:
    response = asked.response
    assert response is not None, "it was answered"
    return answered(asked, response, response.answered_at, received=now, backfill=old)
