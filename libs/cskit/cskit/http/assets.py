"""The few files that pages load: in memory, served under addresses that change with their content."""

import hashlib
from collections.abc import Mapping
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
    """Files by their names, of the kinds that pages load; `below` is the path that they are served under."""

    def __init__(self, files: Mapping[str, bytes], below: str) -> None:
        self._below = below
        self._files = {
            name: StaticFile(content, _TYPES[_suffix(name)], hashlib.sha256(content).hexdigest()[:16])
            for name, content in files.items()
        }

    def url(self, name: str) -> str:
        """Where the file is; the address holds its hash. KeyError if there is none."""
        return f"{self._below}/{name}?v={self._files[name].digest}"

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


def files_of(package: str, folder: str = "") -> Mapping[str, bytes]:
    """The files of a package's folder that pages load, read now."""
    place = resources.files(package).joinpath(folder)
    return {entry.name: entry.read_bytes() for entry in place.iterdir() if _suffix(entry.name) in _TYPES}


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"
