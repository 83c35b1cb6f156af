"""The CEL of scorecards: compiled once, told with its place where it is wrong, harmless when it is asked."""

import copy
from datetime import UTC
from typing import Any

import pytest
from tests.unit.scoring.builders import CARD, DAY, DOCUMENT, NOON, described, facts_of, usage

from scoring.documents import LARGEST, read_scorecard
from scoring.domain.document import InvalidDocument
from scoring.engine.features import assess
from scoring.expressions import number, parsed
from scoring.scorecards import MisplacedDocument, default_text

EXPRESSION = "features.core_actions_28d / features.seats"


def with_measure(expression: str) -> dict[str, Any]:
    """The default with a measure of one's own."""
    document = copy.deepcopy(DOCUMENT)
    document["measures"]["actions_per_seat"] = {
        "kind": "cel", "expression": expression, "label": {"en": "Actions per seat", "ja": "席あたりの操作"},
        "weights": 10, "curve": [[0, 0], [4, 100]],
    }  # fmt: skip
    return document


def test_a_measure_in_cel_counts_like_any_other() -> None:
    card = parsed(with_measure(EXPRESSION))
    facts = facts_of([described(NOON, seats=3), *(usage(NOON - n * DAY) for n in range(6))], NOON)

    score = assess(facts, NOON, card, UTC)

    (own,) = [each for each in score.contributions if each.measure == "actions_per_seat"]
    assert (own.status, own.value, own.points) == ("fresh", 2.0, 50.0)


def test_a_measure_in_cel_that_needs_what_is_not_known_is_not_connected() -> None:
    card = parsed(with_measure(EXPRESSION))

    score = assess(facts_of([usage(NOON)], NOON), NOON, card, UTC)

    (own,) = [each for each in score.contributions if each.measure == "actions_per_seat"]
    assert (own.status, own.value, own.contribution) == ("not_connected", None, 0.0)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("features.core_action_28d", "features.core_actions_28d"),
        ('features.plan + "x"', "string"),
        ("account.seats", "account"),
        ("features.seats +", "column"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_place(expression: str, said: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parsed(with_measure(expression))

    assert refused.value.where == "measures.actions_per_seat.expression"
    assert said in str(refused.value)


def test_relations_that_are_no_measures_are_refused_unless_they_were_taken_before() -> None:
    document = {**CARD.document, "watch": {**CARD.document["watch"], "relations": ["contact", "sponser"]}}

    with pytest.raises(InvalidDocument) as refused:
        parsed(document)

    assert refused.value.where == "watch.relations.1"
    assert parsed(document, stored=True).watch.relations == ("contact", "sponser")


def test_an_expression_gives_nothing_rather_than_an_error() -> None:
    evaluate = number("features.mrr / features.contracts")

    assert [evaluate({}), evaluate({"mrr": 5.0, "contracts": 0.0}), evaluate({"mrr": 6.0, "contracts": 2.0})] == [
        None,
        None,
        3.0,
    ]


def test_what_is_wrong_in_a_text_is_told_with_line_and_column() -> None:
    lines = [*default_text().splitlines(), "precedence: 5", "applies_to: account.plam == 'x'"]

    with pytest.raises(MisplacedDocument, match=r"account\.plan") as refused:
        read_scorecard("\n".join(lines))

    assert (refused.value.line, refused.value.column) == (len(lines), 1)


def test_the_version_may_be_missing_since_the_server_gives_it() -> None:
    text = "\n".join(line for line in default_text().splitlines() if not line.startswith("version:"))

    document, card = read_scorecard(text)

    assert ("version" in document, card.id) == (False, "default")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x [1]\nb: *x\n", "Aliases"),
        ("a: [", "no YAML"),
        ("- a", "no mapping"),
        ("", "no mapping"),
        ("a" * (LARGEST + 1), "characters"),
        ("[" * 100_000, "nested"),
        (f"a: [{'1,' * 50_000}1]", "more than 10,000 values"),
        (f"a: {'1:' * 50_000}1", "longer than 1,000"),
    ],
)
def test_what_is_no_scorecard_at_all_is_refused(text: str, said: str) -> None:
    with pytest.raises(MisplacedDocument, match=said):
        read_scorecard(text)
