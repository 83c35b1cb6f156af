"""HTTP conventions, on FastAPI's routes and on plain Starlette routes alike."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cskit.auth import ADMIN, INGEST, READ, KeyFile, Keys, Principal, new_key
from cskit.clock import Clocks, FrozenClock
from cskit.errors import Conflict, Invalid, NotFound, Unavailable
from cskit.http import (
    BodyLimits,
    Cursor,
    Limit,
    WriteId,
    decode_cursor,
    encode_cursor,
    make_app,
    principal_of,
    requires,
    service_client,
)
from cskit.http.bodies import zstd
from cskit.observability import current_traceparent

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SERVICE_KEY = SecretStr("between-the-services")


class Note(BaseModel):
    text: str
    stars: int = 0


class World:
    """An app with one of everything, a client of it, and its keys."""

    def __init__(self, folder: Path) -> None:
        self.components: dict[str, str] = {"database": "ok"}
        wall = FrozenClock(NOW)
        self.keys = Keys(KeyFile(folder / "keys.json", wall), SERVICE_KEY)
        self.app = make_app(
            "sample", [self.router()], keys=self.keys, clocks=Clocks(wall, wall), ready=self.ready,
            limits=BodyLimits(body=1000, unpacked=100_000, ratio=100, ratio_from=20_000, paths={"/v1/large": 5000}),
        )  # fmt: skip
        self.client = client_of(self.app)

    def key(self, *scopes: str) -> dict[str, str]:
        text, entry = new_key("tester", scopes, None, None, NOW)
        assert self.keys.file is not None
        self.keys.file.add(entry)
        return {"authorization": f"Bearer {text}"}

    async def ready(self) -> Mapping[str, str]:
        if "explode" in self.components:
            raise OSError("no route to host")
        return self.components

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1")

        @router.get("/fail/{kind}")
        async def fail(kind: str) -> None:
            raise {
                "missing": NotFound("unknown_account", "There is no account “a”. Track an event of it first."),
                "conflict": Conflict("task_closed", "The task is closed.", field="status", extra={"closed_by": "s1"}),
                "busy": Unavailable("log_unavailable", "The log does not answer.", retry_after=2.5),
                "half": NotFound("unknown_account", "There is no account “\ud800”."),
                "bug": RuntimeError("secret detail"),
            }[kind]

        @router.get("/me")
        async def me(principal: Annotated[Principal, requires(READ)]) -> dict[str, str | None]:
            return {"name": principal.name, "actor": principal.actor}

        @router.post("/notes")
        async def add(note: Note, ids: WriteId, _: Annotated[Principal, requires(READ)]) -> dict[str, str]:
            return {"id": ids(), "second": ids("second"), "text": note.text}

        @router.post("/large")
        async def large(note: Note) -> dict[str, int]:
            return {"length": len(note.text)}

        @router.get("/items")
        async def items(limit: Limit, cursor: Cursor) -> dict[str, object]:
            return {"limit": limit, "after": decode_cursor(cursor) if cursor else None}

        @router.get("/trace")
        async def trace() -> dict[str, str | None]:
            return {"traceparent": current_traceparent()}

        router.add_route("/v1/hot/{id}", _hot, methods=["POST"])
        return router


async def _hot(request: Request) -> Response:
    principal = principal_of(request, INGEST)
    body = await request.body()
    if body == b"bad":
        raise Invalid("bad_event", "The event is bad.", field="event")
    return JSONResponse({"by": principal.source, "length": len(body)})


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    async with world.client:
        yield world


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer, which has all that every error has."""
    document: dict[str, Any] = response.json()
    assert (response.status_code, document["code"], document["status"]) == (status, code, status)
    assert response.headers["content-type"] == "application/problem+json"
    assert document["detail"] == document["message"]
    assert {"type", "title", "instance"} <= set(document)
    assert document["request_id"] == response.headers["x-request-id"]
    return document


async def test_a_domain_error_is_a_problem_with_its_code_field_and_extras(world: World) -> None:
    missing = problem(await world.client.get("/v1/fail/missing"), 404, "unknown_account")
    conflict = problem(await world.client.get("/v1/fail/conflict"), 409, "task_closed")
    busy = await world.client.get("/v1/fail/busy")

    assert missing["instance"] == "/v1/fail/missing"
    assert (conflict["field"], conflict["closed_by"]) == ("status", "s1")
    assert problem(busy, 503, "log_unavailable")
    assert busy.headers["retry-after"] == "3"


