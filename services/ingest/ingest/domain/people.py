"""What is said of a person: part goes to the directory and stays there, part travels as contact.described."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from csmodels.catalogue import parse_as, parse_data
from csmodels.envelope import Data
from csmodels.fields import TITLE_PATTERN, Country, Email, Locale, TimeZone, Title
from csmodels.ids import matches
from ingest.domain.properties import left_out, valid_fields

_TRAVELS: Final = ("role", "consent", "locale", "time_zone", "left")
_ALIASES: Final = {"timezone": "time_zone", "timeZone": "time_zone"}
_NAME_PARTS: Final = ("firstName", "lastName")


class Person(Data):
    """What the directory keeps of a person: a field that is absent stays, None clears it."""

    name: Title | None = None
    email: Email | None = None
    country: Country | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None
    consent: bool | None = None


@dataclass(frozen=True, slots=True)
class Traits:
    """What an SDK says of a person, as far as it is well-formed: for the directory, and what travels.

    dropped counts the traits of neither; left_out tells of the first that is malformed.
    """

    directory: Mapping[str, Any]
    travels: Mapping[str, Any]
    dropped: int
    left_out: tuple[str, str] | None


def directory_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """What of a contact's data goes to the directory. Raises InvalidEvent as `parse_data` does."""
    return parse_as(Person, said).patch()


def of_traits(traits: Mapping[str, Any]) -> Traits:
    """The traits of an identify call."""
    names = {_ALIASES.get(trait, trait): trait for trait in traits}
    said = {field: traits[trait] for field, trait in names.items()}
    parts = [part for part in _NAME_PARTS if "name" not in traits and _is_plain(traits.get(part))]
    if parts:
        said["name"] = " ".join(traits[part] for part in parts)
    kept = {name: said[name] for name in Person.model_fields if name in said}
    directory, wrong = valid_fields(directory_fields, kept)
    travels, wrong_too = valid_fields(
        partial(parse_data, "contact.described"), {name: said[name] for name in _TRAVELS if name in said}
    )
    first = wrong or wrong_too
    taken = directory.keys() | travels.keys() | (set(parts) if "name" in directory else set())
    return Traits(
        directory=directory,
        travels=travels,
        dropped=sum(_ALIASES.get(trait, trait) not in taken for trait in traits),
        left_out=None if first is None else left_out(first, names),
    )


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and matches(TITLE_PATTERN, value)
