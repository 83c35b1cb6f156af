"""/docs: the service's operations to read and try, by Swagger UI. All of it comes from here, and nothing else runs."""

from functools import cache
from html import escape
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cskit.http.assets import StaticFiles, files_of

# Its icons are data: in its style sheet.
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Addresses are relative: a service may be mounted in another. It asks validator.swagger.io if it is not told otherwise.
_START: Final = b"""SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#operations",
  validatorUrl: null,
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,"><link rel="stylesheet" href="{style}"></head>
<body><div id="operations"></div>
<noscript>The operations are listed in <a href="openapi.json">openapi.json</a>.</noscript>
<script src="{bundle}"></script><script src="{start}"></script></body>
</html>
"""


def docs_router(title: str) -> APIRouter:
    """The page and its files. It shows the openapi.json beside it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/docs", response_model=None)
    async def docs() -> Response:
        files = _files()
        html = _PAGE.format(
            title=escape(title),
            style=files.url("swagger-ui.css"),
            bundle=files.url("swagger-ui-bundle.js"),
            start=files.url("start.js"),
        )
        return HTMLResponse(html, headers=_HEADERS)

    @router.get("/docs/{name}", response_model=None)
    async def file(request: Request) -> Response:
        return await _files().serve(request)

    return router


@cache
def _files() -> StaticFiles:
    """Two megabytes, for those processes only whose page somebody opens. The package holds swagger-ui-dist as it is."""
    return StaticFiles({**files_of("fastapi_swagger.resources"), "start.js": _START}, "docs")
