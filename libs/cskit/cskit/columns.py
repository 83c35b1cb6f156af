"""Usage by columns: what nearly all messages of cs.customer-events are, read without making an event of each.

A message is taken by columns only where `parse` would surely give the same event of it; all others are left to `parse`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, compress
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from csmodels.ids import MAX_WIRE_ID, UUID_PATTERN, are_plain, is_account_id, is_wire_id, matches

OLD: Final = timedelta(days=300)  # usage that came later than that is left to parse: who folds it treats it with care

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD_US: Final = 300_000_000  # see envelope.FUTURE_TOLERANCE
_OLD_US: Final = int(OLD.total_seconds()) * 1_000_000
_MOST: Final = 2**31 - 1
_REMEMBERED: Final = 1_000_000  # texts of a kind
_PIECE: Final = 1_024  # messages that are decoded at once
_PROPERTY_LETTERS: Final = 64
_EXACT: Final = 2**53 - 1
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2199
_DIGITS: Final = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18, 20, 21, 22, 23, 24, 25])
_MARKS: Final = np.array([4, 7, 10, 13, 16, 19, 26])
_MARKS_ARE: Final = np.frombuffer(b"--T::.Z", dtype=np.uint8)
_TIME_LETTERS: Final = 27

Ints = NDArray[np.int64]


Properties = dict[str, bool | int | float | str]


class _Data(Struct, gc=False):
    """What usage says."""

    name: str
    count: int = 1
    properties: Properties | None = None


class _Message(Struct, gc=False, tag_field="type", tag="usage.tracked"):
    """A message of usage; what is no news (backfill) is left to others."""

    id: str
    source: str
    subject: str
    time: str
    receivedtime: str
    data: _Data
    specversion: Literal["1.0"]
    personid: str | None = None
    clamped: bool = False
    backfill: Literal[False] = False


_DECODE: Final = msgspec.json.Decoder(_Message).decode
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Column:
    """Texts as numbers: each is the place of its text. Place 0 is no text."""

    numbers: Ints
    texts: Sequence[str]

    def text(self, row: int) -> str:
        """The text of a row."""
        return self.texts[int(self.numbers[row])]

    def of(self, numbers: Callable[[Ints], Ints]) -> "Column":
        """A part of it."""
        return Column(numbers(self.numbers), self.texts)


@dataclass(frozen=True, slots=True)
class UsageColumns:
    """Usage events of one partition in the order of the log; equal places belong together.

    places: where each was in what was read. times and received are microseconds since 1970.
    """

    places: Ints
    accounts: Column
    names: Column
    persons: Column
    ids: Sequence[str]
    sources: Sequence[str]
    counts: Ints
    times: Ints
    received: Ints

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, chosen: NDArray[np.bool_]) -> "UsageColumns":
        """Those that are chosen."""
        if chosen.all():
            return self
        return self._of(lambda texts: list(compress(texts, chosen)), lambda numbers: numbers[chosen])

    def between(self, first: int, end: int) -> "UsageColumns":
        """Those from one place of the columns up to another."""
        if first == 0 and end == len(self):
            return self
        return self._of(lambda texts: texts[first:end], lambda numbers: numbers[first:end])

    def _of(self, texts: Callable[[Sequence[str]], Sequence[str]], numbers: Callable[[Ints], Ints]) -> "UsageColumns":
        return UsageColumns(
            places=numbers(self.places),
            accounts=self.accounts.of(numbers),
            names=self.names.of(numbers),
            persons=self.persons.of(numbers),
            ids=texts(self.ids),
            sources=texts(self.sources),
            counts=numbers(self.counts),
            times=numbers(self.times),
            received=numbers(self.received),
        )


class UsageReader:
    """Reads messages by columns. It remembers texts that obey their rules, so that each is looked at once."""

    def __init__(self) -> None:
        self._accounts = _Texts(is_account_id)
        self._names = _Texts(is_wire_id)
        self._persons = _Texts(lambda text: matches(UUID_PATTERN, text))
        self._sources = _Texts(is_wire_id)

    def read(self, values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> tuple[UsageColumns, list[int]]:
        """The usage of these messages by columns, and the places of all others. keys are the messages' keys.

        It goes in pieces, so that what is decoded is let go while it is still in the CPU's cache.
        """
        for texts in (self._accounts, self._names, self._persons, self._sources):
            texts.bound()
        parts: list[UsageColumns] = []
        others: list[int] = []
        for start in range(0, max(len(values), 1), _PIECE):
            part, left = self._piece(values[start : start + _PIECE], keys[start : start + _PIECE], start)
            parts.append(part)
            others += left
        return _together(parts), others

    def _piece(
        self, values: Sequence[bytes | None], keys: Sequence[bytes | None], start: int
    ) -> tuple[UsageColumns, list[int]]:
        """The same of a piece whose first message has the place `start`."""
        read, messages, others = _decoded(values)
        places = np.array(read, dtype=np.int64)
        ids = [one.id for one in messages]
        sources = [one.source for one in messages]
        accounts = self._accounts.column([one.subject for one in messages])
        names = self._names.column([one.data.name for one in messages])
        persons = self._persons.column([one.personid for one in messages])
        times, times_good = _microseconds([one.time for one in messages])
        received, received_good = _microseconds([one.receivedtime for one in messages])
        counts, counts_good = _counts([one.data.count for one in messages])
        late = received - times
        good = times_good & received_good & counts_good & (late >= -_AHEAD_US) & (late < _OLD_US)
        good &= (accounts.numbers >= 0) & (names.numbers >= 0) & (persons.numbers >= 0)
        if (self._sources.column(list(set(sources))).numbers < 0).any():
            good &= self._sources.column(sources).numbers >= 0
        mine = list(map(self._accounts.keys.__getitem__, accounts.numbers.tolist()))
        told = keys if len(read) == len(keys) else [keys[place] for place in read]
        if mine != told:
            good &= np.array([key == other for key, other in zip(mine, told, strict=True)], dtype=np.bool_)
        if not _all_plain(ids):
            good &= np.array([is_wire_id(id_) for id_ in ids], dtype=np.bool_)
        properties = [one.data.properties for one in messages]
        if any(properties):
            good &= np.array([not some or _plain_properties(some) for some in properties], dtype=np.bool_)
        found = UsageColumns(places + start, accounts, names, persons, ids, sources, counts, times, received)
        if not good.all():
            others = sorted([*others, *places[~good].tolist()])
            found = found.where(good)
        return found, [start + place for place in others]


def _together(parts: Sequence[UsageColumns]) -> UsageColumns:
    """All of these, which were read one after the other."""
    if len(parts) == 1:
        return parts[0]

    def numbers(of: Callable[[UsageColumns], Ints]) -> Ints:
        return np.concatenate([of(part) for part in parts])

    def texts(of: Callable[[UsageColumns], Sequence[str]]) -> list[str]:
        return list(chain.from_iterable(map(of, parts)))

    return UsageColumns(
        places=numbers(lambda part: part.places),
        accounts=Column(numbers(lambda part: part.accounts.numbers), parts[0].accounts.texts),
        names=Column(numbers(lambda part: part.names.numbers), parts[0].names.texts),
        persons=Column(numbers(lambda part: part.persons.numbers), parts[0].persons.texts),
        ids=texts(lambda part: part.ids),
        sources=texts(lambda part: part.sources),
        counts=numbers(lambda part: part.counts),
        times=numbers(lambda part: part.times),
        received=numbers(lambda part: part.received),
    )


class _Texts:
    """Texts that were seen to obey a rule, with a number each. 0 is none at all, -1 one that breaks the rule."""

    def __init__(self, rule: Callable[[str], bool]) -> None:
        self._rule = rule
        self._clear()

    def _clear(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}
        self._texts: list[str] = [""]
        self.keys: list[bytes | None] = [None]

    def bound(self) -> None:
        """Forget all where they are too many; who has columns of before keeps their texts."""
        if len(self._texts) > _REMEMBERED:
            self._clear()

    def column(self, texts: Sequence[str | None]) -> Column:
        """These texts."""
        try:
            numbers = np.fromiter(map(self._numbers.__getitem__, texts), dtype=np.int64, count=len(texts))
        except KeyError:
            for text in dict.fromkeys(texts):
                if text is not None and text not in self._numbers and self._rule(text):
                    self._numbers[text] = len(self._texts)
                    self._texts.append(text)
                    self.keys.append(text.encode())
            found = [self._numbers.get(text, -1) for text in texts]
            numbers = np.array(found, dtype=np.int64)
        return Column(numbers, self._texts)


def moment(microseconds: int) -> datetime:
    """The moment that is so many microseconds after the beginning of 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _decoded(values: Sequence[bytes | None]) -> tuple[list[int], list[_Message], list[int]]:
    """The messages of usage with their places, and the places of others."""
    places, messages, others = [], [], []
    readable = _are_text(values)
    for place, value in enumerate(values):
        try:
            if not readable:
                (value or b"").decode()
            messages.append(_DECODE(value or b""))
        except _UNREADABLE:
            others.append(place)
        else:
            places.append(place)
    return places, messages, others