async def test_half_a_character_is_told_as_a_question_mark(world: World) -> None:
    half = problem(await world.client.get("/v1/fail/half"), 404, "unknown_account")

    assert half["message"] == "There is no account “?”."


async def test_an_unforeseen_error_says_nothing_of_itself_but_is_logged(world: World) -> None:
    with structlog.testing.capture_logs() as logs:
        response = await world.client.get("/v1/fail/bug")

    assert "secret detail" not in response.text
    problem(response, 500, "internal_error")
    assert [entry["event"] for entry in logs] == ["http.failed", "http.request"]


async def test_what_is_not_there_is_a_problem_too(world: World) -> None:
    problem(await world.client.get("/v1/nothing"), 404, "not_found")
    refused = await world.client.delete("/v1/me")
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET"
    problem(await world.client.get("/v1/hot/7"), 405, "method_not_allowed")


async def test_an_invalid_body_names_each_field_and_repeats_no_value(world: World) -> None:
    key = world.key(READ)

    response = await world.client.post("/v1/notes", json={"stars": "classified"}, headers=key)
    broken = await world.client.post("/v1/notes", content=b'{"text": classified', headers={**key, "content-type": "application/json"})  # noqa: E501  # fmt: skip

    document = problem(response, 422, "invalid_request")
    assert [error["field"] for error in document["errors"]] == ["text", "stars"]
    assert document["field"] == "text"
    problem(broken, 400, "invalid_json")
    assert "classified" not in response.text + broken.text


async def test_a_request_needs_a_key_with_the_scope(world: World) -> None:
    without = await world.client.get("/v1/me")
    unknown = await world.client.get("/v1/me", headers={"authorization": "Bearer kz_abcdefgh_x"})
    lacking = await world.client.get("/v1/me", headers=world.key(INGEST))
    basic = await world.client.get("/v1/me", auth=(world.key(READ)["authorization"][7:], ""))

    problem(without, 401, "missing_key")
    problem(unknown, 401, "invalid_key")
    assert without.headers["www-authenticate"].startswith("Bearer")
    assert "“read”" in problem(lacking, 403, "missing_scope")["message"]
    assert basic.json() == {"name": "tester", "actor": None}


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic !!!", "Basic Og==", "Digest x", "kz_abcdefgh_x", "Basic /w=="]
)
async def test_an_odd_authorization_header_is_nobody(world: World, header: str) -> None:
    assert (await world.client.get("/v1/me", headers={"authorization": header})).status_code == 401


async def test_a_plain_starlette_route_has_the_same_keys_and_problems(world: World) -> None:
    key = world.key(INGEST)

    good = await world.client.post("/v1/hot/1", content=b"abc", headers=key)
    bad = await world.client.post("/v1/hot/1", content=b"bad", headers=key)

    assert good.json() == {"by": "tester", "length": 3}
    assert problem(bad, 422, "bad_event")["field"] == "event"
    problem(await world.client.post("/v1/hot/1"), 401, "missing_key")


@pytest.mark.parametrize("actor", ["staff-1", "花子"])
async def test_a_service_calls_another_for_a_person_in_the_same_trace(world: World, actor: str) -> None:
    transport = httpx.ASGITransport(world.app)

    async with service_client("http://scoring", SERVICE_KEY, actor, transport=transport) as client:
        me = await client.get("/v1/me")
        trace = await client.get("/v1/trace")

    assert me.json() == {"name": "service", "actor": actor}
    assert trace.json()["traceparent"]


async def test_only_an_admin_names_an_actor(world: World) -> None:
    response = await world.client.get("/v1/me", headers={**world.key(READ), "Kizashi-Actor": "staff-1"})

    problem(response, 403, "actor_not_allowed")


