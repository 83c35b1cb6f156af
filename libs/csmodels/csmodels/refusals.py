"""From pydantic's list of errors to the one sentence that a sender needs."""

import re
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from csmodels import errors, fields, ids
from csmodels.errors import InvalidEvent

_PATTERN_RULES: Final = {
    ids.ACCOUNT_ID_PATTERN: 'should have 1 to 128 characters, no "@", no control character and no "!" in front',
    ids.WIRE_ID_PATTERN: 'should have 1 to 128 characters, no "@" and no control character',
    ids.CODE_PATTERN: "should be a code: 1 to 64 of a-z, 0-9, _, . and -",
    ids.UUID_PATTERN: "should be a UUID in lower case",
    ids.TEXT_REF_PATTERN: "should be ingest/<uuid> or survey/<uuid>",
    fields.CURRENCY_PATTERN: "should be a currency of ISO 4217: three capital letters, such as JPY",
    fields.TITLE_PATTERN: "should have 1 to 256 characters, none a control character such as a line break",
    fields.COUNTRY_PATTERN: "should be a country of ISO 3166-1: two capital letters, such as JP",
    fields.TIME_ZONE_PATTERN: "should be the name of a time zone, such as Asia/Tokyo",
    fields.LOCALE_PATTERN: "should be a language, with a country if you like, such as ja or en-US",
    fields.EMAIL_PATTERN: 'should be an e-mail address, such as hana@example.com: one "@", no space',
}
_PROPERTY_RULE: Final = (
    'a property is a finite number, a boolean or a text of at most 64 characters without "@", under such a name'
)
_MAPS: Final = ("properties", "custom", "contributions")  # below these the keys are the sender's own
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_. -]{1,64}")


def refusal(error: ValidationError, inside: tuple[str, ...] = ()) -> InvalidEvent:
    """The first thing wrong, as an InvalidEvent; `inside` is the path of what was validated. No value gets into it."""
    first = error.errors(include_url=False, include_input=False)[0]
    kind, message = first["type"], first["msg"].removeprefix("Value error, ").rstrip(".")
    path = _path(first["loc"], inside)
    field = ".".join(path)
    if path and any(name in path[:-1] for name in ("properties", "custom")):
        return InvalidEvent(errors.INVALID_FIELD, field, f"{field} is refused: {_PROPERTY_RULE}.")
    match kind:
        case "json_invalid":
            return InvalidEvent(errors.NOT_JSON, "", "The message is refused: it is not valid JSON.")
        case "model_type" | "dict_type" | "model_attributes_type" if not path:
            return InvalidEvent(errors.NOT_AN_OBJECT, "", "The message is refused: it is not a JSON object.")
        case "union_tag_not_found":
            return InvalidEvent(errors.MISSING_FIELD, "type", "type is missing.")
        case "union_tag_invalid":
            return InvalidEvent(errors.UNKNOWN_TYPE, "type", "type is refused: the topic has no such event.")
        case "literal_error" if field == "type":
            return InvalidEvent(errors.UNKNOWN_TYPE, "type", "type is refused: the topic has no such event.")
        case "literal_error" if field == "subject":
            return InvalidEvent(errors.WRONG_KEY, field, "subject is refused: that of a control record is !control.")
        case "missing":
            return InvalidEvent(errors.MISSING_FIELD, field, f"{field} is missing.")
        case "string_pattern_mismatch":
            pattern = str(first.get("ctx", {}).get("pattern", ""))
            message = _PATTERN_RULES.get(pattern, message)
        case _ if kind in errors.CODES:
            return _rule_broken(kind, message, path)
    return InvalidEvent(errors.INVALID_FIELD, field, f"{field or 'The message'} is refused: it {_lower(message)}.")


def _rule_broken(code: str, message: str, path: Sequence[str]) -> InvalidEvent:
    """A rule over several fields, of envelope or data: its sentence starts with the field to blame."""
    blamed, rest = message.split(" ", 1)
    field = blamed if blamed.startswith("data.") else ".".join([*path, blamed])
    return InvalidEvent(code, field, f"{field} {rest}.")


def _path(loc: tuple[int | str, ...], inside: tuple[str, ...]) -> list[str]:
    parts = list(loc)
    if parts and isinstance(parts[0], str) and "." in parts[0]:
        del parts[0]  # the tag of the union, which is the event's type
    path = [*inside, *(str(part) for part in parts)]
    for at, part in enumerate(path):
        if part in _MAPS:
            key = path[at + 1 : at + 2]
            return path[: at + 1] + [k if _PLAIN_KEY.fullmatch(k) else "?" for k in key]
    return path


def _lower(message: str) -> str:
    message = message.removeprefix("Input ").removeprefix("String ")
    return message[:1].lower() + message[1:]