def _are_text(values: Sequence[bytes | None]) -> bool:
    """Whether all are UTF-8: the decoder does not look at what it passes over."""
    try:
        b"\n".join([value or b"" for value in values]).decode()
    except UnicodeDecodeError:
        return False
    return True


def _counts(counts: list[int]) -> tuple[Ints, NDArray[np.bool_]]:
    """Counts, and which are in their range."""
    if counts and (min(counts) < 1 or max(counts) > _MOST):
        good = np.array([1 <= count <= _MOST for count in counts])
        return np.array([count if fine else 1 for count, fine in zip(counts, good, strict=True)], dtype=np.int64), good
    return np.array(counts, dtype=np.int64), np.ones(len(counts), dtype=np.bool_)


def _all_plain(ids: Sequence[str]) -> bool:
    return not ids or (min(map(len, ids)) > 0 and max(map(len, ids)) <= MAX_WIRE_ID and are_plain("".join(ids)))


def _plain_properties(properties: Properties) -> bool:
    """Whether properties are surely good."""
    texts = [*properties, *[value for value in properties.values() if type(value) is str]]
    plain = max(map(len, texts)) <= _PROPERTY_LETTERS and are_plain("".join(texts)) and "" not in properties
    return plain and not any([type(value) is int and abs(value) > _EXACT for value in properties.values()])


