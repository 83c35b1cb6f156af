"""What JSON readers choke on: millions of tiny items, and of blank lines."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

_LINE: Final = re.compile(rb"[^\s][^\n]*")


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
