"""What is new in a document against another one: field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

WITHOUT_MEANING: Final = frozenset({"version"})  # the server gives it


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field (a dotted path) that differs; None on the side where it is missing. Lists differ as a whole."""

    field: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """The fields in which two documents differ, by path; the version is none of them."""
    return tuple(
        sorted((each for each in _changes(before, after) if each.field not in WITHOUT_MEANING), key=lambda c: c.field)
    )


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[FieldChange]:
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            yield from _changes(_fields(old), _fields(new), f"{path}{name}.")
            if not (isinstance(old, Mapping | None) and isinstance(new, Mapping | None)):
                yield FieldChange(f"{path}{name}", _plain(old), _plain(new))
        elif old != new:
            yield FieldChange(f"{path}{name}", old, new)


def _fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> Any:
    """A mapping is told by its own fields."""
    return None if isinstance(value, Mapping) else value
