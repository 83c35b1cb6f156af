"""What a packed body may cost: windows, parts and sizes have limits, in gzip and in zstd."""

import gzip
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cskit.auth import KeyFile, Keys
from cskit.clock import Clocks, FrozenClock
from cskit.http import make_app
from cskit.http.bodies import MEGABYTE, zstd


async def ready() -> Mapping[str, str]:
    return {}


async def length(request: Request) -> Response:
    return JSONResponse(len(await request.body()))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Of an app that answers with the length of the body that it read."""
    router = APIRouter()
    router.add_route("/length", length, methods=["POST"])
    wall = FrozenClock(datetime(2026, 1, 1, tzinfo=UTC))
    keys, clocks = Keys(KeyFile(tmp_path / "keys.json", wall)), Clocks(wall, wall)
    app = make_app("packed", [router], keys=keys, clocks=clocks, ready=ready)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as one:
        yield one


def frame_of_window(log: int) -> bytes:
    """A zstd frame whose reader has to keep 2**log bytes."""
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    return packer.compress(b"0" * 1000) + packer.flush()


LINES = "".join(f"{number},{number * 7919}\n" for number in range(100_000)).encode()
SKIPPED = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"  # RFC 8878: a frame that is not to be read


@pytest.mark.parametrize(
    ("packed", "size"),
    [
        (frame_of_window(23), 1000),
        (SKIPPED + zstd.compress(b"123") + SKIPPED, 3),
        (zstd.compress(b"1") * 1000, 1000),
        (zstd.compress(b"0" * MEGABYTE), MEGABYTE),
        (zstd.compress(LINES), len(LINES)),
    ],
)
async def test_zstd_is_read_as_its_rfcs_say(client: httpx.AsyncClient, packed: bytes, size: int) -> None:
    answer = await client.post("/length", content=packed, headers={"content-encoding": "zstd"})

    assert (answer.status_code, answer.json()) == (200, size)


@pytest.mark.parametrize(
    ("encoding", "packed", "status", "code"),
    [
        ("zstd", frame_of_window(24), 400, "invalid_encoding"),
        ("zstd", zstd.compress(b"") * 1001, 400, "invalid_encoding"),
        ("gzip", gzip.compress(b"") * 1001, 400, "invalid_encoding"),
        ("zstd", zstd.compress(b"0" * 50 * MEGABYTE), 413, "body_too_dense"),
        ("zstd", zstd.compress(LINES, 19) * 3 + zstd.compress(b"0" * 4 * MEGABYTE), 413, "body_too_large"),
        ("zstd", SKIPPED[:-1], 400, "invalid_encoding"),
    ],
)
async def test_what_costs_more_to_unpack_than_it_is_worth_is_refused(
    client: httpx.AsyncClient, encoding: str, packed: bytes, status: int, code: str
) -> None:
    answer = await client.post("/length", content=packed, headers={"content-encoding": encoding})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_who_packs_in_another_way_hears_which_ways_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.post("/length", content=b"x", headers={"content-encoding": "br"})

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip, deflate, zstd")
