"""From YAML to a scorecard; what is wrong is told with its line and column."""

from collections.abc import Iterator
from typing import Any

import yaml

from cskit.documents import DocumentLoader
from scoring.domain.document import InvalidDocument
from scoring.domain.parsing import parse_scorecard
from scoring.domain.scorecard import Scorecard
from scoring.domain.terms import Compile

Place = tuple[int, int]  # line and column, from 1


class MisplacedDocument(InvalidDocument):
    """A text that is no scorecard: where (a dotted path, and line and column from 1), what, and what to do."""

    def __init__(self, where: str, what: str, remedy: str, place: Place) -> None:
        super().__init__(where, what, remedy)
        self.line, self.column = place

    def __str__(self) -> str:
        return f"Line {self.line}, column {self.column}: {super().__str__()}"


def load(text: str, compile_: Compile | None = None) -> Scorecard:
    """The scorecard that a YAML text describes. Raises MisplacedDocument. compile_: see parse_scorecard."""
    document = read_document(text)
    try:
        return parse_scorecard(document, compile_)
    except InvalidDocument as error:
        raise MisplacedDocument(error.where, error.what, error.remedy, place_of(text, error.where)) from error


def read_document(text: str) -> dict[str, Any]:
    """The mapping that a YAML text holds. Raises MisplacedDocument if it is no YAML, no mapping, or names one twice."""
    try:
        loader = DocumentLoader(text)
        root = loader.get_single_node()
        for where, key in _twice(root):
            raise MisplacedDocument(where, "this name is there twice", "Keep one of them.", _start(key))
        document = None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be read"
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise MisplacedDocument("", f"this is no YAML: {problem}", "Correct it.", place) from error
    except RecursionError as error:
        raise MisplacedDocument("", "it is nested too deeply", "Flatten it.", (1, 1)) from error
    if not isinstance(document, dict):
        raise MisplacedDocument("", "it is no mapping", "Write `name: value` lines.", (1, 1))
    return document


def place_of(text: str, path: str) -> Place:
    """Line and column of what a dotted path names in a YAML text: of a field its name, of a list's element its start.

    Where a path ends in what is not there, the place of what should hold it. The text is YAML.
    """
    here: yaml.Node | None = yaml.compose(text, Loader=DocumentLoader)
    place = _start(here) if here is not None else (1, 1)
    rest = path
    while rest and here is not None:
        found = _step(here, rest)
        if found is None:
            return place
        node, here, rest = found
        place = _start(node)
    return place


def _step(here: yaml.Node, path: str) -> tuple[yaml.Node, yaml.Node, str] | None:
    """The node that tells the place, the one to go on from, and the rest of the path."""
    if isinstance(here, yaml.SequenceNode):
        index, _, rest = path.partition(".")
        if not (index.isascii() and index.isdigit() and int(index) < len(here.value)):
            return None
        return here.value[int(index)], here.value[int(index)], rest
    if isinstance(here, yaml.MappingNode):
        # names may hold dots: the longest one that fits is meant
        for key, value in sorted(here.value, key=lambda pair: -len(str(pair[0].value))):
            name = str(key.value)
            if path == name or path.startswith(f"{name}."):
                return key, value, path[len(name) + 1 :]
    return None


def _twice(root: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """The names that a mapping has twice, with their paths."""
    waiting, seen = [(root, "")], set()
    while waiting:
        node, path = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(part, f"{path}.{n}") for n, part in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            names = set()
            for key, value in node.value:
                where = f"{path}.{key.value}".lstrip(".")
                if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in names:
                    yield where, key
                names.add((key.tag, key.value) if isinstance(key, yaml.ScalarNode) else (id(key), ""))
                waiting.append((value, where))


def _start(node: yaml.Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1