@pytest.mark.parametrize("actor", [b"Ren\xe9e", b"a@b", b"a\xc2\x85", b"x" * 129])
async def test_an_actor_that_can_be_nobody_is_refused(world: World, actor: bytes) -> None:
    headers = httpx.Headers({**world.key(ADMIN), b"kizashi-actor": actor})

    response = await world.client.get("/v1/me", headers=headers)

    assert problem(response, 422, "invalid_actor")["field"] == "Kizashi-Actor"


@pytest.mark.parametrize("path", ["/v1/hot/1", "/v1/notes"])
async def test_a_body_beyond_the_limit_is_refused_declared_or_streamed(world: World, path: str) -> None:
    key = world.key(READ, INGEST)

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100

    declared = await world.client.post(path, content=b" " * 1001, headers=key)
    streamed = await world.client.post(path, content=stream(), headers=key)

    problem(declared, 413, "body_too_large")
    problem(streamed, 413, "body_too_large")


async def test_a_path_may_have_a_limit_of_its_own(world: World) -> None:
    fits = await world.client.post("/v1/large", json={"text": "x" * 4000})
    not_even_there = await world.client.post("/v1/large", json={"text": "x" * 5000})
    beside = await world.client.post("/v1/largest", content=b"x" * 4000)

    assert fits.json() == {"length": 4000}
    problem(not_even_there, 413, "body_too_large")
    assert beside.status_code == 404


def packed_by_gzip(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", packed_by_gzip(b'{"text": "hello"}')),
        ("x-gzip", packed_by_gzip(b'{"text": ') + packed_by_gzip(b'"hello"}')),
        ("GZIP", packed_by_gzip(b'{"text": "hello"}')),
        ("deflate", zlib.compress(b'{"text": "hello"}')),
        ("deflate", raw_deflate(b'{"text": "hello"}')),
        ("zstd", zstd.compress(b'{"text": "hello"}')),
        ("zstd", zstd.compress(b'{"text": ') + zstd.compress(b'"hello"}')),
        ("identity", b'{"text": "hello"}'),
    ],
)
async def test_a_packed_body_is_unpacked_whole_or_in_pieces(world: World, encoding: str, packed: bytes) -> None:
    headers = {"content-encoding": encoding, "content-type": "application/json"}

    async def bytewise() -> AsyncIterator[bytes]:
        for at in range(len(packed)):
            yield packed[at : at + 1]

    whole = await world.client.post("/v1/large", content=packed, headers=headers)
    pieces = await world.client.post("/v1/large", content=bytewise(), headers=headers)

    assert (whole.json(), pieces.json()) == ({"length": 5}, {"length": 5})


