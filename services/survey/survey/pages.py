"""The edge for the people asked: GET and POST /s/{token}. A GET writes nothing; a POST records."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cskit.clock import Clock
from cskit.db import Database, DatabaseUnavailable
from cskit.messages import UnitOfWorks
from cskit.observability import get_logger
from csmodels.ids import ResponseId
from survey import answers, store
from survey.domain.answering import LONGEST_COMMENT, Answer, Standing, comment_in, score_in, standing
from survey.domain.languages import Language, chosen
from survey.domain.links import invitation_of
from survey.rendering import Renderer, View
from survey.words import WORDS, Words

MAX_FORM_BYTES: Final = 32 * 1024
_MAX_FIELDS: Final = 16

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Refused:
    """A form that was not taken: what it said, and why not in the person's language."""

    score: int | None
    comment: str | None
    why: Callable[[Words], str]


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages need. `key` gives the key that signs links; `default` is the language where nothing tells one."""

    key: Callable[[], Awaitable[bytes]]
    database: Database
    units: UnitOfWorks
    world: Clock
    renderer: Renderer
    default: Language

    def router(self) -> APIRouter:
        """The routes. HEAD answers as GET does; the server leaves the body out."""
        router = APIRouter(tags=["survey pages"], default_response_class=HTMLResponse)
        router.add_api_route("/s/{token}", self.show, methods=["GET"], name="survey_page", response_model=None)
        router.add_api_route("/s/{token}", self.show, methods=["HEAD"], include_in_schema=False, response_model=None)
        router.add_api_route("/s/{token}", self.take, methods=["POST"], name="survey_answer", response_model=None)
        return router

    async def show(self, request: Request, token: str) -> Response:
        """The question in a form, with `?score=` preselected and `?lang=` en or ja. Records nothing."""
        try:
            return await self._shown(request, token)
        except DatabaseUnavailable as error:
            return self._unavailable(request, error)

    async def take(self, request: Request, token: str) -> Response:
        """Record the form's `score` (0-10) and `comment`; the same again changes nothing. Changeable for 24 hours."""
        try:
            return await self._taken(request, token)
        except DatabaseUnavailable as error:
            return self._unavailable(request, error)

    async def _shown(self, request: Request, token: str, refused: _Refused | None = None) -> Response:
        """The page of a link as it stands; after a form that was refused with what it said, and why."""
        asked = await self._asked(token)
        view = self._view(request, asked)
        if asked is None:
            return self.renderer.notice("unknown", view)
        match standing(asked.invitation, asked.response, self.world.now()):
            case Standing.EXPIRED:
                return self.renderer.notice("expired", view, moment=asked.invitation.expires_at)
            case Standing.USED_UP:
                return self.renderer.notice("used_up", view)
            case Standing.OPEN | Standing.CHANGEABLE:
                if refused is None:
                    return self.renderer.form(asked, view)
                view = View(view.language, refused.score)
                why = refused.why(WORDS[view.language])
                return self.renderer.form(asked, view, comment=refused.comment, error=why)

    async def _taken(self, request: Request, token: str) -> Response:
        invitation = invitation_of(token, await self.key())
        if invitation is None:
            return self.renderer.notice("unknown", self._view(request, None))
        body = await _body(request)
        if body is None:
            return self.renderer.notice("too_large", self._view(request, await self._asked(token)))
        said = _fields(body)
        score, comment = score_in(said.get("score")), comment_in(said.get("comment"))
        if score is None:
            return await self._shown(request, token, _Refused(score, comment, lambda words: words.choose))
        if comment is not None and len(comment) > LONGEST_COMMENT:
            sizes = {"length": f"{len(comment):,}", "limit": f"{LONGEST_COMMENT:,}"}
            return await self._shown(
                request, token, _Refused(score, comment, lambda words: words.too_long.format(**sizes))
            )
        return await self._recorded(request, invitation, Answer(score, comment))

    async def _recorded(self, request: Request, invitation: str, answer: Answer) -> Response:
        async with self.units() as uow:
            outcome = await answers.record(
                uow, invitation, answer, now=self.world.now(), new_id=ResponseId(str(uuid4()))
            )
        if outcome is None:
            return self.renderer.notice("unknown", self._view(request, None))
        view, asked = self._view(request, outcome.asked), outcome.asked
        if outcome.standing is Standing.EXPIRED:
            return self.renderer.notice("expired", view, moment=asked.invitation.expires_at)
        if outcome.standing is Standing.USED_UP:
            return self.renderer.notice("used_up", view)
        assert asked.response is not None, "an answer that was taken is there"
        return self.renderer.thanks(asked, asked.response, view)

    async def _asked(self, token: str) -> store.Asked | None:
        """What a token asks; None for one that is forged or whose invitation is gone: nobody is told which."""
        invitation = invitation_of(token, await self.key())
        if invitation is None:
            return None
        async with self.database.read() as tx:
            return await store.asked(tx, invitation)

    def _view(self, request: Request, asked: store.Asked | None) -> View:
        query = request.query_params
        locale = asked.invitation.locale if asked else None
        language = chosen(query.get("lang"), locale, request.headers.get("accept-language"), self.default)
        return View(language, score_in(query.get("score")))

    def _unavailable(self, request: Request, error: DatabaseUnavailable) -> Response:
        log.warning("survey.unavailable", reason=str(error))
        return self.renderer.notice("unavailable", self._view(request, None))


async def _body(request: Request) -> bytes | None:
    """The form as sent; None if it is larger than 32 KB. What is beyond is not read."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_FORM_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return None
    return bytes(body)


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a URL-encoded form, the first of each name; none if it is no such form."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:  # not ASCII, or more fields than any of our forms has
        return {}
    return {name: values[0] for name, values in fields.items()}
