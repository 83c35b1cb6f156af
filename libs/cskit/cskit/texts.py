"""Texts as numbers: texts that were seen to obey a rule, so that each is looked at once."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cskit.slices import Ints, same, words

SHORT: Final = 40  # bytes of a text that is found by its bytes

_REMEMBERED: Final = 1_000_000
_WORDS: Final = SHORT // 8
_FEWEST: Final = 1 << 12  # places of the table
_PROBES: Final = 4
_UNKNOWN: Final = -1

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]

# what belongs to a text of so many bytes
MASKS: Final[Words] = words(
    np.array([[0xFF] * length + [0] * (SHORT - length) for length in range(SHORT + 1)], dtype=np.uint8)
)


@dataclass(frozen=True, slots=True)
class Column:
    """Texts as numbers: each is the place of its text. Place 0 is no text."""

    numbers: Ints
    texts: Sequence[str]

    def text(self, row: int) -> str:
        """The text of a row."""
        return self.texts[int(self.numbers[row])]

    def at(self, rows: NDArray[np.bool_] | Ints | slice) -> "Column":
        """Those of these rows."""
        return Column(self.numbers[rows], self.texts)

    @staticmethod
    def joined(parts: "Sequence[Column]") -> "Column":
        """All of these one after the other; they number the same texts."""
        return Column(np.concatenate([part.numbers for part in parts]), parts[0].texts)


class Texts:
    """Texts that were seen to obey a rule, with a number each. 0 is none at all, -1 one that breaks the rule.

    A short one is found by its bytes in a table of open addresses, and compared there.
    """

    def __init__(self, rule: Callable[[str], bool]) -> None:
        self._rule = rule
        self._factors = np.array([secrets.randbits(64) | 1 for _ in range(_WORDS + 1)], dtype=np.uint64)
        self._clear()

    def _clear(self) -> None:
        self._numbers: dict[str | None, int] = {None: 0}
        self.texts: list[str] = [""]
        self.keys: list[bytes | None] = [None]
        self._table: Ints = np.full(_FEWEST, _UNKNOWN, dtype=np.int64)
        self._words: Words = np.zeros((_FEWEST, _WORDS), dtype=np.uint64)  # of the text with this number
        self._lengths: Ints = np.zeros(_FEWEST, dtype=np.int64)
        self._placed = 0

    def bound(self) -> bool:
        """Forget all where they are too many, and whether that was so; who has columns of before keeps their texts."""
        full = len(self.texts) > _REMEMBERED
        if full:
            self._clear()
        return full

    def column(self, texts: Sequence[str | None]) -> Column:
        """These texts."""
        try:
            numbers = np.fromiter(map(self._numbers.__getitem__, texts), dtype=np.int64, count=len(texts))
        except KeyError:
            found = {text: self._number(text) for text in dict.fromkeys(texts)}
            numbers = np.array([found[text] for text in texts], dtype=np.int64)
        return Column(numbers, self.texts)

    def short(self, bodies: Bytes, lengths: Ints) -> Ints:
        """The numbers of short texts, given as rows of SHORT bytes with zeros behind; one that is no text has -1."""
        asked = words(bodies)
        places = self._places(asked)
        numbers = self._found(asked, lengths, places)
        unknown = np.flatnonzero(numbers < 0)
        if len(unknown):
            numbers[unknown] = self._learned(bodies[unknown], lengths[unknown], places[unknown])
        return numbers

    def _places(self, asked: Words) -> Ints:
        """Where in the table to look first."""
        hashed = asked[:, 0] * self._factors[0]
        for word in range(1, _WORDS):
            hashed += asked[:, word] * self._factors[word]
        hashed ^= hashed >> np.uint64(32)
        hashed *= self._factors[_WORDS]
        places: Ints = (hashed >> np.uint64(33)).astype(np.int64)
        return places

    def _found(self, asked: Words, lengths: Ints, places: Ints) -> Ints:
        last = len(self._table) - 1
        numbers: Ints = self._table[places & last]
        wrong = np.flatnonzero(~self._same(numbers, asked, lengths))
        numbers[wrong] = _UNKNOWN
        for probe in range(1, _PROBES):
            if not len(wrong):
                break
            there = self._table[(places[wrong] + probe) & last]
            right = self._same(there, asked[wrong], lengths[wrong])
            numbers[wrong[right]] = there[right]
            wrong = wrong[~right]
        return numbers

    def _same(self, numbers: Ints, asked: Words, lengths: Ints) -> NDArray[np.bool_]:
        """Whether the texts with these numbers are the ones that are asked for; there is none with -1."""
        found: NDArray[np.bool_] = (numbers >= 0) & (self._lengths[numbers] == lengths)
        return found & same(self._words[numbers], asked)

    def _learned(self, bodies: Bytes, lengths: Ints, places: Ints) -> Ints:
        """The numbers of texts that the table does not have; it has them then, where there is room."""
        told: dict[bytes, int] = {}
        numbers = []
        for row, length, place in zip(bodies, lengths.tolist(), places.tolist(), strict=True):
            body = row[:length].tobytes()
            if body not in told:
                text = _text(body)
                told[body] = number = _UNKNOWN if text is None else self._number(text)
                if number > 0:
                    self._place(body, number, place)
            numbers.append(told[body])
        return np.array(numbers, dtype=np.int64)

    def _number(self, text: str | None) -> int:
        """The number of a text, which is new or not."""
        number = self._numbers.get(text)
        if number is None:
            if text is None or not self._rule(text):
                return _UNKNOWN
            number = self._numbers[text] = len(self.texts)
            self.texts.append(text)
            self.keys.append(text.encode())
        return number

    def _place(self, body: bytes, number: int, place: int) -> None:
        if 4 * self._placed >= len(self._table):
            self._grow()
        if number >= len(self._words):
            self._words = np.concatenate([self._words, np.zeros((number, _WORDS), dtype=np.uint64)])
            self._lengths = np.concatenate([self._lengths, np.zeros(number, dtype=np.int64)])
        self._lengths[number] = len(body)
        self._words[number] = np.frombuffer(body.ljust(SHORT, b"\0"), dtype="<u8")
        self._put(number, place)

    def _grow(self) -> None:
        """Four times as many places: all are put in anew."""
        numbers = self._table[self._table >= 0]
        self._table = np.full(4 * len(self._table), _UNKNOWN, dtype=np.int64)
        self._placed = 0
        for number, place in zip(numbers.tolist(), self._places(self._words[numbers]).tolist(), strict=True):
            self._put(number, place)

    def _put(self, number: int, place: int) -> None:
        """Note a text at its place, or soon behind it; where there is no room it is asked for by its text each time."""
        last = len(self._table) - 1
        for probe in range(_PROBES):
            if self._table[(place + probe) & last] == _UNKNOWN:
                self._table[(place + probe) & last] = number
                self._placed += 1
                return


def _text(body: bytes) -> str | None:
    """The text that a JSON string is, without its quotes; None where that is not plain to see."""
    if not body or b"\\" in body:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
