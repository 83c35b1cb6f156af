"""What the forms of an account's page do."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.account_acts import DIRECTIONS, LONGEST_NOTE, MOST_POINTS, OUTCOMES, TOUCH_KINDS
from console.doors import Unfit, fields_of
from console.parts import account_url
from console.rendering import HEADERS
from console.upstream import Acted, Refused, Unreachable
from console.visits import Said, Visit
from cskit.observability import get_logger

ACTS: Final = ("note", "touch", "override", "end", "owner")
_NOON: Final = time(12)  # of a contact of an earlier day
_LONGEST_KEY: Final = 255
_LONGEST_NUMBER: Final = 16

log = get_logger()


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was sent: of which account, and its fields."""

    visit: Visit
    account: str
    act: str
    fields: Mapping[str, str]

    @property
    def key(self) -> str:
        """What is done once, however often it is sent."""
        return quote(f"{self.act}:{self.fields.get('key') or uuid4()}"[:_LONGEST_KEY], safe=":")[:_LONGEST_KEY]

    def text(self, *, required: bool) -> str | None:
        """The words; None if there are none. Unfit if they are too long, or missing where they are required."""
        words = self.fields.get("text", "").replace("\x00", "").strip()
        if not words and required:
            raise self.unfit("acts.no_text")
        if len(words) > LONGEST_NOTE:
            raise self.unfit("acts.too_long", most=f"{LONGEST_NOTE:,}")
        return words or None

    def choice(self, name: str, known: tuple[str, ...]) -> str:
        """A value that is on a list."""
        value = self.fields.get(name, "")
        if value not in known:
            raise self.unfit("acts.bad_choice")
        return value

    def day(self, name: str) -> date | None:
        """A day; None if it is none."""
        try:
            return date.fromisoformat(self.fields.get(name, ""))
        except ValueError:
            return None

    def unfit(self, key: str, **values: object) -> Unfit:
        """Nothing was saved, and why."""
        visit = self.visit
        how = visit.say("tasks.refused_how", why=visit.say(key, **values))
        return Unfit(422, visit.say("frame.error_refused"), how, back=account_url(self.account))

    async def sent(self, call: Awaitable[Acted]) -> Response:
        """Back to the account, which says what was done. Unfit if nobody knows whether it was."""
        try:
            acted = await call
        except Unreachable as error:
            if not error.perhaps_done:
                raise
            log.warning("console.perhaps_saved", account=self.account, reason=str(error))
            title = self.visit.say("frame.error_unreachable", service=self.visit.say(f"frame.service_{error.service}"))
            raise Unfit(503, title, self.visit.say("acts.perhaps_saved"), back=account_url(self.account)) from error
        except Refused as error:
            if error.status == 404:
                raise
            how = self.visit.say("tasks.refused_how", why=error.message)
            raise Unfit(
                error.status, self.visit.say("frame.error_refused"), how, back=account_url(self.account)
            ) from error
        later = "" if acted.folded else ".later"
        return RedirectResponse(f"{account_url(self.account)}?said=acted.{self.act}{later}", 303, HEADERS)


class AccountActs:
    """A note, a contact, an override and its end, a hand-over."""

    async def note(self, request: Request, visit: Visit) -> Response:
        """Write a note."""
        form = await _form(request, visit, "note")
        text = form.text(required=True)
        return await form.sent(visit.calls.note(form.account, {"text": text}, form.key))

    async def touch(self, request: Request, visit: Visit) -> Response:
        """Record a contact of today or earlier."""
        form = await _form(request, visit, "touch")
        day = form.day("day")
        if day is None or day > visit.formats.today:
            raise form.unfit("acts.bad_day")
        at = None if day == visit.formats.today else datetime.combine(day, _NOON, visit.formats.zone).isoformat()
        body = {
            "kind": form.choice("kind", TOUCH_KINDS),
            "direction": form.choice("direction", DIRECTIONS),
            "outcome": form.choice("outcome", ("", *OUTCOMES)) or None,
            "person": form.fields.get("person") or None,
            "text": form.text(required=False),
            "at": at,
        }
        return await form.sent(visit.calls.touch(form.account, body, form.key))

    async def override(self, request: Request, visit: Visit) -> Response:
        """Override the score until the end of a day."""
        form = await _form(request, visit, "override")
        points = _points(form.fields.get("points", ""))
        if points is None:
            raise form.unfit("acts.bad_points")
        day = form.day("until")
        if day is None or day <= visit.formats.today or day.year >= date.max.year:
            raise form.unfit("acts.bad_until")
        end = datetime.combine(day + timedelta(days=1), time(), visit.formats.zone)
        body = {"points": points, "note": form.text(required=True), "expires_at": end.isoformat()}
        return await form.sent(visit.calls.override(form.account, body, form.key))

    async def end_override(self, request: Request, visit: Visit) -> Response:
        """Take an override back."""
        form = await _form(request, visit, "end")
        override = request.path_params["override"]
        return await form.sent(visit.calls.end_override(form.account, override, form.key))

    async def hand_over(self, request: Request, visit: Visit) -> Response:
        """Give the account another owner, or none."""
        form = await _form(request, visit, "owner")
        to = form.choice("to", ("", *visit.staff)) or None
        body = {"to": to, "text": form.text(required=False)}
        return await form.sent(visit.calls.hand_over(form.account, body, form.key))


async def _form(request: Request, visit: Visit, act: str) -> Form:
    if not visit.may_write:
        raise Unfit(403, visit.say("frame.error_rights"), visit.say("frame.error_rights_how"))
    return Form(visit, request.path_params["id"], act, await fields_of(request))


def _points(text: str) -> float | None:
    plain = text.strip().replace("−", "-")
    try:
        points = float(plain) if len(plain) <= _LONGEST_NUMBER else 0.0
    except ValueError:
        return None
    return points if points and abs(points) <= MOST_POINTS else None


def said_of(visit: Visit, rest: str) -> Said | None:
    """What was just done, by the address that a form sent back to."""
    act, _, later = rest.partition(".")
    if act not in ACTS:
        return None
    done = visit.say(f"acts.said_{act}")
    return Said(visit.say("acts.said_later", done=done) if later == "later" else done)
