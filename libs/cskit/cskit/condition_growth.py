"""How large a condition can make what it is given, and how long it can take.

A macro within or after another multiplies, so that a few lines of `[name].map(y, y + y).map(y, y + y)` would take all
memory, and one of `names.all(a, names.all(b, [1, 1, …] == [1, 1, …]))` all time; no budget of CEL's counts that.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
MOST_COPIES: Final = 1_000
MOST_BYTES: Final = 1024 * 1024 * 1024  # by a guess that is several times too high
MOST_WORK: Final = 30_000_000  # some 10 ns each
MOST_PATTERNS: Final = 1_000  # characters of all patterns, each as often as it says
_MOST_TURNS: Final = 10_000  # CEL ends what takes more
_TOKEN: Final = 6  # what a token in a macro is worth of work
_EACH: Final = 16  # bytes of a value that is no text
_APART: Final = frozenset((*",?:&|<>=!+-*/%", "in"))  # what stands on either side of these is as long as it is written
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_COUNTED: Final = re.compile(r"\{\d+(?:,\d*)?\}")
_QUOTES: Final = frozenset("\"'`")


class Unreadable(ValueError):
    """The text is not read here as CEL reads it; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a condition may do to what it is given.

    `copies`: at most so many of what a macro binds, by what is written: a macro copies its variable as often as its
    body names it, if it is `map` or has another macro in it, else as often as there is a "+"; macros within and after
    one another multiply. `words`: how often anything is named or listed. `depth`: of macros within one another; in them
    are `body` tokens, and `builds` tells whether anything is put together. `listed`: of the longest list written out.
    """

    copies: int
    words: int
    depth: int
    body: int = 0
    listed: int = 1
    builds: bool = False

    def is_too_much(self, data: Any) -> bool:
        """Whether evaluating it for this data could take more than MOST_BYTES, or more than MOST_WORK of time."""
        if not self.depth:
            return False
        size, longest = _size(data)
        if self.work(longest, size // _EACH) > MOST_WORK:
            return True
        turns = min(_MOST_TURNS, int(max(longest, self.words) ** self.depth))
        return self.builds and self.copies * self.words * turns * size > MOST_BYTES

    def work(self, longest: int = 0, values: int = 0) -> int:
        """How much there is to do at the worst, for data of so many values and a list so long."""
        turns = min(_MOST_TURNS, int(max(longest, self.listed) ** self.depth)) if self.depth else 0
        return turns * (_TOKEN * self.body + values)


def growth(signs: Sequence[str], names: int) -> Growth:
    """The growth of a condition with these tokens, so many of which are names. Raises Unreadable."""
    _check(signs)
    reading = _Reading(signs)
    copies, _ = reading.expression()
    return Growth(
        copies,
        names + signs.count(","),
        reading.deepest,
        body=reading.in_macros,
        listed=reading.listed,
        builds="+" in signs or "map" in signs,
    )


def pattern_size(pattern: str) -> int:
    """About how large a pattern of `matches` is once its counted repetitions are written out."""
    return max(1, len(pattern)) * prod(
        max(map(int, re.findall(r"\d+", each))) or 1 for each in _COUNTED.findall(pattern)
    )


def _check(signs: Sequence[str]) -> None:
    """What hides a part of the condition from who reads it here."""
    opened: list[str] = []
    for at, sign in enumerate(signs):
        if sign in _QUOTES or (sign in _PAIRS and (not opened or opened.pop() != _PAIRS[sign])):
            raise Unreadable("Quotes or brackets here can be read in two ways. Write them plainer.")
        if sign in _PAIRS.values():
            opened.append(sign)
        if sign in MACROS and signs[at + 1 : at + 2] == ["("]:
            bound, comma = (*signs[at + 2 : at + 4], "", "")[:2]
            if comma != "," or not bound.isidentifier():
                raise Unreadable(f"“{sign}” begins with a name of its own: {sign}(one, …).")
    if opened:
        raise Unreadable("A bracket is not closed.")


class _Reading:
    """Reads tokens from left to right."""

    def __init__(self, signs: Sequence[str]) -> None:
        self._signs = signs
        self._at = 0
        self._depth = 0
        self.deepest = 0
        self.in_macros = 0
        self.listed = 1

    def expression(self) -> tuple[int, bool]:
        """Up to the closing bracket or the end: the copies, and whether there is a macro."""
        most = here = 1
        macros = False
        while self._at < len(self._signs) and self._signs[self._at] not in _PAIRS:
            sign = self._signs[self._at]
            if sign in _PAIRS.values():
                inner, has_macro = self._bracket()
                here *= inner
                macros |= has_macro
            elif sign in _APART:
                here = 1
            most = max(most, here)
            self._at += 1
        return most, macros

    def _bracket(self) -> tuple[int, bool]:
        start = self._at
        is_macro = start > 0 and self._signs[start - 1] in MACROS
        self._at += 1
        self._depth += is_macro
        self.deepest = max(self.deepest, self._depth)
        inner, has_macro = self.expression()
        self._depth -= is_macro
        if self._signs[start] == "[":
            self.listed = max(self.listed, 1 + self._signs[start : self._at].count(","))
        if not is_macro:
            return inner, has_macro
        if not self._depth:
            self.in_macros += self._at - start
            if "matches" in self._signs[start : self._at]:
                raise Unreadable("“matches” does not go inside of all, exists, filter and map: it would take too long.")
        body = self._signs[start + 1 : self._at]
        if self._signs[start - 1] != "map" and not has_macro:
            return 1 + body.count("+"), True
        return inner * max(1, body[2:].count(body[0])), True


def _size(value: Any) -> tuple[int, int]:
    """Bytes of a value, and the length of the longest list in it."""
    if isinstance(value, str):
        return _EACH + len(value.encode("utf-8", "replace")), 0
    if not isinstance(value, Mapping | list):
        return _EACH, 0
    inner = [_size(one) for one in (value.values() if isinstance(value, Mapping) else value)]
    longest = max((long for _, long in inner), default=0)
    names = sum(len(name) for name in value) if isinstance(value, Mapping) else 0
    return _EACH + names + sum(size for size, _ in inner), max(len(value), longest)
