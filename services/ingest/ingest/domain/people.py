"""What is said of a person: part goes to the directory and stays there, part travels as contact.described."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.domain.properties import valid_fields

MAX_NAME: Final = 256
MAX_EMAIL: Final = 320
_PLAIN: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")
_TRAVELS: Final = ("role", "consent", "locale", "time_zone", "left")
_ALIASES: Final = {"timezone": "time_zone", "timeZone": "time_zone"}


def directory_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """name, email, locale, time_zone, country and consent, as far as they are well-formed; None clears one."""
    said = _named(said)
    fields: dict[str, Any] = {}
    for name, longest in (("name", MAX_NAME), ("email", MAX_EMAIL)):
        if name in said and (said[name] is None or _is_plain(said[name], longest)):
            fields[name] = said[name]
    if "name" not in said:
        parts = [said[part] for part in ("firstName", "lastName") if _is_plain(said.get(part), MAX_NAME // 2)]
        if parts:
            fields["name"] = " ".join(parts)
    fields |= valid_fields(
        "contact.described", {name: said[name] for name in ("locale", "time_zone", "consent") if name in said}
    )
    fields |= valid_fields("account.described", {"country": said["country"]} if "country" in said else {})
    return fields


def contact_fields(said: Mapping[str, Any]) -> dict[str, Any]:
    """What of an SDK's traits travels as contact.described."""
    said = _named(said)
    return valid_fields("contact.described", {name: said[name] for name in _TRAVELS if name in said})


def _named(said: Mapping[str, Any]) -> dict[str, Any]:
    return {_ALIASES.get(name, name): value for name, value in said.items()}


def _is_plain(value: object, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and _PLAIN.fullmatch(value) is not None
