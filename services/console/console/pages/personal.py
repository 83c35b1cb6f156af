"""/search, /settings and /help/keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.doors import Doors, fields_of
from console.pages.accounts import row_of
from console.parts import Frame
from console.rendering import HEADERS
from console.sessions import local_path
from console.visits import KEYS_COOKIE, LANGUAGE_COOKIE, THEME_COOKIE, Visit
from console.words import LANGUAGES

_FOUND: Final = 20
_YEAR: Final = 365 * 86400
_CHOICES: Final = {
    LANGUAGE_COOKIE: ("language", LANGUAGES),
    THEME_COOKIE: ("theme", ("system", "light", "dark")),
    KEYS_COOKIE: ("keys", ("on", "off")),
}
KEYS: Final = (
    ("/", "frame.key_search"),
    ("g a", "frame.key_accounts"),
    ("g t", "frame.key_tasks"),
    ("j k", "frame.key_rows"),
    ("Enter", "frame.key_open"),
    ("L", "frame.key_pause"),
    ("?", "frame.key_help"),
)


@dataclass(frozen=True, slots=True)
class PersonalPages:
    """What belongs to the reader alone."""

    frame: Frame
    doors: Doors

    async def search(self, request: Request, visit: Visit) -> Response:
        """Accounts by a part of their name or id."""
        text = request.query_params.get("q", "").strip()[:128]
        rows = []
        if text:
            page = await visit.calls.accounts({"text": text, "sort": "urgency", "limit": _FOUND})
            rows = [row_of(visit, item, None) for item in page.items]
        return self.frame.page("search.html", visit, menu="search", text=text, rows=rows)

    async def settings(self, request: Request, visit: Visit) -> Response:
        """The form."""
        return self.frame.page("settings.html", visit, menu="settings")

    async def save(self, request: Request, visit: Visit) -> Response:
        """Keep the choices in cookies of this browser."""
        return self._kept(await fields_of(request), "/settings?said=saved")

    async def switch_language(self, request: Request, visit: Visit) -> Response:
        """The other language, on the same page."""
        fields = await fields_of(request)
        return self._kept({"language": fields.get("language", "")}, local_path(fields.get("next")) or "/accounts")

    async def keys(self, request: Request, visit: Visit) -> Response:
        """The keys."""
        return self.frame.page("keys.html", visit, menu="", keys=KEYS)

    def _kept(self, fields: Mapping[str, str], then: str) -> Response:
        answer = RedirectResponse(then, 303, HEADERS)
        for cookie, (name, choices) in _CHOICES.items():
            value = fields.get(name)
            if value is not None and value in choices:
                answer.set_cookie(
                    cookie,
                    value,
                    max_age=_YEAR,
                    path="/",
                    secure=self.doors.place.secure,
                    httponly=True,
                    samesite="lax",
                )
        return answer
