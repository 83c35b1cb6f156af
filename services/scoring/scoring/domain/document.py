"""Reading of nested mappings (from YAML or JSON) with errors that say where, what, and what to do."""

import math
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

_LARGEST: Final = sys.float_info.max  # neither infinity, nor NaN, nor a whole number that no float holds is within


class InvalidDocument(ValueError):
    """A document that can't be used: where (a dotted path), what is wrong, and what to do."""

    def __init__(self, where: str, what: str, remedy: str) -> None:
        super().__init__(f"{where or 'The document'}: {what}. {remedy}")
        self.where, self.what, self.remedy = where, what, remedy


class Section:
    """A mapping of a document and its path. `done` refuses the fields that nobody read."""

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise InvalidDocument(path, f"{_shown(value)} is no mapping", "Write `name: value` lines below it.")
        self._values: Mapping[Any, Any] = value
        self._path = path
        self._read: set[str] = set()
        self._known: set[str] = set()

    def where(self, name: object) -> str:
        """The path of a field of this section."""
        return f"{self._path}.{name}" if self._path else str(name)

    def names(self) -> list[str]:
        """The names of the fields, in the document's order; all must be texts."""
        for key in self._values:
            if not isinstance(key, str):
                raise InvalidDocument(self.where(key), "this name is no text", "Put it in quotes.")
        return list(self._values)

    @property
    def path(self) -> str:
        """The path of this section."""
        return self._path

    def is_section(self, name: str) -> bool:
        """Whether the field is a mapping."""
        return isinstance(self._values.get(name), Mapping)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        self._known.add(name)
        return self._values.get(name) is not None

    def any(self, name: str) -> Any:
        """The field's value. Raises InvalidDocument if it is missing."""
        self._read.add(name)
        if name not in self._values:
            raise self._missing(name)
        return self._values[name]

    def section(self, name: str) -> "Section":
        """The field as a section of its own."""
        return Section(self.any(name), self.where(name))

    def sections(self, name: str) -> "list[Section]":
        """The field as a list of sections."""
        where = self.where(name)
        return [Section(each, f"{where}.{n}") for n, each in enumerate(self._list(self.any(name), where))]

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.any(name)
        if not isinstance(value, str) or not value:
            raise InvalidDocument(self.where(name), f"{_shown(value)} is no text", "Write a text.")
        return value

    def number(self, name: str, low: float = -math.inf, high: float = math.inf, *, above: float = -math.inf) -> float:
        """A finite number, low <= n <= high and n > above."""
        return self._number(self.any(name), self.where(name), low, high, above)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number, low <= n <= high."""
        value = self.number(name, low, high)
        if value != int(value):
            raise InvalidDocument(self.where(name), f"{value} is no whole number", "Write it without a fraction.")
        return int(value)

    def numbers(self, name: str, length: int | None = None) -> tuple[float, ...]:
        """A list of finite numbers."""
        values = self._list(self.any(name), self.where(name))
        if length is not None and len(values) != length:
            raise InvalidDocument(self.where(name), f"it has {len(values)} values", f"Write {length} of them.")
        return tuple(self._number(v, f"{self.where(name)}.{n}") for n, v in enumerate(values))

    def points(self, name: str) -> tuple[tuple[float, float], ...]:
        """A list of pairs of numbers."""
        where = self.where(name)
        pairs = []
        for n, pair in enumerate(self._list(self.any(name), where)):
            values = self._list(pair, f"{where}.{n}")
            if len(values) != 2:
                raise InvalidDocument(f"{where}.{n}", f"{_shown(pair)} is no pair", "Write [input, points].")
            x, y = (self._number(v, f"{where}.{n}") for v in values)
            pairs.append((x, y))
        return tuple(pairs)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, each once."""
        values = self._list(self.any(name), self.where(name))
        for n, value in enumerate(values):
            if not isinstance(value, str) or not value:
                raise InvalidDocument(f"{self.where(name)}.{n}", f"{_shown(value)} is no text", "Write a text.")
        if len(set(values)) < len(values):
            raise InvalidDocument(self.where(name), "a text is there twice", "Write each once.")
        return tuple(values)

    def choice(self, name: str, choices: Iterable[str]) -> str:
        """One of the texts."""
        value = self.any(name)
        allowed = tuple(choices)
        if value not in allowed:
            raise InvalidDocument(self.where(name), f"{_shown(value)} is not known", f"Choose {', '.join(allowed)}.")
        return str(value)

    def done(self) -> None:
        """Refuses the fields of this section that were not read."""
        for name in self.names():
            if name in self._known - self._read:
                raise InvalidDocument(self.where(name), "it is empty", "Write a value, or leave the line out.")
            if name not in self._read:
                known = ", ".join(sorted(self._read | self._known))
                raise InvalidDocument(self.where(name), "there is no such field", f"Remove it; known are {known}.")

    def _missing(self, name: str) -> InvalidDocument:
        others = [key for key in self._values if isinstance(key, str) and key not in self._read]
        for other in get_close_matches(name, others, n=1, cutoff=0.75):
            return InvalidDocument(self.where(other), "there is no such field", f"Did you mean “{name}”?")
        return InvalidDocument(self.where(name), "it is missing", "Add it; default.yaml shows every field.")

    @staticmethod
    def _list(value: object, where: str) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise InvalidDocument(where, f"{_shown(value)} is no list", "Write [a, b, ...].")
        return list(value)

    @staticmethod
    def _number(
        value: object, where: str, low: float = -math.inf, high: float = math.inf, above: float = -math.inf
    ) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            raise InvalidDocument(where, f"{_shown(value)} is no number", "Write a number.")
        if not low <= value <= high or value <= above:
            least = f"above {above:g}" if above >= low else f"at least {low:g}"
            most = f" and at most {high:g}" if high < math.inf else ""
            raise InvalidDocument(where, f"{value:g} is out of range", f"Write a number {least}{most}.")
        return float(value)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
