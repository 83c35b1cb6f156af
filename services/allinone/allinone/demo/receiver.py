"""A CRM of the demo: takes webhooks on a port of its own, checks each signature, and shows the last ones on a page."""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from typing import Any, Final

import standardwebhooks
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from allinone.demo.words import Language, Words, words_of
from allinone.server import serving
from cskit.clock import Clock
from cskit.observability import get_logger

log = get_logger()

HOOK: Final = "/hook"
SHOWN: Final = 50  # webhooks on the page
MOST_BYTES: Final = 1024 * 1024
_CSS: Final = (
    "body{font:14px/1.5 system-ui,sans-serif;margin:24px;max-width:70rem;color:#1a1e26;background:#fff}"
    "h1{font-size:22px}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid #ccd1d9;vertical-align:top}"
    "td{font-variant-numeric:tabular-nums}.id{font-family:ui-monospace,monospace;font-size:12px}.bad{font-weight:600}"
    "@media (prefers-color-scheme:dark){body{color:#e6e9ef;background:#0f1218}th,td{border-color:#3a4150}}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A webhook that came in. `problem` says why it was not taken; then what it claims to be is not known."""

    id: str
    at: datetime
    type: str
    account: str
    problem: str | None = None
    again: bool = False  # its id was there before


@dataclass(slots=True)
class Receiver:
    """What came in since the start. `secret` is the endpoint's; until it is known nothing is taken."""

    url: str  # of its page
    wall: Clock
    language: Language = "en"
    secret: str = field(default="", repr=False)
    counts: dict[str, int] = field(default_factory=dict)  # webhook-id -> how often it came, with a good signature
    refused: int = 0
    last: deque[Taken] = field(default_factory=lambda: deque(maxlen=SHOWN))

    @property
    def address(self) -> str:
        """Host and port, as KIZASHI_WEBHOOK_ALLOW names them."""
        return self.url.removeprefix("http://")

    @property
    def hook(self) -> str:
        """Where webhooks go."""
        return self.url + HOOK

    @property
    def doubles(self) -> int:
        """How many came that had come before."""
        return sum(self.counts.values()) - len(self.counts)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The status that answers this webhook."""
        if not self.secret:
            return 503  # it is sent again
        webhook_id = headers.get("webhook-id", "")[:128]
        try:
            standardwebhooks.Webhook(self.secret).verify(body, headers)
            said = json.loads(body)
        except (standardwebhooks.WebhookVerificationError, ValueError) as error:
            self.refused += 1
            self.last.appendleft(Taken(webhook_id, self.wall.now(), "", "", problem=str(error)))
            log.warning("demo.webhook_refused", webhook_id=webhook_id, reason=str(error))
            return 401
        count = self.counts[webhook_id] = self.counts.get(webhook_id, 0) + 1
        data: Any = said.get("data")
        account = str(data.get("account", "")) if isinstance(data, dict) else ""
        self.last.appendleft(Taken(webhook_id, self.wall.now(), str(said.get("type")), account, again=count > 1))
        return 204


@asynccontextmanager
async def receiving(host: str, wall: Clock, language: Language) -> AsyncIterator[Receiver]:
    """A receiver on a free port of this machine, inside the block."""
    with contextlib.closing(socket.create_server((host, 0))) as listener:
        receiver = Receiver(f"http://{host}:{listener.getsockname()[1]}", wall, language)

        async def hook(request: Request) -> Response:
            body = bytearray()
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return Response(status_code=413)
            return Response(status_code=receiver.take(dict(request.headers), bytes(body)))

        async def page(request: Request) -> Response:
            asked = request.query_params.get("lang")
            words = words_of("ja" if asked == "ja" else "en" if asked == "en" else receiver.language)
            return HTMLResponse(_page(receiver, words), headers=_HEADERS)

        async def received(_: Request) -> Response:
            return JSONResponse({"counts": receiver.counts, "refused": receiver.refused}, headers=_HEADERS)

        app = FastAPI(openapi_url=None)
        app.add_route(HOOK, hook, methods=["POST"])
        app.add_route("/", page)
        app.add_route("/received.json", received)
        async with serving(app, listener):
            try:
                yield receiver
            finally:
                await asyncio.sleep(0)  # what has come in is answered before the port is closed


def _page(receiver: Receiver, words: Words) -> str:
    summary = words.received.format(count=len(receiver.counts), doubles=receiver.doubles, refused=receiver.refused)
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in words.columns)
    rows = "\n".join(_row(each, words) for each in receiver.last)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>\n{rows}\n</tbody></table>" if rows else ""
    return (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(words.receiver)}</title><style>{_CSS}</style></head>\n"
        f"<body><main><h1>{escape(words.receiver)}</h1>\n<p>{escape(summary)}</p>\n{table}</main></body></html>\n"
    )


def _row(taken: Taken, words: Words) -> str:
    state = words.bad if taken.problem else words.again if taken.again else words.good
    cells = (
        f'<time datetime="{taken.at.isoformat()}">{taken.at:%H:%M:%S}</time>',
        f'<span class="id">{escape(taken.id)}</span>',
        escape(taken.type),
        escape(taken.account),
        f'<span class="{"bad" if taken.problem else "good"}">{escape(state)}</span>',
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
