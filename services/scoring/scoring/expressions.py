"""The CEL of scorecards: conditions over an account (`applies_to`) and numbers over its features (`kind: cel`)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from cskit.conditions import ConditionError, Conditions, Fields
from scoring.domain.document import InvalidDocument
from scoring.domain.parsing import parse_scorecard
from scoring.domain.precedence import Holds, Segmental
from scoring.domain.scorecard import Scorecard
from scoring.domain.terms import Evaluate, FeatureValue
from scoring.domain.watching import check_relations
from scoring.engine.described import ACCOUNT_FIELDS
from scoring.engine.values import FEATURE_FIELDS

_CONDITIONS: Final = Conditions({"account": cast("Fields", ACCOUNT_FIELDS)})
_NUMBERS: Final = Conditions({"features": cast("Fields", FEATURE_FIELDS)})


def parsed(document: Mapping[str, Any], *, stored: bool = False) -> Scorecard:
    """The scorecard that a document describes, its expressions compiled. Raises InvalidDocument; stored: it was taken
    once, see Conditions.compile.
    """
    card = parse_scorecard(document, partial(number, stored=stored))
    segmental(card, stored=stored)
    if not stored:
        check_relations(card.watch, card.measures)
    return card


def number(expression: str, /, *, stored: bool = False) -> Evaluate:
    """An expression over `features` that gives a number. ValueError with line and column if it cannot be used."""
    try:
        reckoning = _NUMBERS.compile_number(expression, stored=stored)
    except ConditionError as error:
        raise ValueError(_sentence(error)) from None

    def evaluate(features: Mapping[str, FeatureValue]) -> float | None:
        return reckoning.value({"features": features})

    return evaluate


def segmental(card: Scorecard, *, stored: bool = True) -> Segmental | None:
    """The scorecard with its condition compiled; None if it has none. InvalidDocument for a condition that is wrong."""
    return None if card.applies_to is None else Segmental(card, _holds(card.applies_to, stored=stored))


def _holds(text: str, *, stored: bool) -> Holds:
    try:
        condition = _CONDITIONS.compile(text, stored=stored)
    except ConditionError as error:
        raise InvalidDocument("applies_to", _sentence(error), "Correct the condition.") from None

    def holds(account: Mapping[str, Any], /) -> bool:
        return condition.holds({"account": account})

    return holds


def _sentence(error: ConditionError) -> str:
    return f"in its line {error.line}, column {error.column}: {error.message.rstrip('.')}"
