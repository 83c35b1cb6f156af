"""Scorecards as people write them: from a text to a scorecard, or every place that is wrong."""

from collections.abc import Mapping
from typing import Any, Final

from cskit.documents import Misshapen, check_shape
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
        check_shape(text)
    except Misshapen as error:
        raise MisplacedDocument("", error.what, error.remedy, (error.line, error.column)) from None
    return read_document(text)
