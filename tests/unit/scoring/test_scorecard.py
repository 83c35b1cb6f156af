"""Scorecards: read from a document, or refused with where, what and what to do."""

import copy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import CARD, DOCUMENT

from scoring.domain.curve import Curve
from scoring.domain.document import InvalidDocument
from scoring.domain.parsing import parse_scorecard


def changed(path: str, value: object) -> dict[str, Any]:
    """The document with one field set, or removed with `...`."""
    document = copy.deepcopy(DOCUMENT)
    *above, name = path.split(".")
    place: Any = document
    for part in above:
        place = place[part]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return document


def test_foundation_has_the_weights_of_the_design() -> None:
    assert CARD.name == "foundation@1"
    assert dict(CARD.weights) == {
        "active_share": 25,
        "usage_trend": 25,
        "open_tickets": 20,
        "nps": 15,
        "contact": 15,
    }
    assert (CARD.green, CARD.yellow, CARD.reference, CARD.publish_threshold) == (75, 50, 75, 0.5)


@pytest.mark.parametrize(
    ("path", "value", "where", "what"),
    [
        ("version", ..., "version", "it is missing"),
        ("version", 1.5, "version", "no whole number"),
        ("scorecard", "Foundation!", "scorecard", "no code"),
        ("scorecard", 7, "scorecard", "no text"),
        ("reference", True, "reference", "no number"),
        ("reference", 101, "reference", "out of range"),
        ("colour", "red", "colour", "no such field"),
        ("measures.nps.weigth", 3, "measures.nps.weigth", "no such field"),
        ("measures.nps", ..., "measures.nps", "it is missing"),
        ("measures.mood", {}, "measures.mood", "no such measure"),
        ("measures.nps.curve", [[0, 0]], "measures.nps.curve", "at least two"),
        ("measures.nps.curve", [[0, 0], [0, 1]], "measures.nps.curve", "do not rise"),
        ("measures.nps.curve", [[0, 0], [1, 101]], "measures.nps.curve", "outside 0 to 100"),
        ("measures.nps.curve", [[0, 0], [1]], "measures.nps.curve.1", "no pair"),
        ("measures.nps.role_weights.boss", 3, "measures.nps.role_weights.boss", "no such field"),
        ("measures.open_tickets.sla_hours", [1, 2, 3], "measures.open_tickets.sla_hours", "3 values"),
        ("measures.open_tickets.sla_hours", [0, 2, 3, 4], "measures.open_tickets.sla_hours", "not above 0"),
        ("measures.open_tickets.seats_clip", [2, 1], "measures.open_tickets.seats_clip", "no range"),
        ("measures.usage_trend.baseline_days", 80, "measures.usage_trend.baseline_days", "exceeds 84"),
        ("measures.contact.directions", ["up"], "measures.contact.directions", "no direction"),
        ("measures.contact.default_class", "top", "measures.contact.default_class", "not known"),
        ("bands.yellow", 80, "bands.yellow", "not below green"),
        ("dwell.margin", 20, "dwell.margin", "exceeds at_once"),
        ("coverage.classes", [0.8, 0.5], "coverage.classes", "do not rise"),
        ("usage.not_core", "login", "usage.not_core", "no list"),
        ("caps", None, "caps", "no mapping"),
        ("publish.threshold", 0, "publish.threshold", "out of range"),
    ],
)
def test_a_wrong_scorecard_is_refused_with_where_what_and_what_to_do(
    path: str, value: object, where: str, what: str
) -> None:
    with pytest.raises(InvalidDocument) as refused:
        parse_scorecard(changed(path, value))

    assert refused.value.where == where
    assert what in refused.value.what
    assert refused.value.remedy.endswith(".")
    assert str(refused.value).startswith(f"{where}: ")


def test_all_weights_zero_is_refused() -> None:
    document = copy.deepcopy(DOCUMENT)
    for measure in document["measures"].values():
        measure["weight"] = 0

    with pytest.raises(InvalidDocument, match="all weights are 0"):
        parse_scorecard(document)


def test_the_hash_is_of_the_content_and_not_of_its_layout() -> None:
    turned = {name: DOCUMENT[name] for name in reversed(DOCUMENT)}

    assert parse_scorecard(turned).sha256 == CARD.sha256
    assert parse_scorecard(changed("reference", 75.0)).sha256 == CARD.sha256
    assert parse_scorecard(changed("reference", 76)).sha256 != CARD.sha256
    assert parse_scorecard(changed("usage.core", ["x"])).sha256 != CARD.sha256
    assert len(CARD.sha256) == 64


def test_once_core_actions_are_named_only_they_count() -> None:
    named = parse_scorecard(changed("usage.core", ["report_created"]))

    assert named.actions.is_core("report_created")
    assert not named.actions.is_core("report_deleted")
    assert not named.actions.is_core("Report Created")


@pytest.mark.parametrize("name", ["report_created", "login_page_built", "Blogin", "pageant", "✓"])
def test_names_that_only_resemble_a_log_in_are_core_actions(name: str) -> None:
    assert CARD.actions.is_core(name)


@given(st.floats(-1000, 1000))
def test_curves_are_level_beyond_their_ends_and_meet_their_knots(value: float) -> None:
    for curve in CARD.curves.values():
        low, high = min(y for _, y in curve.knots), max(y for _, y in curve.knots)
        assert low <= curve.points(value) <= high
        assert all(curve.points(x) == y for x, y in curve.knots)


def test_a_curve_is_straight_between_its_knots() -> None:
    curve = Curve(((0, 100), (2, 80), (6, 50)))

    assert [curve.points(x) for x in (-1, 0, 1, 2, 3, 6, 9)] == [100, 100, 90, 80, 72.5, 50, 50]
    assert all(a[0] < b[0] for a, b in pairwise(curve.knots))
