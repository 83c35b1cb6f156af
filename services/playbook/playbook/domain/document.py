"""A document as values that know where they stand, and the mistakes that a reader found in it."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

UNFIT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""A character that cannot be stored or sent: a control character but tab and line breaks, half a surrogate pair."""


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a mapping, where it stands, and its value."""

    at: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands."""

    at: Place
    value: "Scalar | Sequence[Node] | Mapping[str, Field]"

    def plain(self) -> Plain:
        """The value without its places."""
        if isinstance(self.value, Mapping):
            return {key: field.node.plain() for key, field in self.value.items()}
        if isinstance(self.value, Sequence) and not isinstance(self.value, str):
            return [item.plain() for item in self.value]
        return self.value

    def kind(self) -> str:
        """What the value is, in words for a person."""
        if isinstance(self.value, Mapping):
            return "a mapping"
        if isinstance(self.value, str):
            return f"“{self.value}”"
        if isinstance(self.value, Sequence):
            return "a list"
        if self.value is None:
            return "nothing"
        return {True: "true", False: "false"}[self.value] if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something to correct: where, which part (`steps.2.task.due`), and a sentence that says what and what to do."""

    at: Place
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.at}: {self.message}"


class InvalidDocument(ValueError):
    """A document with at least one mistake; they are in the order of the document."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda mistake: (mistake.at.line, mistake.at.column)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence with the nearest of the names that are known, or with all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean “{near[0]}”?" if near else f"Possible here: {', '.join(names)}."
