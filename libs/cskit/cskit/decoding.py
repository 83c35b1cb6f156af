"""Messages of usage, decoded one by one."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from csmodels.ids import are_plain

_PROPERTY_LETTERS: Final = 64
_EXACT: Final = 2**53 - 1

Properties = dict[str, bool | int | float | str]


class Data(Struct, gc=False, forbid_unknown_fields=True):
    """What usage says."""

    name: str
    count: int = 1
    properties: Properties | UnsetType = UNSET


class UsageMessage(Struct, gc=False, forbid_unknown_fields=True):
    """A message of usage; what is no news (backfill), or says more than is known, is left to others."""

    type: Literal["usage.tracked"]
    id: str
    source: str
    subject: str
    time: str
    receivedtime: str
    data: Data
    specversion: Literal["1.0"]
    personid: str | None = None
    clamped: bool = False
    backfill: Literal[False] = False


_KIND: Final = b"usage.tracked"
_DECODE: Final = msgspec.json.Decoder(UsageMessage).decode
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoded(values: Sequence[bytes | None]) -> tuple[list[int], list[UsageMessage]]:
    """The messages that are usage, with their places."""
    places, messages = [], []
    readable = _are_text(values)
    for place, value in enumerate(values):
        if value is None or _KIND not in value:  # it would be refused, or is written so that `parse` may look at it
            continue
        try:
            if not readable:
                value.decode()
            messages.append(_DECODE(value))
        except _UNREADABLE:
            continue
        places.append(place)
    return places, messages


def properties_good(properties: Properties | UnsetType) -> bool:
    """Whether properties are surely good."""
    if not properties:
        return True
    texts = [*properties, *[value for value in properties.values() if type(value) is str]]
    plain = max(map(len, texts)) <= _PROPERTY_LETTERS and are_plain("".join(texts)) and "" not in properties
    return plain and not any([type(value) is int and abs(value) > _EXACT for value in properties.values()])


def _are_text(values: Sequence[bytes | None]) -> bool:
    """Whether all are UTF-8: the decoder does not look at what it passes over."""
    try:
        b"\n".join([value or b"" for value in values]).decode()
    except UnicodeDecodeError:
        return False
    return True