def _microseconds(times: list[str]) -> tuple[Ints, NDArray[np.bool_]]:
    """Times as microseconds since 1970, and which of them were written plainly and exist."""
    count = len(times)
    whole = [text if len(text) == _TIME_LETTERS else _lengthened(text) for text in times]
    try:
        letters = np.frombuffer("".join(whole).encode("ascii"), dtype=np.uint8).reshape(count, _TIME_LETTERS)
    except ValueError:  # a letter of no time at all
        whole = [text if text.isascii() else _NO_TIME for text in whole]
        letters = np.frombuffer("".join(whole).encode("ascii"), dtype=np.uint8).reshape(count, _TIME_LETTERS)
    digits = letters[:, _DIGITS].astype(np.int64) - ord("0")
    good = (letters[:, _MARKS] == _MARKS_ARE).all(axis=1) & (digits >= 0).all(axis=1) & (digits <= 9).all(axis=1)
    year = digits[:, :4] @ np.array([1000, 100, 10, 1])
    month, day, hour, minute, second = (digits[:, n] * 10 + digits[:, n + 1] for n in (4, 6, 8, 10, 12))
    micro = digits[:, 14:] @ np.array([100_000, 10_000, 1_000, 100, 10, 1])
    good &= (year >= _FIRST_YEAR) & (year <= _LAST_YEAR) & (month >= 1) & (month <= 12)
    place = np.where(good, (year - _FIRST_YEAR) * 12 + month - 1, 0)
    first = _MONTHS[place]
    good &= (day >= 1) & (day <= _MONTHS[place + 1] - first) & (hour < 24) & (minute < 60) & (second < 60)
    seconds = (((first + day - 1) * 24 + hour) * 60 + minute) * 60 + second
    return seconds * 1_000_000 + micro, good


_NO_TIME: Final = "?" * _TIME_LETTERS
# the days from 1970 to the first of each month
_MONTHS: Final[Ints] = np.arange(
    f"{_FIRST_YEAR}-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]"
).astype("datetime64[D]").astype(np.int64)  # fmt: skip


def _lengthened(text: str) -> str:
    """A time of whole seconds or milliseconds as one of microseconds; one written in another way as none."""
    if len(text) == 20 and text[-1] == "Z":
        return f"{text[:19]}.000000Z"
    if len(text) == 24 and text[-1] == "Z":
        return f"{text[:23]}000Z"
    return _NO_TIME
