"""`python -m tests.bench.reading.bare PORT SIZE...`: a FastAPI route per size, each answering a constant so long.

No key, no database, no encoding: what it costs is uvicorn and FastAPI, in the same loop and parser as ours.
"""

import asyncio
import sys

import uvloop
from fastapi import FastAPI
from starlette.responses import Response

from allinone.server import bound_socket, calm_garbage_collection, serving, stop_on_signals


def make_app(sizes: list[int]) -> FastAPI:
    """GET /{size} for each of the sizes."""
    app = FastAPI()
    for size in sizes:
        body = b'"' + b"x" * (size - 2) + b'"'

        def add(body: bytes, size: int) -> None:
            @app.get(f"/{size}", response_model=None)
            async def constant() -> Response:
                return Response(body, media_type="application/json")

        add(body, size)
    return app


async def main(port: int, sizes: list[int]) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with serving(make_app(sizes), bound_socket("127.0.0.1", port)):
        calm_garbage_collection()
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), [int(size) for size in sys.argv[2:]]))
