"""How large a condition can make what it is given. A macro within or after another multiplies, so that a few lines of
`[name].map(y, y + y).map(y, y + y)` would take all memory; no budget of CEL's counts that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
MOST_COPIES: Final = 1_000
MOST_BYTES: Final = 1024 * 1024 * 1024  # by a guess that is several times too high
_MOST_TURNS: Final = 10_000  # CEL ends what takes more
_EACH: Final = 16  # bytes of a value that is no text
_APART: Final = frozenset((*",?:&|<>=!+-*/%", "in"))  # what stands on either side of these is as long as it is written
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_QUOTES: Final = frozenset("\"'`")


class Unreadable(ValueError):
    """The text is not read here as CEL reads it; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What a condition may do to what it is given.

    `copies`: at most so many of what a macro binds, by what is written: a macro copies its variable as often as its
    body names it, if it is `map` or has another macro in it, else as often as there is a "+"; macros within and after
    one another multiply. `words`: how often anything is named or listed. `depth`: of macros within one another, 0 where
    nothing is put together in them.
    """

    copies: int
    words: int
    depth: int

    def takes(self, data: Any) -> int:
        """About how many bytes evaluating it for this data can take, at the worst."""
        if not self.depth:
            return 0
        size, longest = _size(data)
        return self.copies * self.words * min(_MOST_TURNS, int(max(longest, self.words) ** self.depth)) * size


def growth(signs: Sequence[str], names: int) -> Growth:
    """The growth of a condition with these tokens, so many of which are names. Raises Unreadable."""
    _check(signs)
    reading = _Reading(signs)
    copies, _ = reading.expression()
    builds = "+" in signs or "map" in signs
    return Growth(copies, names + signs.count(","), reading.deepest if builds else 0)


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
        if not is_macro:
            return inner, has_macro
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
