"""A webhook's body as values, the answer its source wants, and the mappings that come with Kizashi."""

import json
import math
import re
from functools import cache
from importlib import resources
from typing import Any, Final, NoReturn
from xml.etree import ElementTree

from ingest.domain.mapping import SourceMapping, parse
from ingest.domain.strictness import first_repeated, is_too_deep

MAX_NOTIFICATIONS: Final = 1000
_DECLARATION: Final = re.compile(r"<!(?!--|\[CDATA\[)")  # DOCTYPE, ENTITY and the like
_XML_HEAD: Final = re.compile(r"<\?xml[^>]*\?>")
_SOAP: Final = "{http://schemas.xmlsoap.org/soap/envelope/}"
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")  # perhaps only half of a character
_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
SALESFORCE_ACK: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)


class Unreadable(ValueError):
    """The body is not what its source sends. The text says what is wrong, and where if that is known."""


def values_of(kind: str, body: bytes) -> Any:
    """What a body says: JSON, or for Salesforce {"organization", "notifications"}. Unreadable if it cannot be read."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"The body is refused: it is not UTF-8 at byte {error.start}.") from None
    return _soap(text) if kind == "salesforce" else _json(text)


@cache
def built_in(kind: str) -> SourceMapping | None:
    """The mapping that comes with Kizashi for this kind, None if there is none."""
    text = built_in_text(kind)
    return None if text is None else parse(text)


def built_in_text(kind: str) -> str | None:
    """Its YAML, to copy and change."""
    file = resources.files("ingest").joinpath("mappings", f"{kind}.yaml")
    return file.read_text("utf-8") if re.fullmatch("[a-z_]+", kind) and file.is_file() else None


def _json(text: str) -> Any:
    try:
        said = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise Unreadable(f"The body is refused: line {error.lineno} is not JSON: {error.msg}.") from None
    except RecursionError:
        raise Unreadable("The body is refused: it is nested too deeply.") from None
    except Unreadable:
        raise
    except ValueError:  # a number beyond what Python reads
        raise Unreadable("The body is refused: it holds a number that cannot be read.") from None
    if is_too_deep(said):
        raise Unreadable("The body is refused: it is nested too deeply.")
    return _whole(said) if _HALF.search(text) else said


def _whole(said: Any) -> Any:
    """With another sign for each half of a character: who cuts texts by UTF-16 cuts an emoji in two now and then."""
    match said:
        case str():
            return said.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_whole(each) for each in said]
        case dict():
            return {_whole(key): _whole(each) for key, each in said.items()}
    return said


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise Unreadable("The body is refused: it holds a number that cannot be read.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(f"The body is refused: it holds {name}, which JSON does not have.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Unreadable if a key stands twice: which of the two did the source mean?"""
    said = dict(pairs)
    if len(said) < len(pairs):
        key = first_repeated(key for key, _ in pairs)
        raise Unreadable(f"The body is refused: an object in it holds the key {key} twice.")
    return said


def _soap(text: str) -> dict[str, Any]:
    """Declarations are refused before anything is parsed, whatever encoding the body claims: it is read as UTF-8."""
    if _DECLARATION.search(text):
        raise Unreadable("The body is refused: it holds a DOCTYPE or an entity.")
    try:
        root = ElementTree.fromstring(_XML_HEAD.sub("", text, count=1))  # noqa: S314  no declaration is left
    except ElementTree.ParseError as error:
        raise Unreadable(f"The body is refused: line {error.position[0]} is not XML: {error}.") from None
    outer = root.find(f"{_SOAP}Body")
    messages = [each for each in (outer if outer is not None else ()) if _name(each) == "notifications"]
    if root.tag != f"{_SOAP}Envelope" or len(messages) != 1:
        raise Unreadable("The body is refused: it is not an outbound message of Salesforce.")
    found = [each for each in messages[0] if _name(each) == "Notification"]
    if len(found) > MAX_NOTIFICATIONS:
        raise Unreadable(f"The body is refused: it holds more than {MAX_NOTIFICATIONS} notifications.")
    organization = next((each.text for each in messages[0] if _name(each) == "OrganizationId"), None)
    return {"organization": organization, "notifications": [_notification(each) for each in found]}


def _notification(element: ElementTree.Element) -> dict[str, Any]:
    said = {_name(each): each for each in element}
    subject = said.get("sObject")
    if subject is None or "Id" not in said:
        raise Unreadable("The body is refused: a notification holds no Id or no sObject.")
    return {
        "id": said["Id"].text,
        "object": subject.get(_TYPE, "").rpartition(":")[2],
        "fields": {_name(each): each.text for each in subject if each.text},
    }


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
