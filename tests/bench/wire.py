"""HTTP/1.1 by hand over asyncio, for clients that cost little: they share the machine with what they measure."""

import asyncio
from typing import cast


class Connection(asyncio.Protocol):
    """A connection with one request at a time; who derives from it says what follows an answer."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class is none of asyncio's

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
        if len(self._received) < end + 4 + length:
            return
        body, self._received = self._received[end + 4 :], b""
        self.answered(int(head[9:12]), body)

    def answered(self, status: int, body: bytes) -> None:
        """The answer to the request is there."""
        raise NotImplementedError
