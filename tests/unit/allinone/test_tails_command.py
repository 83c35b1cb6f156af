"""kizashi sources tail: from a server that answers as ingest does."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from allinone.cli import app
from allinone.commands import tails
from cskit.settings import Settings


def item(number: int, **more: Any) -> dict[str, Any]:
    values = {"at": f"2026-03-10T12:30:{number:02}Z", "index": 0, "id": f"e-{number}", "type": "usage.tracked"}
    return {**values, "account": "acme", "status": "accepted", "code": None, "field": None, **more}


REFUSED = item(2, status="refused", type=None, account=None, code="missing_field", field="account")


class Tail:
    """The answers by cursor, and what was asked."""

    def __init__(self) -> None:
        self.answers = {None: ([REFUSED, item(1)], "c2"), "c2": ([], "c2")}
        self.asked: list[tuple[str, dict[str, list[str]]]] = []

    def answer(self, path: str) -> bytes:
        parts = urlsplit(path)
        query = parse_qs(parts.query)
        self.asked.append((parts.path, query))
        items, cursor = self.answers[query.get("after", [None])[0]]  # type: ignore[index]
        return json.dumps({"items": items, "cursor": cursor}).encode()


@pytest.fixture
def tail() -> Iterator[tuple[Tail, str]]:
    known = Tail()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = known.answer(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield known, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_once_prints_the_last_items_a_line_each_the_oldest_first(tail: tuple[Tail, str]) -> None:
    known, url = tail

    result = CliRunner().invoke(app, ["sources", "tail", "shop", "--once", "--lines", "5"], env={"KIZASHI_URL": url})

    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "2026-03-10T12:30:01Z accepted  usage.tracked e-1 account=acme",
        "2026-03-10T12:30:02Z refused   - e-2 code=missing_field field=account",
    ]
    assert known.asked == [("/v1/sources/shop/tail", {"limit": ["5"]})]


def test_json_is_a_document_a_line(tail: tuple[Tail, str]) -> None:
    _, url = tail

    result = CliRunner().invoke(app, ["sources", "tail", "shop", "--once", "--json"], env={"KIZASHI_URL": url})

    assert [json.loads(line)["id"] for line in result.output.splitlines()] == ["e-1", "e-2"]


def test_following_goes_on_after_what_was_told(tail: tuple[Tail, str]) -> None:
    known, url = tail
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            known.answers["c2"] = ([item(3)], "c3")

    following = tails.follow(Settings(url=url), "shop", lines=20, once=False, pause=pause)

    told = [next(following)["id"] for _ in range(3)]

    assert told == ["e-1", "e-2", "e-3"]
    assert pauses == [tails.EVERY_SECONDS] * 2
    assert [query.get("after") for _, query in known.asked] == [None, ["c2"], ["c2"]]
