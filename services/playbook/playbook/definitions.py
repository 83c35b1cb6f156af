"""Playbook documents: YAML (or JSON, which is YAML) -> a Playbook that can be run, and the library that is shipped."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, get_args

import yaml

from cskit.condition_text import without_texts
from cskit.conditions import ConditionError, Conditions, Fields
from cskit.documents import DocumentLoader, Misshapen, check_shape
from csmodels.catalogue import TYPES
from csmodels.fields import AdoptionLevel, Band, Stage, TaskStatus, Watch
from playbook.domain.definition import Condition, Definition, Priority
from playbook.domain.document import UNFIT, Field, InvalidDocument, Mistake, Node, Place, Scalar
from playbook.domain.parsing import parse
from playbook.domain.run import Playbook, Rule
from playbook.domain.views import TRIGGERS

LARGEST: Final = 256 * 1024  # characters of a document
LARGEST_NUMBER: Final = 2**53 - 1  # whole numbers up to it are exact in every JSON reader
LONGEST_QUOTE: Final = 80  # characters of a wrong value that a mistake repeats

_HEALTH: Final[Fields] = {
    "score": "number", "band": "text", "stage": "text", "adoption_level": "text", "coverage": "number", "watch": "list",
    "version": "number",
}  # fmt: skip
_VARIABLES: Final[Fields] = {
    "health": {
        **_HEALTH, "previous": "any", "contributions": "any", "adjustments": "list", "cause": "any", "account": "any",
        "backfill": "bool", "at": "time", "occurred_at": "time", "received_at": "time", "scored_at": "time",
    },
    "previous": _HEALTH,
    "account": {
        "plan": "text", "segment": "text", "owner": "text", "mrr": "number", "seats": "number", "country": "text",
        "time_zone": "text", "locale": "text",
    },
    "event": {
        "id": "text", "type": "text", "source": "text", "time": "time", "personid": "text", "backfill": "bool",
        "data": "any",
    },
    "staff": {
        "id": "text", "role": "text", "leader": "text", "country": "text", "time_zone": "text", "locale": "text",
        "capacity": "number", "away": "bool",
    },
    "task": {
        "step": "text", "owner": "text", "status": "text", "outcome": "text", "priority": "text", "due_at": "time",
    },
}  # fmt: skip
_VALUES: Final = {
    **{
        f"{state}.{name}": get_args(values)
        for state in ("health", "previous")
        for name, values in (("band", Band), ("stage", Stage), ("adoption_level", AdoptionLevel), ("watch", Watch))
    },
    "event.type": tuple(TYPES),
    "task.status": get_args(TaskStatus),
    "task.priority": get_args(Priority),
}
_NEEDS_HEALTH: Final = re.compile(r"(?<![.\w])(health|previous|account|staff)\b")
_UNFIT: Final = "Here is a control character (or half a character), which cannot be stored or sent; take it out."
_NEEDS_EVENT: Final = re.compile(r"(?<![.\w])event\b")


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a playbook and its hash."""

    text: str

    @property
    def sha256(self) -> str:
        """Of the text in UTF-8, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class Compiler:
    """Makes playbooks of documents. Made once: it holds the checked environment of conditions."""

    def __init__(self) -> None:
        self._conditions = Conditions(_VARIABLES, _VALUES)

    def compile(self, text: str, version: int, *, stored: bool = False) -> Playbook:
        """The playbook that the text states. InvalidDocument with every mistake, of the language and of conditions;
        `stored`: it was applied before, by this version or an earlier one.
        """
        definition = parse(read(text), TRIGGERS)
        rules: dict[str, Rule] = {}
        mistakes: list[Mistake] = []
        for role, condition in definition.conditions().items():
            try:
                rules[role] = self._conditions.compile(condition.text, stored=stored).holds
            except ConditionError as error:
                place = _inside(text, condition.at, error)
                mistakes.append(Mistake(place, condition.path, f"In “{condition.path}”: {error.message}"))
        if mistakes:
            raise InvalidDocument(mistakes)
        return Playbook(
            definition=definition,
            version=version,
            when=rules.get("when", _always),
            accounts=rules.get("accounts", _always),
            exit=rules.get("exit", _never),
            early=not _speaks_of(definition.trigger.when, _NEEDS_HEALTH),
            exit_sees_events=_speaks_of(definition.exit, _NEEDS_EVENT),
        )


def definition_of(text: str) -> Definition:
    """What a document that was applied states, without its rules."""
    return parse(read(text), TRIGGERS)


def library() -> Mapping[str, Document]:
    """The playbooks that are shipped, by id."""
    folder = resources.files("playbook") / "library"
    documents = [Document(file.read_text(encoding="utf-8")) for file in folder.iterdir() if file.name.endswith(".yaml")]
    return {definition_of(document.text).id: document for document in documents}


def read(text: str) -> Node:
    """The document as values with their places. InvalidDocument if it is no YAML or uses what could grow endlessly."""
    if len(text) > LARGEST:
        raise InvalidDocument([Mistake(Place(1, 1), "", f"A playbook has at most {LARGEST} characters.")])
    try:
        check_shape(text)
        root = yaml.compose(text, Loader=DocumentLoader)
    except Misshapen as error:
        raise InvalidDocument([Mistake(Place(error.line, error.column), "", str(error))]) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(mark) if mark is not None else Place(1, 1)
        said = f"This is not YAML here: {error.problem or error.context}. Check the indentation and the quotes."
        raise InvalidDocument([Mistake(place, "", said)]) from None
    except yaml.reader.ReaderError as error:
        at = error.position
        place = Place(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        raise InvalidDocument([Mistake(place, "", _UNFIT)]) from None
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise InvalidDocument([Mistake(Place(1, 1), "", f"This is not YAML: {first}.")]) from None
    if root is None:
        raise InvalidDocument([Mistake(Place(1, 1), "", "The document is empty; it needs an id, a name and steps.")])
    mistakes: list[Mistake] = []
    node = _node(root, "", mistakes)
    if mistakes:
        raise InvalidDocument(mistakes)
    return node


def _place(mark: Any) -> Place:
    """A mark of the YAML parser, which counts from 0."""
    return Place(mark.line + 1, mark.column + 1)


def _node(node: yaml.Node, path: str, mistakes: list[Mistake]) -> Node:
    place = _place(node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return Node(place, [_node(item, f"{path}.{number}", mistakes) for number, item in enumerate(node.value, 1)])
    if isinstance(node, yaml.MappingNode):
        fields: dict[str, Field] = {}
        for key, value in node.value:
            at = _place(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                mistakes.append(Mistake(at, path, "A key is a plain word."))
                continue
            name = _text(key.value)
            if UNFIT.search(name):
                mistakes.append(Mistake(at, path, _UNFIT))
                continue
            if name in fields:
                first = fields[name].at
                said = f"“{name}” stands here again, after line {first.line}; keep one."
                mistakes.append(Mistake(at, path, said))
            fields[name] = Field(at, _node(value, f"{path}.{name}".lstrip("."), mistakes))
        return Node(place, fields)
    text = _text(str(node.value))
    if UNFIT.search(text):
        mistakes.append(Mistake(place, path, _UNFIT))
        return Node(place, None)
    try:
        return Node(place, _scalar(node.tag, text, node))
    except (ValueError, LookupError, ArithmeticError):
        said = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
        mistakes.append(Mistake(place, path, f"“{said}” is no value that can be used; put it in quotes."))
        return Node(place, None)


def _text(value: str) -> str:
    """The text with each pair of surrogates as the one character it means: so JSON writes an emoji."""
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _scalar(tag: str, text: str, node: yaml.Node) -> Scalar:
    """null, booleans and numbers as such; everything else, dates too, as the text that stands there."""
    if tag.removeprefix("tag:yaml.org,2002:") not in ("null", "bool", "int", "float"):
        return text
    value: Scalar = yaml.constructor.SafeConstructor().construct_object(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not finite")
    if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
        raise ValueError("not exact in every JSON reader")
    return value


def _inside(text: str, at: Place, error: ConditionError) -> Place:
    """Where in the document the mistake of a condition stands."""
    if error.line > 1:
        return Place(at.line + error.line - 1, error.column)
    line = text.splitlines()[at.line - 1]
    begins = line[at.column - 1 : at.column]
    if begins in ("|", ">"):
        return Place(at.line + 1, error.column)
    return Place(at.line, at.column + (begins in ("'", '"')) + error.column - 1)


def _speaks_of(condition: Condition | None, names: re.Pattern[str]) -> bool:
    return condition is not None and names.search(without_texts(condition.text)) is not None


def _always(view: Mapping[str, object]) -> bool:
    return True


def _never(view: Mapping[str, object]) -> bool:
    return False
