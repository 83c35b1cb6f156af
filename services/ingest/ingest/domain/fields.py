"""What the data of an event may hold that clients send in our own form. SDKs' calls have other names, and no such rule.

Readers of the log pass over what they do not know; here a field of another name is a mistake, and whoever made it
wants to hear of it.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from csmodels.api import EventItem
from csmodels.catalogue import CLIENT_TYPES, TYPES
from csmodels.envelope import Data
from csmodels.errors import UNKNOWN_FIELD, InvalidEvent
from ingest.domain.strictness import shown

_DIRECTORY: Final = {"contact.described": ("name", "email", "country")}  # taken, though none of it travels
_BESIDE: Final = frozenset(EventItem.model_fields) - {"data"}


def _fields_of(type_: str) -> tuple[str, ...]:
    data: type[Data] = TYPES[type_].model_fields["data"].annotation  # type: ignore[assignment]
    return (*data.model_fields, *_DIRECTORY.get(type_, ()))


# type that clients may send -> the fields of its data
FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({name: _fields_of(name) for name in CLIENT_TYPES})


def check_known(type_: str, names: Iterable[str]) -> None:
    """Raises InvalidEvent for the first of these fields of its data that the type does not have."""
    for name in names:
        if name not in FIELDS[type_]:
            told = shown(name)
            raise InvalidEvent(UNKNOWN_FIELD, f"data.{told}", no_such_field(type_, told))


@lru_cache(maxsize=1000)
def no_such_field(type_: str, name: str) -> str:
    """What to say of a field that the type's data does not have."""
    if name in _BESIDE:
        return f"{type_} has no field {name}: it stands beside data, not in it."
    near = get_close_matches(name.lower(), FIELDS[type_], n=1)
    hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(FIELDS[type_])}."
    return f"{type_} has no field {name}. {hint}"
