"""Signing in by the printed link, and out."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.doors import Doors, Unfit, fields_of
from console.rendering import HEADERS
from console.sessions import SESSION_FOR, Session, from_link, local_path, session_text
from console.visits import theme_of
from console.words import say

AFTER = "/accounts"


@dataclass(frozen=True, slots=True)
class SignIn:
    """A GET changes nothing, so that a scanner that opens the link uses nothing up; the button signs in."""

    doors: Doors

    async def show(self, request: Request) -> Response:
        """The button of a valid link; without a link, how to get one."""
        token = request.query_params.get("token")
        next_ = local_path(request.query_params.get("next"))
        if token is None and self.doors.session(request) is not None:
            return RedirectResponse(next_ or AFTER, 303, HEADERS)
        if token is None:
            language, who = self.doors.language(request), ""
        else:  # the link tells who it is for, and so in which language
            visit = await self.doors.visit(request, self._link(request, token))
            language, who = visit.language, visit.who
        return self.doors.renderer.page(
            "sign_in.html", language=language, theme=theme_of(request), token=token, next=next_, who=who
        )

    async def take(self, request: Request) -> Response:
        """Begin a session of 12 hours."""
        fields = await fields_of(request)
        link = self._link(request, fields.get("token", ""))
        place = self.doors.place
        answer = RedirectResponse(local_path(fields.get("next")) or AFTER, 303, HEADERS)
        answer.set_cookie(
            place.cookie,
            session_text(link, place.secret, place.clocks.wall.now()),
            max_age=int(SESSION_FOR.total_seconds()),
            path="/",
            secure=place.secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def leave(self, request: Request) -> Response:
        """End the session in this browser."""
        answer = RedirectResponse("/sign-in", 303, HEADERS)
        answer.delete_cookie(self.doors.place.cookie, path="/", httponly=True, samesite="lax")
        return answer

    def _link(self, request: Request, token: str) -> Session:
        """Whom the token signs in. Unfit, with how to get a new one, if it is not valid."""
        place = self.doors.place
        found = from_link(token, place.secret, place.clocks.wall.now())
        if found is None:
            language = self.doors.language(request)
            title, how = say(language, "frame.sign_in_bad"), say(language, "frame.sign_in_bad_how")
            raise Unfit(400, title, how, back="/sign-in")
        return found
