"""The edge for programs: /v1/surveys."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, get_args
from uuid import uuid4

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from cskit.auth import PEOPLE, Principal
from cskit.clock import Clock
from cskit.db import Database, Tx
from cskit.errors import Conflict, Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, decode_cursor, encode_cursor, moment_of, requires
from cskit.messages import UnitOfWorks
from csmodels import api
from csmodels.fields import Account, Code, Locale, Person, Role, SurveyKind, UtcTime
from csmodels.ids import SurveyId, is_code
from survey import store
from survey.answers import text_ref
from survey.domain.answering import Invitation, Survey
from survey.domain.links import token_of
from survey.domain.nps import nps

OPEN_FOR: Final = timedelta(days=30)
_AVAILABLE: Final = ("nps",)


def _duration(value: object) -> object:
    if isinstance(value, str | timedelta):
        return value
    raise ValueError("should be an ISO 8601 duration as text, such as P30D")


def _whole_seconds(value: timedelta) -> timedelta:
    if value.microseconds:
        raise ValueError("should be whole seconds")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    AfterValidator(_whole_seconds),
    Field(ge=timedelta(hours=1), le=timedelta(days=366)),
]


def _text(longest: int) -> Any:
    return StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=longest, strip_whitespace=True)


class Name(api.Model):
    """A name in both languages."""

    en: Annotated[str, _text(200)]
    ja: Annotated[str, _text(200)]


class Question(api.Model):
    """A question in both languages."""

    en: Annotated[str, _text(500)]
    ja: Annotated[str, _text(500)]


class NewSurvey(api.Model):
    """POST /v1/surveys. Without a question the usual one of its kind is asked; links are open for `expires_after`."""

    id: Code | None = None
    kind: str
    name: Name
    question: Question | None = None
    expires_after: Duration = OPEN_FOR


class SurveyBody(api.Model):
    """A survey. question is null if it is the usual one."""

    id: str
    kind: SurveyKind
    name: dict[str, str]
    question: dict[str, str] | None
    expires_after: timedelta
    created_at: UtcTime


class NewInvitation(api.Body):
    """POST /v1/surveys/{id}/invitations: whom to ask (the person's id in the directory), their language and role."""

    account: Account
    person: Person
    locale: Locale | None = None
    role: Role | None = None


class ResponseBody(api.Model):
    """A response as it stands. person is null once erased; comment is shown to keys with the scope `people` only."""

    id: str
    account: str
    person: str | None
    role: str | None
    score: int
    revision: int
    answered_at: UtcTime
    changed_at: UtcTime
    text_ref: str | None
    comment: str | None = None


class Results(api.Model):
    """…/results. nps -100 to 100; low and high are its 95 % interval, margin half its width. Null without answers."""

    survey: str
    kind: SurveyKind
    count: int
    promoters: int
    passives: int
    detractors: int
    nps: float | None
    margin: float | None
    low: float | None
    high: float | None


def survey_routes(
    *, key: Callable[[], Awaitable[bytes]], database: Database, units: UnitOfWorks, world: Clock, public_url: str
) -> APIRouter:
    """/v1/surveys. `key` is awaited before every request: it also makes what a first start makes."""
    router = APIRouter(prefix="/v1/surveys", tags=["surveys"], dependencies=[Depends(key)])

    @router.post("", status_code=201)
    async def create_survey(
        body: NewSurvey, _: Annotated[Principal, requires("configure")], ids: WriteId
    ) -> SurveyBody:
        """Make a survey. The same again answers the survey that is there; another one of that id is refused."""
        _check_kind(body.kind)
        wanted = Survey(
            id=SurveyId(body.id or ids("survey")),
            kind=body.kind,
            name=body.name.model_dump(),
            question=body.question.model_dump() if body.question else None,
            expires_after=body.expires_after,
            created_at=world.now(),
        )
        async with units() as uow:
            found = await store.add_survey(uow.tx, wanted)
        if _content(found) != _content(wanted):
            raise Conflict("survey_exists", f"There is another survey “{found.id}”. Choose another id.", field="id")
        return _survey_body(found)

    @router.get("")
    async def list_surveys(
        _: Annotated[Principal, requires("read")], limit: Limit, cursor: Cursor
    ) -> api.Page[SurveyBody]:
        """All surveys by id."""
        after = _survey_cursor(cursor) if cursor is not None else ""
        async with database.read() as tx:
            found = await store.list_surveys(tx, after=after, limit=limit + 1)
        shown = [_survey_body(each) for each in found[:limit]]
        return api.Page(items=shown, next=encode_cursor(shown[-1].id) if len(found) > limit else None)

    @router.get("/{survey_id}")
    async def get_survey(survey_id: str, _: Annotated[Principal, requires("read")]) -> SurveyBody:
        """One survey."""
        async with database.read() as tx:
            return _survey_body(await _existing(tx, survey_id))

    @router.post("/{survey_id}/invitations", status_code=201)
    async def invite(
        survey_id: str,
        body: NewInvitation,
        _: Annotated[Principal, requires("write")],
        ids: WriteId,
        secret: Annotated[bytes, Depends(key)],
    ) -> api.Invitation:
        """Ask a person: the link to send. The same Idempotency-Key for the same person gives the same link.

        The id of somebody who was merged stands for whom they became; that of somebody erased is refused.
        """
        now = world.now()
        async with units() as uow:
            survey = await _existing(uow.tx, survey_id)
            person = (await store.ends_of(uow.tx, [body.person]))[body.person]
            if person is None:
                raise Invalid(
                    "person_erased", "This person was erased: nobody can be asked under this id.", field="person"
                )
            wanted = Invitation(
                id=str(uuid4()),
                survey=survey.id,
                account=body.account,
                person=person,
                locale=body.locale,
                role=body.role,
                expires_at=now + survey.expires_after,
            )
            write_id = ids("invitation", body.account, body.person)
            kept = await store.invite(uow.tx, wanted, write_id=write_id, now=now)
        return api.Invitation(url=f"{public_url}/s/{token_of(kept, secret)}")

    @router.get("/{survey_id}/responses", response_model_exclude_unset=True)
    async def list_responses(
        survey_id: str,
        principal: Annotated[Principal, requires("read")],
        limit: Limit,
        cursor: Cursor,
    ) -> api.Page[ResponseBody]:
        """The responses, newest first."""
        before = _response_cursor(cursor) if cursor is not None else None
        async with database.read() as tx:
            survey = await _existing(tx, survey_id)
            found = await store.list_responses(tx, survey.id, before=before, limit=limit + 1)
        shown = found[:limit]
        following = encode_cursor(shown[-1].answered_at.isoformat(), shown[-1].id) if len(found) > limit else None
        with_comments = principal.has(PEOPLE)
        return api.Page(items=[_response_body(each, with_comments) for each in shown], next=following)

    @router.get("/{survey_id}/results")
    async def get_results(survey_id: str, _: Annotated[Principal, requires("read")]) -> Results:
        """NPS over all responses, with its margin of error."""
        async with database.read() as tx:
            survey = await _existing(tx, survey_id)
            counts = await store.score_counts(tx, survey.id)
        return Results.model_validate({"survey": survey.id, "kind": survey.kind, **asdict(nps(counts))})

    return router


def _check_kind(kind: str) -> None:
    if kind in _AVAILABLE:
        return
    if kind in get_args(SurveyKind):
        raise Invalid(
            "kind_not_available",
            f"Surveys of kind “{kind}” are not available in this version. There is: {', '.join(_AVAILABLE)}.",
            field="kind",
        )
    raise Invalid("unknown_kind", f"There is no such kind of survey. There is: {', '.join(_AVAILABLE)}.", field="kind")


async def _existing(tx: Tx, survey_id: str) -> Survey:
    found = await store.survey(tx, survey_id)
    if found is None:
        raise NotFound("unknown_survey", f"There is no survey “{survey_id}”. GET /v1/surveys lists them.")
    return found


def _content(survey: Survey) -> tuple[object, ...]:
    return survey.kind, survey.name, survey.question, survey.expires_after


def _survey_body(survey: Survey) -> SurveyBody:
    return SurveyBody.model_validate(asdict(survey))


def _response_body(found: store.Listed, with_comment: bool) -> ResponseBody:
    shown = asdict(found)
    comment = shown.pop("comment")
    shown["text_ref"] = text_ref(found.id) if comment is not None else None
    if with_comment:
        shown["comment"] = comment
    return ResponseBody.model_validate(shown)


def _survey_cursor(cursor: str) -> str:
    match decode_cursor(cursor):
        case (str(after),) if is_code(after):
            return after
        case _:
            raise _bad_cursor()


def _response_cursor(cursor: str) -> tuple[datetime, str]:
    match decode_cursor(cursor):
        case (str(at), str(response)) if is_code(response):
            return moment_of(at), response
    raise _bad_cursor()


def _bad_cursor() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not one of this list. Leave it out to begin anew.", field="cursor")
