"""The few files that pages load: read once, served under addresses that change with their content."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_A_YEAR: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the package."""

    content: bytes
    media_type: str
    digest: str


class StaticFiles:
    """All files of console/static, in memory."""

    def __init__(self) -> None:
        self._files: dict[str, StaticFile] = {}
        for entry in resources.files("console").joinpath("static").iterdir():
            suffix = f".{entry.name.rpartition('.')[2]}"
            if suffix in _TYPES:
                content = entry.read_bytes()
                digest = hashlib.sha256(content).hexdigest()[:16]
                self._files[entry.name] = StaticFile(content, _TYPES[suffix], digest)

    def url(self, name: str) -> str:
        """Where the file is; the address holds its hash. KeyError if there is none."""
        return f"/static/{name}?v={self._files[name].digest}"

    async def serve(self, request: Request) -> Response:
        """The file: for a year under its present hash, to be asked for again under any other."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            return Response("There is no such file.", 404, media_type="text/plain")
        current = request.query_params.get("v") == file.digest
        etag = f'"{file.digest}"'
        headers = {
            "ETag": etag,
            "Cache-Control": _A_YEAR if current else "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, media_type=file.media_type, headers=headers)
