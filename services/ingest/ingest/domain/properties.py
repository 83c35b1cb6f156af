"""What of free-form data may travel: numbers and booleans; texts only if the source's keep list names them."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from csmodels.errors import InvalidEvent

MAX_INT: Final = 2**53 - 1
_NAME: Final = re.compile(r"[^@\x00-\x1f\x7f-\x9f]{1,64}")
_TEXT: Final = re.compile(r"[^@\x00-\x1f\x7f-\x9f]{0,64}")


def travelling(properties: Mapping[str, Any], keep: frozenset[str], *, nulls: bool = False) -> Mapping[str, Any]:
    """The properties that may travel, themselves if all may; `nulls` lets null through (in a merge patch it removes
    a key).
    """
    for name, value in properties.items():
        kind = type(value)
        plain = -MAX_INT <= value <= MAX_INT if kind is int else kind is bool or (kind is float and isfinite(value))
        if not (plain and is_name(name)):
            break
    else:
        return properties
    return {name: value for name, value in properties.items() if is_name(name) and _fits(name, value, keep, nulls)}


@lru_cache(maxsize=10_000)
def is_name(name: str) -> bool:
    """Whether a property of this name may travel."""
    return _NAME.fullmatch(name) is not None


def _fits(name: str, value: Any, keep: frozenset[str], nulls: bool) -> bool:
    kind = type(value)  # of JSON there are no subclasses
    if kind is int:
        return bool(-MAX_INT <= value <= MAX_INT)
    if kind is float:
        return isfinite(value)
    if kind is str:
        return name in keep and _TEXT.fullmatch(value) is not None
    return kind is bool or (value is None and nulls)


def valid_fields(
    check: Callable[[Mapping[str, Any]], object], candidates: Mapping[str, Any]
) -> tuple[dict[str, Any], InvalidEvent | None]:
    """Those of an event's fields that its check takes, and what it says of the first of the others.

    For SDK traits, whose wrong types must not lose the call.
    """
    fields = dict(candidates)
    first: InvalidEvent | None = None
    while True:
        try:
            check(fields)
        except InvalidEvent as error:
            first = first or error
            blamed = error.field.split(".")[1] if "." in error.field else ""
            if blamed not in fields:
                return {}, first
            del fields[blamed]
        else:
            return fields, first


def left_out(error: InvalidEvent, traits: Mapping[str, str]) -> tuple[str, str]:
    """The trait that is not taken, and why; `traits` are the SDK's names of our fields, where they differ."""
    field = error.field.removeprefix("data.")
    trait = f"traits.{traits.get(field, field)}"
    return trait, error.message.replace(f"{error.field} is refused", f"{trait} is left out", 1)
