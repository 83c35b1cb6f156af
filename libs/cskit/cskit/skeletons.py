"""Messages of usage that differ in their texts alone: what was read of one tells how to read all others.

A skeleton is all of a message but the contents of its variable texts. Messages of equal skeletons are read with numpy,
many at once, and none of them is decoded: what stands between the texts is compared byte by byte, and the texts have
no quotes and no escapes. So the decoder would find the same fields with these texts.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cskit.slices import PADDING, Ints, Slices, windows, words
from cskit.texts import MASKS, SHORT, Bytes, Words
from cskit.times import microseconds

_QUOTE: Final = ord('"')
_SEEN: Final = SHORT + 8  # bytes of a text that are looked at: its closing quote is among them
_DIGITS: Final = 9  # of a count
_LITERALS: Final = PADDING - 8 * _SEEN  # bytes: so that whatever a record says, nothing is looked at behind the padding
_COUNT: Final = re.compile(rb":([1-9][0-9]{0,8})([,}][^\"]*)")
_PLAIN: Final = re.compile(rb"[ -\[\]-~]+")  # printable ASCII without the backslash
_BLANKS: Final[Words] = ~MASKS & np.uint64(0x2020202020202020)

Flags = NDArray[np.bool_]


class Part(Enum):
    """What varies between messages."""

    ID = auto()
    SUBJECT = auto()
    TIME = auto()
    RECEIVED = auto()
    PERSON = auto()
    NAME = auto()
    COUNT = auto()


_OF_ENVELOPE: Final = {
    b"id": Part.ID,
    b"subject": Part.SUBJECT,
    b"time": Part.TIME,
    b"receivedtime": Part.RECEIVED,
    b"personid": Part.PERSON,
}
_OF_DATA: Final = {b"name": Part.NAME, b"count": Part.COUNT}
_ALWAYS: Final = {Part.TIME, Part.RECEIVED, Part.PERSON}  # of one length in a skeleton
_NEEDED: Final = {Part.ID, Part.SUBJECT, Part.TIME, Part.RECEIVED, Part.NAME}


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The bytes before each part, how long it always is (0: that varies), and the bytes behind the last one."""

    steps: tuple[tuple[bytes, Part, int], ...]
    end: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What messages say that have a skeleton. rows: which of all; the columns are of those.

    Texts are rows of SHORT bytes with zeros behind, and their lengths. persons: None where nobody is named.
    ids: where they start and end. good: whether times and ids are surely good.
    """

    rows: Ints
    ids: tuple[Ints, Ints]
    subjects: tuple[Bytes, Ints]
    names: tuple[Bytes, Ints]
    persons: tuple[Bytes, Ints] | None
    counts: Ints
    times: Ints
    received: Ints
    good: Flags


def skeleton_of(value: bytes) -> Skeleton | None:
    """The skeleton of a message of usage that can be decoded; None where it is too odd to have one."""
    if not _PLAIN.fullmatch(value):
        return None
    outside, texts = value.split(b'"')[::2], value.split(b'"')[1::2]
    steps: list[tuple[bytes, Part, int]] = []
    keys: list[bytes] = []
    path: list[bytes] = []  # of the objects around, by their keys
    literal = b""
    for place, text in enumerate(texts):
        before, behind = outside[place], outside[place + 1]
        literal += before
        for brace in before:
            if brace in b"[":
                return None
            if brace in b"{":
                path.append(keys[-1] if keys else b"")
            if brace in b"}":
                path.pop()
        parts = _OF_ENVELOPE if path == [b""] else _OF_DATA if path == [b"", b"data"] else {}
        part = parts.get(keys[-1]) if before == b":" else None
        if part is not None and part is not Part.COUNT:
            if part in _ALWAYS and not 0 < len(text) <= SHORT:
                return None
            steps.append((literal + b'"', part, len(text) if part in _ALWAYS else 0))
            literal = b'"'
            continue
        literal += b'"' + text + b'"'
        if not behind.startswith(b":"):
            continue
        keys.append(text)
        if parts.get(text) is Part.COUNT:
            told = _COUNT.fullmatch(behind)
            if told is None:
                return None
            steps.append((literal + b":", Part.COUNT, 0))
            literal = b""
            outside[place + 1] = told[2]
    found = [part for _, part, _ in steps]
    known = [key for key in keys if key in _OF_ENVELOPE or key in _OF_DATA or key == b"data"]
    whole = Skeleton(tuple(steps), literal + outside[-1])
    if len(set(known)) < len(known) or len(set(found)) < len(found) or not set(found) >= _NEEDED:
        return None
    return whole if sum(len(before) for before, *_ in steps) + len(whole.end) <= _LITERALS else None


def read(skeleton: Skeleton, values: Slices, rows: Ints) -> Read:
    """Those of these rows of the values that have the skeleton. Values are none but may be empty."""
    buffer, at = values.buffer, values.starts[rows]
    texts: dict[Part, tuple[Ints, Bytes, Ints]] = {}  # where it starts, its bytes and how many

    def keep(fits: Flags) -> None:
        nonlocal rows, at, texts
        if not fits.all():
            rows, at = rows[fits], at[fits]
            texts = {each: (start[fits], body[fits], length[fits]) for each, (start, body, length) in texts.items()}

    for literal, part, always in skeleton.steps:
        keep(_stands(buffer, at, literal))
        at = at + len(literal)
        if always:
            seen, length = windows(buffer, at, SHORT), np.full(len(at), always)
        else:
            seen = windows(buffer, at, _SEEN)
            # where it has no end its length is 0, and what stands there is not what comes behind a text or count
            length = (_none_digit(seen) if part is Part.COUNT else seen == _QUOTE).argmax(axis=1)
            if int(length.max(initial=0)) > SHORT:
                short = length <= SHORT
                keep(short)
                seen, length = seen[short], length[short]
            seen = seen[:, :SHORT]
        texts[part] = at, seen, length
        at = at + length
    keep(_stands(buffer, at, skeleton.end) & (at + len(skeleton.end) == values.ends[rows]))
    return _read(rows, texts)


def _read(rows: Ints, texts: dict[Part, tuple[Ints, Bytes, Ints]]) -> Read:
    def text(part: Part) -> tuple[Bytes, Ints]:
        _, body, length = texts[part]
        return (words(np.ascontiguousarray(body)) & MASKS[length]).view(np.uint8), length

    start, id_, id_length = texts[Part.ID]
    times, times_good = microseconds(*texts[Part.TIME][1:])
    received, received_good = microseconds(*texts[Part.RECEIVED][1:])
    counts, counts_good = _counts(texts.get(Part.COUNT), len(rows))
    return Read(
        rows=rows,
        ids=(start, start + id_length),
        subjects=text(Part.SUBJECT),
        names=text(Part.NAME),
        persons=text(Part.PERSON) if Part.PERSON in texts else None,
        counts=counts,
        times=times,
        received=received,
        good=times_good & received_good & counts_good & _plain_ids(id_, id_length),
    )


def _stands(buffer: bytes, at: Ints, literal: bytes) -> Flags:
    """Whether the literal stands there."""
    letters = -(-len(literal) // 8) * 8
    seen = words(windows(buffer, at, letters))
    wanted, mask = (
        np.frombuffer(part.ljust(letters, b"\0"), dtype="<u8") for part in (literal, b"\xff" * len(literal))
    )
    # only the last eight bytes may have some that are not the literal's
    stands: Flags = (seen[:, -1] & mask[-1]) == wanted[-1]
    for word in range(letters // 8 - 1):
        stands &= seen[:, word] == wanted[word]
    return stands


def _none_digit(seen: Bytes) -> Flags:
    none: Flags = (seen - np.uint8(ord("0"))) > 9
    return none


def _counts(told: tuple[Ints, Bytes, Ints] | None, rows: int) -> tuple[Ints, Flags]:
    """Counts, and which of them are surely in their range; not told it is one."""
    if told is None:
        return np.ones(rows, dtype=np.int64), np.ones(rows, dtype=np.bool_)
    _, body, length = told
    counts = np.zeros(rows, dtype=np.int64)
    for place in range(min(int(length.max(initial=0)), _DIGITS)):
        counts = np.where(place < length, counts * 10 + (body[:, place] - np.uint8(ord("0"))), counts)
    return counts, (length > 0) & (length <= _DIGITS) & (body[:, 0] != ord("0"))


def _plain_ids(bodies: Bytes, lengths: Ints) -> Flags:
    """Whether ids are printable ASCII without "@" and escapes."""
    letters = (words(np.ascontiguousarray(bodies)) & MASKS[lengths] | _BLANKS[lengths]).view(np.uint8)
    odd = ((letters - np.uint8(32)) > 94) | (letters == ord("@")) | (letters == ord("\\"))
    seen = odd.view("<u8")
    any_odd = seen[:, 0]
    for word in range(1, SHORT // 8):
        any_odd = any_odd | seen[:, word]
    plain: Flags = (lengths > 0) & (any_odd == 0)
    return plain
