"""Byte strings that lie in one buffer: nothing is made of those that nobody asks for."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

PADDING = 1_024  # bytes behind the last one that may be looked at, whatever they are


class Slices(Sequence[bytes | None]):
    """Slices of a buffer, behind which there are PADDING bytes. One that ends before it starts is None."""

    __slots__ = ("buffer", "ends", "starts")

    def __init__(self, buffer: bytes, starts: Ints, ends: Ints) -> None:
        self.buffer = buffer
        self.starts = starts
        self.ends = ends

    @classmethod
    def of(cls, values: Sequence[bytes | None]) -> "Slices":
        """The same byte strings in one buffer."""
        if isinstance(values, cls):
            return values
        some = [value or b"" for value in values]
        buffer = b"".join([*some, bytes(PADDING)])
        ends = np.cumsum(np.fromiter(map(len, some), dtype=np.int64, count=len(some)))
        starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]]) if some else ends
        if None in values:
            ends = np.where([value is None for value in values], starts - 1, ends)
        return cls(buffer, starts, ends)

    @staticmethod
    def joined(parts: "Sequence[Slices]") -> "Slices":
        """All of these one after the other."""
        places: dict[int, int] = {}  # of buffers in the whole one
        buffers: list[bytes] = []
        length = 0
        for part in parts:
            if id(part.buffer) not in places:
                places[id(part.buffer)] = length
                buffers.append(part.buffer)
                length += len(part.buffer)
        shifts = [places[id(part.buffer)] for part in parts]
        return Slices(
            buffers[0] if len(buffers) == 1 else b"".join(buffers),
            np.concatenate([part.starts + shift for part, shift in zip(parts, shifts, strict=True)]),
            np.concatenate([part.ends + shift for part, shift in zip(parts, shifts, strict=True)]),
        )

    def at(self, rows: Ints | NDArray[np.bool_] | slice) -> "Slices":
        """Those of these rows."""
        return Slices(self.buffer, self.starts[rows], self.ends[rows])

    def present(self) -> list[bytes]:
        """The byte strings, where none is None."""
        buffer = self.buffer
        return [buffer[start:end] for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[bytes | None]:
        buffer = self.buffer
        for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True):
            yield buffer[start:end] if end >= start else None

    @overload
    def __getitem__(self, at: int) -> bytes | None: ...
    @overload
    def __getitem__(self, at: slice) -> "Slices": ...
    def __getitem__(self, at: int | slice) -> "bytes | Slices | None":
        if isinstance(at, slice):
            return self.at(at)
        start, end = int(self.starts[at]), int(self.ends[at])
        return self.buffer[start:end] if end >= start else None

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Slices({list(self)})"


def windows(buffer: bytes | memoryview, starts: Ints, letters: int) -> NDArray[np.uint8]:
    """So many bytes from each start on, a row each. They must be there; letters is a multiple of eight."""
    # as items of their length, since numpy copies such at any address at once
    items = np.ndarray((len(buffer) - letters + 1,), f"V{letters}", buffer, 0, (1,))
    return items[starts].view(np.uint8).reshape(len(starts), letters)


def same(rows: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows of numbers are the same in both; column by column, which is faster than row by row."""
    found: NDArray[np.bool_] = rows[:, 0] == others[:, 0]
    for column in range(1, rows.shape[1]):
        found &= rows[:, column] == others[:, column]
    return found


def words(rows: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Rows of bytes as rows of numbers of eight bytes each."""
    return rows.view("<u8")
