"""A condition as text: its tokens as CEL has them, and the variables that stand in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cskit.condition_growth import MACROS

_RAW: Final = r"""(?:[bB]?[rR][bB]?)(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\r\n]*"|'[^'\r\n]*')"""
_PLAIN: Final = (
    r"""[bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*')"""
)
_TEXT: Final = re.compile(f"{_RAW}|{_PLAIN}", re.DOTALL)
TOKEN: Final = re.compile(
    rf"""(?P<skip>\s+|//[^\n]*)
    |(?P<text>{_RAW}|{_PLAIN}|`[^`\n]*`)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>[0-9][0-9A-Za-z_.]*)
    |(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_EQUAL: Final = (["=", "="], ["!", "="])
_LITERAL: Final = re.compile(r"""[rR]?("{3}|'{3}|"|')(?P<text>.*)\1""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Name:
    """A variable as it stands in a condition, with the fields that follow it."""

    path: tuple[str, ...]
    start: int
    tokens: range = range(0)


@dataclass(frozen=True, slots=True)
class Literal:
    """A text that a variable is compared with, or looked for in it, or in a list with it."""

    name: Name
    value: str
    start: int


def tokens_of(text: str) -> list[re.Match[str]]:
    """The tokens of a condition, without spaces and comments; `lastgroup` is text, name, number or sign."""
    return [match for match in TOKEN.finditer(text) if match.lastgroup != "skip"]


def without_texts(condition: str) -> str:
    """The condition with every text in it empty, for who looks for names."""
    return _TEXT.sub("''", condition)


def names_in(text: str) -> Iterator[Name]:
    """The variables of a condition and their fields; not functions, nor what a macro such as exists(x, ...) binds."""
    tokens = tokens_of(text)
    signs = [match.group() for match in tokens]
    bound = {
        signs[at + 2]
        for at in range(len(tokens) - 3)
        if signs[at] in MACROS and signs[at + 1] == "(" and signs[at + 3] == ","
    }
    at = 0
    while at < len(tokens):
        start = at
        at += 1
        if tokens[start].lastgroup != "name" or (start and signs[start - 1] == "." and _selects(tokens, start - 1)):
            continue
        if at < len(tokens) and signs[at] == "(":
            continue
        path = [signs[start]]
        while at + 1 < len(tokens):
            if signs[at] == "." and tokens[at + 1].lastgroup == "name" and not _called(signs, at + 1):
                path.append(signs[at + 1])
                at += 2
            elif signs[at] == "[" and tokens[at + 1].lastgroup == "text" and signs[at + 2 : at + 3] == ["]"]:
                path.append(_key(signs[at + 1]))
                at += 3
            else:
                break
        if path[0] not in bound:
            yield Name(tuple(path), tokens[start].start(), range(start, at))


def literals_in(text: str) -> Iterator[Literal]:
    """The texts that variables of a condition are compared with: a == "b", "b" != a, a in ["b", "c"], "b" in a."""
    tokens = tokens_of(text)
    signs = [match.group() for match in tokens]
    for name in names_in(text):
        first, end = name.tokens.start, name.tokens.stop
        found = []
        if signs[end : end + 2] in _EQUAL:
            found = tokens[end + 2 : end + 3]
        elif signs[end : end + 2] == ["in", "["]:
            close = signs.index("]", end) if "]" in signs[end:] else end
            found = tokens[end + 2 : close : 2]
        elif first > 1 and signs[first - 1] == "in":
            found = tokens[first - 2 : first - 1]
        elif first > 2 and signs[first - 2 : first] in _EQUAL:
            found = tokens[first - 3 : first - 2]
        for one in found:
            if one.lastgroup == "text":
                yield Literal(name, _key(one.group()), one.start())


def _key(literal: str) -> str:
    """The text between the quotes; bytes stay as they are written, for they are the name of no field."""
    found = _LITERAL.fullmatch(literal)
    return found["text"] if found else literal


def asked(name: str) -> str:
    """The name under which has() sees a variable; conditions cannot write it."""
    return name[:1].upper() + name[1:]


def asked_for(text: str) -> list[int]:
    """Where the variables in has(...) begin."""
    tokens = tokens_of(text)
    return [
        tokens[at + 2].start()
        for at in range(len(tokens) - 2)
        if tokens[at].group() == "has" and tokens[at + 1].group() == "("
    ]


def _selects(tokens: list[re.Match[str]], dot: int) -> bool:
    """Whether this dot picks a field of what stands before it, rather than beginning an absolute name."""
    return dot > 0 and (tokens[dot - 1].lastgroup in ("name", "text", "number") or tokens[dot - 1].group() in ")]}")


def _called(signs: list[str], at: int) -> bool:
    return at + 1 < len(signs) and signs[at + 1] == "("


def place_of(text: str, at: int) -> tuple[int, int]:
    """Column and line, from 1, of a character."""
    return at - (text.rfind("\n", 0, at) + 1) + 1, text.count("\n", 0, at) + 1
