"""Scorecards as people write them: from a text to a scorecard, or every place that is wrong."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from cskit.documents import DocumentLoader
from scoring.domain.document import InvalidDocument
from scoring.domain.scorecard import Scorecard
from scoring.expressions import parsed
from scoring.scorecards.reading import MisplacedDocument, place_of, read_document

LARGEST: Final = 256 * 1024  # characters


def read_scorecard(text: str) -> tuple[Mapping[str, Any], Scorecard]:
    """The document that a text (YAML, or JSON, which is YAML) holds, and the scorecard it describes, with its
    expressions compiled. The version may be missing: the server gives it. Raises MisplacedDocument.
    """
    document = _read(text)
    try:
        return document, parsed({"version": 1, **document})
    except InvalidDocument as error:
        raise MisplacedDocument(error.where, error.what, error.remedy, place_of(text, error.where)) from error


def _read(text: str) -> Mapping[str, Any]:
    if len(text) > LARGEST:
        raise MisplacedDocument("", f"it has more than {LARGEST} characters", "Shorten it.", (1, 1))
    try:
        for event in yaml.parse(text, Loader=DocumentLoader):
            if isinstance(event, yaml.AliasEvent):  # a few lines of them unfold to gigabytes
                mark: Any = event.start_mark
                place = mark.line + 1, mark.column + 1
                raise MisplacedDocument("", "aliases (*name) are not taken", "Write the value out.", place)
    except (yaml.YAMLError, RecursionError):
        pass  # told by read_document, with its place
    return read_document(text)
