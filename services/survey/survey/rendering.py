"""From values to the HTML of the pages, with the headers that keep them private."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from importlib import resources
from typing import Any, Final, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from survey.domain.answering import HIGHEST, LONGEST_COMMENT, LOWEST, Response
from survey.domain.languages import LANGUAGES, Language
from survey.domain.nps import group_of
from survey.store import Asked
from survey.words import WORDS

NoticeName = Literal["unknown", "expired", "used_up", "too_large", "unavailable"]

_STATUS: Final[dict[NoticeName, HTTPStatus]] = {
    "unknown": HTTPStatus.NOT_FOUND,
    "expired": HTTPStatus.GONE,
    "used_up": HTTPStatus.GONE,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
_SCALE: Final = [(score, group_of(score)) for score in range(LOWEST, HIGHEST + 1)]
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class View:
    """How a page is looked at: its language, and the score that the link preselects."""

    language: Language
    score: int | None = None


class Renderer:
    """Makes the pages. zone is the one that moments are shown in, speed that of the world clock (1 unless a demo)."""

    def __init__(self, zone: ZoneInfo, speed: float) -> None:
        self._zone = zone
        self._speed = speed
        self._environment = Environment(
            loader=PackageLoader("survey"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._css = resources.files("survey").joinpath("templates", "survey.css").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(self._css.encode()).digest()).decode()
        self._headers = {
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; "
                "frame-ancestors 'none'"
            ),
        }

    def form(self, asked: Asked, view: View, *, comment: str | None = None, error: str | None = None) -> HTMLResponse:
        """The question; with what is recorded filled in. An error says why a form was not taken, which is 422."""
        response, words = asked.response, WORDS[view.language]
        own = asked.survey.question
        recorded = response.answer if response else None
        return self._page(
            "form.html",
            HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK,
            view,
            name=asked.survey.name[view.language],
            question=own[view.language] if own else words.question,
            scale=_SCALE,
            score=recorded.score if recorded and view.score is None else view.score,
            comment=recorded.comment if recorded and not error else comment,
            recorded=recorded.score if recorded else None,
            until=self._moment(response.changeable_until, view.language) if response else None,
            limit=LONGEST_COMMENT,
            error=error,
        )

    def thanks(self, asked: Asked, response: Response, view: View) -> HTMLResponse:
        """What was recorded; without a comment it asks the question of the score's group."""
        words = WORDS[view.language]
        answer = response.answer
        whys = {"promoter": words.why_promoter, "passive": words.why_passive, "detractor": words.why_detractor}
        return self._page(
            "thanks.html",
            HTTPStatus.OK,
            View(view.language),
            name=asked.survey.name[view.language],
            score=answer.score,
            commented=answer.comment is not None,
            why=whys[group_of(answer.score)],
            until=self._moment(response.changeable_until, view.language),
            change=_here(View(view.language)),
            limit=LONGEST_COMMENT,
        )

    def notice(self, which: NoticeName, view: View, *, moment: datetime | None = None) -> HTMLResponse:
        """A page that says why there is no question. moment is the end of an expired link."""
        said = getattr(WORDS[view.language], which)
        until = self._moment(moment, view.language) if moment else ""
        text = said.text.format(moment=until, limit=f"{LONGEST_COMMENT:,}")
        return self._page("notice.html", _STATUS[which], View(view.language), name=None, title=said.title, text=text)

    def _page(self, template: str, status: HTTPStatus, view: View, **values: Any) -> HTMLResponse:
        others = [
            (_here(View(other, view.score)), other, WORDS[other].itself)
            for other in LANGUAGES
            if other != view.language
        ]
        html = self._environment.get_template(template).render(
            language=view.language,
            w=WORDS[view.language],
            others=others,
            css=Markup(self._css),  # noqa: S704  our own file
            speed=self._speed,
            **values,
        )
        return HTMLResponse(html, status, {**self._headers, "Content-Language": view.language})

    def _moment(self, at: datetime, language: Language) -> str:
        local = at.astimezone(self._zone)
        if language == "ja":
            return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}（{self._zone.key}）"
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} ({self._zone.key})"


def _here(view: View) -> str:
    """The page itself in that language, as a relative link."""
    score = {} if view.score is None else {"score": str(view.score)}
    return f"?{urlencode({'lang': view.language, **score})}"
