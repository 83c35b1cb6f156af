"""Limits on request bodies, and unpacking of gzip, deflate and zstd, both while the body streams in."""

import asyncio
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from starlette._utils import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cskit.errors import DomainError, TooLarge
from cskit.http.problems import Refused, problem_response

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MEGABYTE: Final = 1024 * 1024
_GZIP_OR_ZLIB: Final = zlib.MAX_WBITS | 32
_WINDOW: Final[Mapping[int, int]] = {
    zstd.DecompressionParameter.window_log_max: 23
}  # 8 MB, as RFC 9659 has it for HTTP
_ENCODINGS: Final = "gzip, deflate, zstd"
_MOST_PARTS: Final = 1000  # gzip members or zstd frames: each costs time, even an empty one
_PROGRAMS: Final = "/v1/"  # where the body decides what it is: SDKs and curl name other types, or none
_STEP: Final = 64 * 1024  # bytes that are unpacked at a time
_MOST_DIGITS: Final = 18  # of a Content-Length; int() itself fails beyond some thousands
_MISDECLARED: Final = DomainError(
    "invalid_content_length", f"Content-Length is refused: it should be a number of at most {_MOST_DIGITS} digits.",
    status=400,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Sizes in bytes. `paths` holds larger or smaller ones for a path and what is below it; the longest path wins."""

    body: int = MEGABYTE  # as sent
    unpacked: int = 8 * MEGABYTE  # of what was packed
    ratio: int = 300  # unpacked to packed, looked at beyond `ratio_from`
    ratio_from: int = MEGABYTE
    seconds: float = 60.0  # until it is whole: who stalls for longer holds what others need
    paths: Mapping[str, int] = field(default_factory=dict)

    def of(self, path: str) -> int:
        """The limit for what is sent to `path`."""
        above = [known for known in self.paths if f"{path}/".startswith(f"{known.rstrip('/')}/")]
        return self.paths[max(above, key=len)] if above else self.body


class Bodies:
    """ASGI middleware: the app reads a plain body, or reading it fails with a problem 400, 408, 413 or 415.

    A Content-Length that is no number is refused before the app hears of the request.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = get_route_path(scope)
        if path.startswith(_PROGRAMS):
            kept = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
            scope["headers"] = [*kept, (b"content-type", b"application/json")]
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > _MOST_DIGITS:
            await problem_response(_MISDECLARED, scope)(scope, receive, send)
            return
        body = _Body(receive, self._limits.of(path), int(declared), self._limits, headers)
        if b"content-encoding" in headers:
            scope["headers"] = [
                pair for pair in scope["headers"] if pair[0] not in (b"content-encoding", b"content-length")
            ]
        await self._app(scope, body.receive, send)


class _Body:
    def __init__(
        self, receive: Receive, limit: int, declared: int, limits: BodyLimits, headers: Mapping[bytes, bytes]
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._declared = declared
        self._limits = limits
        self._unpacked_limit = max(limits.unpacked, limit)
        self._encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        self._packed = 0
        self._unpacked = 0
        self._unpacker: _Unpacker | None = None
        self._whole = False
        self._deadline: float | None = None

    async def receive(self) -> Message:
        if self._declared > self._limit:
            raise Refused(self._too_large())
        message = await self._next()
        if message["type"] != "http.request":
            return message
        self._whole = not message.get("more_body", False)
        chunk: bytes = message.get("body", b"")
        self._packed += len(chunk)
        if self._packed > self._limit:
            raise Refused(self._too_large())
        if self._encoding in ("", "identity"):
            return message
        return {**message, "body": self._unpack(chunk, last=not message.get("more_body", False))}

    async def _next(self) -> Message:
        if self._whole:  # what comes now is that the client has left
            return await self._receive()
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._limits.seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            raise Refused(DomainError(
                "body_too_slow", f"The body was not whole after {self._limits.seconds:g} seconds. Send less at a time.",
                status=408,
            )) from None  # fmt: skip

    def _unpack(self, chunk: bytes, *, last: bool) -> bytes:
        if self._unpacker is None:
            self._unpacker = _unpacker(self._encoding)
        try:
            out = bytearray()
            for piece in self._unpacker.feed(chunk):
                self._unpacked += len(piece)
                self._check()
                out += piece
            if last and self._packed and not self._unpacker.complete:
                raise _Broken("the end is missing")
        except (zlib.error, zstd.ZstdError, _Broken) as error:
            raise Refused(
                DomainError("invalid_encoding", f"The body is not valid {self._encoding}: {error}.", status=400)
            ) from None
        return bytes(out)

    def _check(self) -> None:
        limits = self._limits
        if self._unpacked > self._unpacked_limit:
            raise Refused(TooLarge(
                "body_too_large", f"The body unpacks to more than {self._unpacked_limit} bytes. Send less at a time."
            ))  # fmt: skip
        if self._unpacked > limits.ratio_from and self._unpacked > limits.ratio * self._packed:
            raise Refused(TooLarge(
                "body_too_dense", f"The body unpacks to more than {limits.ratio} times its size. Send it as it is."
            ))  # fmt: skip

    def _too_large(self) -> TooLarge:
        return TooLarge("body_too_large", f"The body is larger than {self._limit} bytes. Send less at a time.")


class _Broken(Exception):
    """What was sent cannot be unpacked."""


class _Unpacker(Protocol):
    @property
    def complete(self) -> bool:
        """Whether all that was fed ended where a stream ends."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What `data` unpacks to, a bounded piece at a time. Raises zlib.error, ZstdError or _Broken."""


def _unpacker(encoding: str) -> _Unpacker:
    """The one for a Content-Encoding. Refused: 415, with those that there are (RFC 7694)."""
    match encoding:
        case "gzip" | "x-gzip" | "deflate":
            return _Zlib(raw_too=encoding == "deflate")
        case "zstd":
            return _Zstd()
        case _:
            message = f"Send the body as it is, or packed with one of {_ENCODINGS}."
            unsupported = DomainError("unsupported_encoding", message, status=415)
            raise Refused(unsupported, headers={"Accept-Encoding": _ENCODINGS})


class _Zlib:
    """Unpacks gzip (of one or more members), zlib, and if `raw_too` bare deflate, which has no header."""

    def __init__(self, *, raw_too: bool) -> None:
        self._raw_too = raw_too
        self._head = b""
        self._parts = 1
        self._object = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)

    @property
    def complete(self) -> bool:
        return self._object.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._raw_too:
            self._head += data
            if len(self._head) < 2:
                return
            data, self._raw_too = self._head, False
            if not _has_zlib_header(data):
                self._object = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        while data:
            if self._object.eof:  # one more gzip member
                self._parts = _one_more(self._parts)
                self._object = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
            piece = self._object.decompress(data, _STEP)
            data = self._object.unused_data if self._object.eof else self._object.unconsumed_tail
            yield piece
        while not self._object.eof and (piece := self._object.decompress(b"", _STEP)):
            yield piece  # what the last input still holds


class _Zstd:
    """Unpacks zstd, of one or more frames."""

    def __init__(self) -> None:
        self._parts = 1
        self._object = zstd.ZstdDecompressor(options=_WINDOW)

    @property
    def complete(self) -> bool:
        return self._object.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or not (self._object.eof or self._object.needs_input):
            if self._object.eof:  # one more frame
                self._parts = _one_more(self._parts)
                self._object = zstd.ZstdDecompressor(options=_WINDOW)
            yield self._object.decompress(data, _STEP)
            data = self._object.unused_data if self._object.eof else b""  # it keeps what it has not unpacked yet


def _one_more(parts: int) -> int:
    if parts == _MOST_PARTS:
        raise _Broken(f"it has more than {_MOST_PARTS} parts")
    return parts + 1


def _has_zlib_header(data: bytes) -> bool:
    """RFC 1950: method 8, and the first two bytes are a multiple of 31."""
    return data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
