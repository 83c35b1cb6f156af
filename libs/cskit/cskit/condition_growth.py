"""How large a condition can make what it is given: a macro within or after another multiplies, so that a few lines of
`[name].map(y, y + y).map(y, y + y)` would take all memory. No budget of CEL's counts that.
"""

from collections.abc import Sequence
from typing import Final

MACROS: Final = frozenset({"all", "exists", "exists_one", "existsOne", "filter", "map"})
MOST_COPIES: Final = 100
_APART: Final = frozenset(",?:&|<>=!+-*/%")  # what stands on either side of these is as long as it is written
_OPEN: Final = frozenset("([{")
_CLOSE: Final = frozenset(")]}")


def copies(signs: Sequence[str]) -> int:
    """At most so many copies of one value a condition holds at a time; `signs` are its tokens, brackets in pairs.

    Counted by what is written: a macro copies the variable that it binds as often as its body names it, if it is `map`
    or has another macro in it, else as often as there is a "+"; macros within and after one another multiply.
    """
    return _Reading(signs).expression()[0]


class _Reading:
    """Reads tokens from left to right."""

    def __init__(self, signs: Sequence[str]) -> None:
        self._signs = signs
        self._at = 0

    def expression(self) -> tuple[int, bool]:
        """Up to the closing bracket or the end: the copies, and whether there is a macro."""
        most = here = 1
        macros = False
        while self._at < len(self._signs) and self._signs[self._at] not in _CLOSE:
            sign = self._signs[self._at]
            if sign in _OPEN:
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
        self._at += 1
        inner, has_macro = self.expression()
        body = self._signs[start + 1 : self._at]
        name = self._signs[start - 1] if start else ""
        if name not in MACROS or body[1:2] != [","]:
            return inner, has_macro
        if name != "map" and not has_macro:
            return 1 + body.count("+"), True
        return inner * max(1, body[2:].count(body[0])), True
