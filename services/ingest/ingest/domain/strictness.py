"""What JSON readers pass over in silence or choke on: a key twice, deep nesting, millions of items or blank lines."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from csmodels.errors import NOT_JSON
from ingest.domain.drafts import Refusal

MAX_DEPTH: Final = 64  # objects and lists in one another, the outermost among them
DUPLICATE_KEY: Final = "duplicate_key"  # an object holds a key twice: readers differ in which of the two they take
TOO_DEEP: Final = "too_deep"  # more than MAX_DEPTH

_ANY: Final = msgspec.json.Decoder()
_KEY: Final = msgspec.json.Decoder(str)
_NO_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError)
_NESTED: Final = (dict, list)
_BLANKS: Final = b" \t\r\n"  # JSON knows no others
_BEHIND: Final = _BLANKS + b",}"  # what may follow a value in an object
_LINE: Final = re.compile(rb"[^\s][^\n]*")
_NEXT_KEY: Final = re.compile(rb'[\s{,]*+("[^"\\]*+(?:\\.[^"\\]*+)*+")\s*+:\s*+')
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_.$ -]{1,64}")


def is_plain(text: bytes, keys: int) -> bool:
    """Whether it is sure that JSON in which a reader found so many keys, on its first four levels, holds none twice and
    is not too deep.

    A reader keeps one of the keys that repeat, and each key in the text ends with `":`. As many of these signs as keys:
    none was lost, and none is further inside. Texts may hold such signs, too: False says nothing, and `refusal` knows.
    """
    return _signs(text) == keys and text.count(b"[") <= MAX_DEPTH - 4


def has_quotes(text: bytes, number: int) -> bool:
    """Whether JSON surely has so many quotes that are none of a text's own: False says nothing, and `refusal` knows."""
    return text.count(b'"') == number and (b"\\" not in text or b'\\"' not in text)


def refusal(text: bytes, index: int, at: str = "") -> Refusal | None:
    """Why an item's text cannot be taken, whatever it says: no JSON, too deep, a key twice. None if nothing is wrong.

    `at` is the path of what the text is a part of.
    """
    try:
        said = _ANY.decode(text)
        if text.count(b"[") + text.count(b"{") > MAX_DEPTH and is_too_deep(said):
            return _too_deep(index, at)
        if _signs(text) == _keys_in(said):
            return None
        field = _path_of_repeated(text, at)
    except _NO_JSON:
        message = "The event is refused: it holds what JSON does not have, such as NaN or half of a character."
        return Refusal(index, None, NOT_JSON, at, message)
    except RecursionError:
        return _too_deep(index, at)
    if field is None:
        return None
    return Refusal(index, None, DUPLICATE_KEY, field, f"{field} is refused: its object holds this key twice.")


def repeated_key(text: bytes, fields: Mapping[str, Raw]) -> str | None:
    """The first key that stands twice on the top level of an object, as it may be shown; None if none does.

    `fields` is the object as it was read, in its order. Without a repeated key the text is these fields one after the
    other, so that nothing inside of them is read again.
    """
    seen: set[str] = set()
    at = 0
    for value in fields.values():
        found = _NEXT_KEY.match(text, at)
        assert found is not None, "an object with so many fields has as many keys"
        key = _KEY.decode(found[1])
        at = found.end() + len(value)
        is_all = text[at : at + 1] in _BEHIND and text.startswith(bytes(value), found.end())  # not 1 of 12
        if key in seen or not is_all:
            return shown(key)
        seen.add(key)
    found = _NEXT_KEY.match(text, at)
    return None if found is None else shown(_KEY.decode(found[1]))


def first_repeated(keys: Iterable[str]) -> str | None:
    """The first of the keys that came before, as it may be shown."""
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return shown(key)
        seen.add(key)
    return None


def more_items_than(most: int, text: bytes) -> bool:
    """Whether a JSON list has more than `most` items, seen without holding more than those.

    Ten megabytes of zeros, read as a list, are half a gigabyte. False for what is no list, and for one that is broken
    before that many items.
    """
    if text.count(b",") < most or not text.lstrip().startswith(b"["):
        return False
    try:
        _at_most(most).decode(text)
    except msgspec.ValidationError:  # it can only be too long
        return True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return False


def lines(body: bytes) -> Iterator[bytes]:
    """The lines that are not blank, one after the other: a body of line breaks alone costs nothing."""
    return (found.group() for found in _LINE.finditer(body))


@lru_cache(maxsize=4)
def _at_most(most: int) -> msgspec.json.Decoder[Any]:
    """A reader of lists as msgspec has none: it stops at the first item too many."""
    fields = [(f"item_{number}", Raw | UnsetType, UNSET) for number in range(most)]
    listed = msgspec.defstruct("Listed", fields, array_like=True, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(listed)


def _signs(text: bytes) -> int:
    """How many quotes have a colon behind them: there is one for each key, and texts may hold more."""
    return text.translate(None, _BLANKS).count(b'":')


def _keys_in(value: Any) -> int:
    """How many keys there are in all objects together."""
    if isinstance(value, dict):
        return len(value) + sum([_keys_in(one) for one in value.values() if isinstance(one, _NESTED)])
    return sum([_keys_in(one) for one in value if isinstance(one, _NESTED)]) if isinstance(value, list) else 0


def is_too_deep(value: Any) -> bool:
    """Whether it has more than MAX_DEPTH objects and lists in one another."""
    level = [value]
    for _ in range(MAX_DEPTH):
        around = [each for each in level if isinstance(each, _NESTED)]
        level = [one for each in around for one in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, _NESTED) for each in level)


def _path_of_repeated(text: bytes, at: str) -> str | None:
    """The path of the outermost key that its object holds twice; None if none does. RecursionError: too deep."""
    pairs = json.loads(text.decode(), object_pairs_hook=tuple, parse_int=len, parse_float=len)
    level: list[tuple[str, Any]] = [(at, pairs)]
    while level:
        below: list[tuple[str, Any]] = []
        for path, each in level:
            seen: set[str] = set()
            named = each if isinstance(each, tuple) else [(str(number), one) for number, one in enumerate(each)]
            for key, one in named:
                place = f"{path}.{shown(key)}" if path else shown(key)
                if key in seen:
                    return place
                seen.add(key)
                if isinstance(one, tuple | list):
                    below.append((place, one))
        level = below
    return None


def shown(key: str) -> str:
    """A key as it may stand in an answer and in a log: it may be anything, such as an address."""
    return key if _PLAIN_KEY.fullmatch(key) else "?"


def _too_deep(index: int, at: str) -> Refusal:
    return Refusal(index, None, TOO_DEEP, at, f"The event is refused: it is nested deeper than {MAX_DEPTH} levels.")
