"""What stands before every page: the session, the form's origin, and errors that people can read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from console.formats import Formats
from console.parts import BLOCK_SECONDS
from console.rendering import HEADERS, Renderer
from console.sessions import Session, cookie_name, from_cookie
from console.upstream import Refused, Unreachable, Upstream
from console.visits import KEYS_COOKIE, Visit, language_of, theme_of, zone_of
from console.words import Language, say
from cskit.clock import Clocks
from cskit.http.problems import REQUEST_ID
from cskit.observability import get_logger
from csmodels.api import Staff

_STAFF_FOR: Final = timedelta(seconds=30)  # how long the names of the staff are kept
_STAFF_AGAIN: Final = timedelta(seconds=10)  # after they could not be read: no page waits meanwhile
_MAX_FIELDS: Final = 32

Page = Callable[[Request, Visit], Awaitable[Response]]
Plain = Callable[[Request], Awaitable[Response]]

log = get_logger()


class Unfit(Exception):
    """A page that cannot be shown, or a form that cannot be taken: what to say, and what to do."""

    def __init__(self, status: int, title: str, how: str, *, back: str | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.how = how
        self.back = back


@dataclass(frozen=True, slots=True)
class Place:
    """The installation: its address, its secret, its defaults, its clocks."""

    public_url: str
    secret: str = field(repr=False)
    default: Language
    zone: ZoneInfo
    currency: str
    clocks: Clocks

    @property
    def cookie(self) -> str:
        """The name of the session cookie."""
        return cookie_name(self.public_url)

    @property
    def secure(self) -> bool:
        """Whether cookies travel over TLS only."""
        return self.public_url.startswith("https:")


class Doors:
    """Wraps the handlers of pages."""

    def __init__(self, place: Place, upstream: Upstream, renderer: Renderer) -> None:
        self.place = place
        self._upstream = upstream
        self.renderer = renderer
        self._staff: Mapping[str, Staff] = {}
        self._staff_until = place.clocks.wall.now()

    def page(self, handler: Page) -> Plain:
        """A page for those who are signed in; others are sent to sign in and come back. A POST only from here."""

        async def answered(request: Request) -> Response:
            return await self._guarded(request, lambda: self._entered(request, handler))

        return answered

    def open(self, handler: Plain) -> Plain:
        """A page for everybody: signing in."""

        async def answered(request: Request) -> Response:
            return await self._guarded(request, lambda: handler(request))

        return answered

    def stream(self, handler: Page) -> Plain:
        """For scripts: 401 without a session, nothing to read."""

        async def answered(request: Request) -> Response:
            session = self.session(request)
            if session is None:
                return PlainTextResponse("Sign in first.", 401, HEADERS)
            return await handler(request, await self.visit(request, session))

        return answered

    def session(self, request: Request) -> Session | None:
        """The session of the cookie, if it is not over."""
        text = request.cookies.get(self.place.cookie)
        return from_cookie(text, self.place.secret, self.place.clocks.wall.now()) if text else None

    def language(self, request: Request) -> Language:
        """The language of who asks, as far as it is known without asking another service."""
        session = self.session(request)
        member = self._staff.get(session.staff) if session and session.staff else None
        return language_of(request, member, self.place.default)

    async def visit(self, request: Request, session: Session) -> Visit:
        """What a page needs to know of its reader."""
        staff = await self._members(session)
        member = staff.get(session.staff) if session.staff else None
        language = language_of(request, member, self.place.default)
        zone = zone_of(member, self.place.zone)
        formats = Formats(language, zone, self.place.currency, self.place.clocks.world.now())
        keys = request.cookies.get(KEYS_COOKIE) != "off"
        calls = self._upstream.acting(session.staff)
        return Visit(session, language, theme_of(request), keys, formats, staff, calls, here_of(request))

    async def _members(self, session: Session) -> Mapping[str, Staff]:
        """The staff by id, at most half a minute old. If they cannot be read the page goes on with what it has."""
        now = self.place.clocks.wall.now()
        if now >= self._staff_until:
            try:
                async with asyncio.timeout(BLOCK_SECONDS):
                    found = await self._upstream.acting(session.staff).staff_members()
                self._staff = {member.id: member for member in found}
                self._staff_until = now + _STAFF_FOR
            except (Unreachable, Refused, TimeoutError) as error:
                self._staff_until = now + _STAFF_AGAIN
                log.warning("console.staff_unread", reason=str(error) or "too slow")
        return self._staff

    async def _entered(self, request: Request, handler: Page) -> Response:
        session = self.session(request)
        if session is None:
            query = urlencode({"next": here_of(request)}) if request.method == "GET" else ""
            return RedirectResponse("/sign-in" + (f"?{query}" if query else ""), 303, HEADERS)
        return await handler(request, await self.visit(request, session))

    async def _guarded(self, request: Request, answer: Callable[[], Awaitable[Response]]) -> Response:
        def t(key: str, **values: object) -> str:
            return say(self.language(request), key, **values)

        try:
            if request.method == "POST" and not own_origin(request, self.place.public_url):
                raise Unfit(403, t("frame.error_origin"), t("frame.error_origin_how"))
            return await answer()
        except Unfit as error:
            return self.notice(request, error.status, error.title, error.how, back=error.back)
        except Unreachable as error:
            log.warning("console.unreachable", service=error.service, reason=str(error))
            title = t("frame.error_unreachable", service=t(f"frame.service_{error.service}"))
            return self.notice(request, 503, title, t("frame.error_unreachable_how"), again=True)
        except Refused as error:
            log.warning("console.refused", code=error.code, status=error.status)
            missing = error.status == HTTPStatus.NOT_FOUND
            title = t("frame.error_missing") if missing else t("frame.error_refused")
            how = t("frame.error_missing_how") if missing else error.message
            return self.notice(request, error.status, title, how)
        except HTTPException as error:  # a body too large, or no form
            return self.notice(request, error.status_code, t("frame.error_refused"), str(error.detail))
        except Exception:
            log.exception("console.failed", method=request.method)
            how = t("frame.error_internal_how", id=request.scope.get(REQUEST_ID, ""))
            return self.notice(request, 500, t("frame.error_internal"), how, again=True)

    def notice(
        self, request: Request, status: int, title: str, how: str, *, back: str | None = None, again: bool = False
    ) -> Response:
        """A page that says what is wrong and what to do."""
        language = self.language(request)
        reload = here_of(request) if again and request.method == "GET" else None
        return self.renderer.page(
            "notice.html", language=language, status=status, theme=theme_of(request), title=title, how=how,
            back=back or "/accounts", reload=reload,
        )  # fmt: skip


def path_of(request: Request) -> str:
    """The path as it was asked for, percent-encoded: ids hold spaces, and a slash that is none of the path."""
    raw: bytes | None = request.scope.get("raw_path")
    return raw.decode("ascii") if raw is not None else quote(request.url.path)


def here_of(request: Request) -> str:
    """The path and the query, to come back to."""
    return path_of(request) + (f"?{request.url.query}" if request.url.query else "")


def own_origin(request: Request, public_url: str) -> bool:
    """Whether a form was sent from a page of this site, as the browser says. What is no browser says nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc == request.headers.get("host") or origin == public_url


async def fields_of(request: Request) -> Mapping[str, str]:
    """The texts of a form, the first of each name."""
    form: FormData = await request.form(max_files=0, max_fields=_MAX_FIELDS)
    found: dict[str, Any] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            found.setdefault(name, value)
    return found