@pytest.mark.parametrize(
    ("encoding", "packed", "status", "code"),
    [
        ("gzip", packed_by_gzip(b"0" * 90_000), 413, "body_too_dense"),
        ("gzip", packed_by_gzip(json.dumps(list(range(30_000))).encode())[:900], 400, "invalid_encoding"),
        ("gzip", b"not gzip", 400, "invalid_encoding"),
        ("gzip", packed_by_gzip(b"{}")[:-4], 400, "invalid_encoding"),
        ("gzip", packed_by_gzip(b"{}") + b"rest", 400, "invalid_encoding"),
        ("deflate", b"\xff\xff\xff", 400, "invalid_encoding"),
        ("zstd", zstd.compress(b"0" * 90_000), 413, "body_too_dense"),
        ("zstd", zstd.compress(json.dumps(list(range(30_000))).encode())[:900], 400, "invalid_encoding"),
        ("zstd", b"not zstd", 400, "invalid_encoding"),
        ("zstd", zstd.compress(b"{}")[:-1], 400, "invalid_encoding"),
        ("zstd", zstd.compress(b"{}") + b"rest", 400, "invalid_encoding"),
        ("br", b"x", 415, "unsupported_encoding"),
        ("gzip, gzip", b"x", 415, "unsupported_encoding"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/hot/1", "/v1/large"])
async def test_a_packed_body_that_is_wrong_or_hostile_is_refused(
    world: World, path: str, encoding: str, packed: bytes, status: int, code: str
) -> None:
    headers = {**world.key(INGEST), "content-encoding": encoding, "content-type": "application/json"}

    problem(await world.client.post(path, content=packed, headers=headers), status, code)


async def test_a_body_that_unpacks_beyond_the_limit_is_refused(world: World) -> None:
    lines = b"".join(b"%d,%d\n" % (number, number * 7919) for number in range(9000))
    packed = zlib.compress(b"0" * 19_000 + lines[:90_000], 9)

    world_limits = BodyLimits(body=MILLION, unpacked=100_000)
    app = make_app("s", [world.router()], keys=world.keys, clocks=Clocks.real(), ready=world.ready, limits=world_limits)
    async with client_of(app) as client:
        response = await client.post(
            "/v1/hot/1", content=packed, headers={**world.key(INGEST), "content-encoding": "deflate"}
        )
        empty = await client.post("/v1/hot/1", headers={**world.key(INGEST), "content-encoding": "gzip"})

    assert response.json()["length"] == 19_000 + 90_000
    assert empty.json()["length"] == 0


MILLION = 1_000_000


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123", True), ("a" * 129, False), ("x y", False), ("", False), ("é", False)]
)
async def test_a_request_id_is_kept_if_it_is_sane(world: World, given: str, kept: bool) -> None:
    response = await world.client.get("/healthz", headers=[(b"x-request-id", given.encode("latin-1"))])

    assert (response.headers["x-request-id"] == given) is kept
    assert response.headers["x-request-id"]


async def test_a_trace_goes_on_within_a_request_and_ends_with_it(world: World) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    inside = (await world.client.get("/v1/trace", headers={"traceparent": parent})).json()["traceparent"]

    assert inside[:36] == parent[:36]
    assert inside != parent
    assert current_traceparent() is None


async def test_metrics_count_by_route_template_and_never_by_path(world: World) -> None:
    await world.client.get("/v1/fail/missing")
    await world.client.post("/v1/hot/secret-account")
    await world.client.get("/no/such/secret-account")

    text = (await world.client.get("/metrics")).text

    assert 'method="GET",route="/v1/fail/{kind}",service="sample",status="404"' in text
    assert 'route="/v1/hot/{id}",service="sample",status="401"' in text
    assert 'route="unmatched",service="sample",status="404"' in text
    assert "secret-account" not in text


async def test_probes_and_papers_are_open(world: World) -> None:
    assert (await world.client.get("/healthz")).json() == {"status": "ok"}
    assert (await world.client.get("/readyz")).json() == {"status": "ok", "components": {"database": "ok"}}
    assert (await world.client.get("/docs")).status_code == 200
    assert "/v1/notes" in (await world.client.get("/openapi.json")).json()["paths"]


@pytest.mark.parametrize(
    ("component", "says"), [("log", "The broker does not answer."), ("explode", "no route to host")]
)
async def test_a_service_is_not_ready_while_a_component_is_not(world: World, component: str, says: str) -> None:
    world.components[component] = "The broker does not answer."

    response = await world.client.get("/readyz")

    assert response.status_code == 503
    assert says in response.text


async def test_a_repeated_write_makes_the_same_ids(world: World) -> None:
    key = world.key(READ)

    async def write(idempotency_key: str | None) -> httpx.Response:
        extra = {"idempotency-key": idempotency_key} if idempotency_key is not None else {}
        return await world.client.post("/v1/notes", json={"text": "hi"}, headers={**key, **extra})

    first, again, other, without = [(await write(text)).json() for text in ("k1", "k1", "k2", None)]

    assert first == again
    assert len({first["id"], first["second"], other["id"], without["id"]}) == 4
    problem(await write(""), 422, "invalid_idempotency_key")
    problem(await write("x" * 256), 422, "invalid_idempotency_key")


async def test_a_page_has_50_items_unless_another_limit_is_given(world: World) -> None:
    default = await world.client.get("/v1/items")
    given = await world.client.get("/v1/items", params={"limit": 7, "cursor": encode_cursor(NOW.isoformat(), 3)})

    assert default.json() == {"limit": 50, "after": None}
    assert given.json() == {"limit": 7, "after": [NOW.isoformat(), 3]}
    problem(await world.client.get("/v1/items?limit=501"), 422, "invalid_request")
    problem(await world.client.get("/v1/items?limit=0"), 422, "invalid_request")
    problem(await world.client.get("/v1/items?cursor=abc"), 422, "invalid_cursor")
