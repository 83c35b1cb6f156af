"""Who looks at a page, in which language, colours and zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from zoneinfo import ZoneInfo

from starlette.requests import Request

from console.formats import Formats
from console.sessions import Session
from console.upstream import Calls
from console.words import LANGUAGES, Language, say, say_or
from csmodels.api import Staff

Theme = Literal["light", "dark"]

LANGUAGE_COOKIE: Final = "kizashi_language"
THEME_COOKIE: Final = "kizashi_theme"
KEYS_COOKIE: Final = "kizashi_keys"


@dataclass(frozen=True, slots=True)
class Said:
    """What was just done, told once above the page. undo is the task that can be taken up again, with its key."""

    words: str
    undo: str | None = None
    key: str = ""
    back: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is signed in, with all that its page needs. theme None follows the system."""

    session: Session
    language: Language
    theme: Theme | None
    keys: bool
    formats: Formats
    staff: Mapping[str, Staff]
    calls: Calls
    here: str  # path and query of the page, to come back to
    said: Said | None = None

    @property
    def may_write(self) -> bool:
        """Whether buttons are shown."""
        return self.session.may_write

    @property
    def may_operate(self) -> bool:
        """Whether the pages of operations are shown."""
        return self.session.may_operate

    @property
    def who(self) -> str:
        """The name of the member, else the role."""
        member = self.staff.get(self.session.staff) if self.session.staff else None
        return member.name if member else self.session.staff or self.say(f"frame.role_{self.session.role}")

    def say(self, key: str, **values: object) -> str:
        """A text in the reader's language."""
        return say(self.language, key, **values)

    def say_or(self, key: str, otherwise: str) -> str:
        """A text in the reader's language; `otherwise` if there is none of that key."""
        return say_or(self.language, key, otherwise)

    def named(self, staff: str | None, otherwise: str) -> str:
        """The name of a member, else the id; `otherwise` for nobody."""
        if staff is None:
            return otherwise
        member = self.staff.get(staff)
        return member.name if member else staff

    def of(self, texts: Mapping[str, str]) -> str:
        """A text that others wrote by language: the reader's, else English, else the first."""
        return texts.get(self.language) or texts.get("en") or next(iter(texts.values()), "")


def language_of(request: Request, member: Staff | None, default: Language) -> Language:
    """The language that was chosen here, else the member's, else the installation's."""
    known = {str(language): language for language in LANGUAGES}
    own = member.locale[:2].lower() if member else ""
    return known.get(request.cookies.get(LANGUAGE_COOKIE, ""), known.get(own, default))


def theme_of(request: Request) -> Theme | None:
    """The colours that were chosen here."""
    chosen: dict[str, Theme] = {"light": "light", "dark": "dark"}
    return chosen.get(request.cookies.get(THEME_COOKIE, ""))


def zone_of(member: Staff | None, default: ZoneInfo) -> ZoneInfo:
    """The member's zone, else the portfolio's. The playbook service took only zones that exist."""
    return ZoneInfo(member.time_zone) if member else default
