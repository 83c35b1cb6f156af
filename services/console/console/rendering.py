"""From values to HTML, with the headers that every page carries."""

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from console.words import Language, say
from cskit.http.assets import StaticFiles

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not less: without it browsers send no Origin along with our own forms
    "Cache-Control": "no-store",
}


class Renderer:
    """Makes pages and fragments from the templates."""

    def __init__(self, static: StaticFiles) -> None:
        self._environment = Environment(
            loader=PackageLoader("console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(static=static.url)

    def fragment(self, template: str, **values: Any) -> str:
        """A piece of HTML."""
        return self._environment.get_template(template).render(**values)

    def page(self, template: str, *, language: Language, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page."""

        def t(key: str, **filled: object) -> str:
            return say(language, key, **filled)

        html = self.fragment(template, language=language, t=t, **values)
        return HTMLResponse(html, status, {**HEADERS, "Content-Language": language})


def joined(*parts: str) -> Markup:
    """Markup of parts that are finished HTML."""
    return Markup("".join(parts))  # noqa: S704  only what a template or a chart made
