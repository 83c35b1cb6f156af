"""Scorecards: read from a document, or refused with where, what and what to do."""

import copy
import hashlib
import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import CARD, DOCUMENT, changed

from scoring.domain.curve import Curve
from scoring.domain.document import InvalidDocument
from scoring.domain.kinds import CATALOGUE, CEL
from scoring.domain.parsing import COLUMNS, parse_scorecard
from scoring.domain.scorecard import Text, canonical_text
from scoring.engine.measuring import MEASURES


def test_the_default_has_the_weights_of_the_design() -> None:
    table = {
        "milestones": (30, None, None),
        "first_value": (20, None, None),
        "activation": (15, None, None),
        "active_share": (None, 15, 10),
        "usage_trend": (None, 15, 15),
        "breadth": (None, 10, 10),
        "depth": (None, 10, 5),
        "silence": (None, 10, 5),
        "open_tickets": (10, 10, 10),
        "csat": (5, 5, None),
        "nps": (5, 10, 10),
        "contact": (10, 5, 5),
        "sponsor": (None, 5, 15),
        "overdue": (5, 5, 5),
        "mrr_change": (None, None, 5),
        "renewal_checklist": (None, None, 5),
    }

    assert CARD.name == "default@1"
    assert {
        id_: tuple(measure.weights.get(column) for column in COLUMNS) for id_, measure in CARD.measures.items()
    } == table
    assert (CARD.green, CARD.yellow, CARD.reference, CARD.publish_threshold) == (75, 50, 75, 0.5)
    assert all(sum(weights.values()) == pytest.approx(1) for weights in CARD.columns.values())


def test_every_measure_is_named_in_both_languages() -> None:
    for measure in CARD.measures.values():
        texts = [measure.label, measure.about, measure.unit]
        assert all(text is not None and text.en and text.ja for text in texts)
        assert measure.about is not None
        assert measure.about.en != measure.about.ja


def test_every_kind_has_terms_and_is_measured() -> None:
    assert set(MEASURES) == {*CATALOGUE, CEL}
    assert set(CARD.measures) == set(CATALOGUE)
    assert all(isinstance(m.terms, CATALOGUE[m.kind].terms) for m in CARD.measures.values())


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
        ("applies_to", None, "applies_to", "it is empty"),
        ("measures.nps.weigth", 3, "measures.nps.weigth", "no such field"),
        ("measures.mood", {}, "measures.mood", "no such measure"),
        ("measures.mood", {"kind": "temper"}, "measures.mood.kind", "not known"),
        ("measures.Mood", {"kind": "nps"}, "measures.Mood", "no code"),
        ("measures.nps.weights", ..., "measures.nps.weights", "it is missing"),
        ("measures.nps.weights", -1, "measures.nps.weights", "out of range"),
        ("measures.nps.weights", {"churned": 1}, "measures.nps.weights.churned", "no such field"),
        ("measures.nps.label", {}, "measures.nps.label", "no text"),
        ("measures.nps.label", {"fr": "x"}, "measures.nps.label.fr", "no such field"),
        ("measures.depth.core_days", 29, "measures.depth.core_days", "exceeds window_days"),
        ("measures.silence.pseudo_gaps", [], "measures.silence.pseudo_gaps", "no gaps"),
        ("measures.silence.window_days", 121, "measures.silence.window_days", "out of range"),
        ("measures.csat.window_days", 181, "measures.csat.window_days", "out of range"),
        ("usage.entitled", {"basic": ["x"]}, "usage.entitled.basic", "no key feature"),
        ("stages.onboarding.milestones.1.name", "kickoff", "stages.onboarding.milestones", "twice"),
        ("stages.onboarding.milestones.1.due_day", ..., "stages.onboarding.milestones.1.due_day", "it is missing"),
        ("stages.onboarding.first_value.target_day", 0, "stages.onboarding.first_value.target_day", "out of range"),
        ("stages.renewal.share_of_term", 2, "stages.renewal.share_of_term", "out of range"),
        ("caps.sponsor_gone.days", 500, "caps.sponsor_gone.days", "out of range"),
        ("adoption_levels.high", {"mood": 1}, "adoption_levels.high.mood", "no such measure"),
        ("adoption_levels.high.depth", 0.1, "adoption_levels.high", "below that of medium"),
        ("touch.segments.smb", "top", "touch.segments.smb", "not known"),
        ("measures.nps.curve", [[0, 0]], "measures.nps.curve", "at least two"),
        ("measures.nps.curve", [[0, 0], [0, 1]], "measures.nps.curve", "do not rise"),
        ("measures.nps.curve", [[0, 0], [1, 101]], "measures.nps.curve", "outside 0 to 100"),
        ("measures.nps.curve", [[0, 0], [1]], "measures.nps.curve.1", "no pair"),
        ("measures.nps.role_weights.boss", 3, "measures.nps.role_weights.boss", "no such field"),
        ("tickets.sla_hours", [1, 2, 3], "tickets.sla_hours", "3 values"),
        ("tickets.sla_hours", [0, 2, 3, 4], "tickets.sla_hours", "not above 0"),
        ("measures.open_tickets.seats_clip", [2, 1], "measures.open_tickets.seats_clip", "no range"),
        ("measures.usage_trend.baseline_days", 93, "measures.usage_trend.baseline_days", "exceeds 120"),
        ("measures.contact.directions", ["up"], "measures.contact.directions", "no direction"),
        ("touch.default", "top", "touch.default", "not known"),
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


def test_where_a_field_does_not_exist_all_that_do_are_named() -> None:
    for path, value, known in (
        ("measures.nps.weights", {"onbording": 30}, "known are adoption, onboarding, renewal."),
        ("measures.nps.label", {"en": "NPS", "fr": "NPS"}, "known are en, ja."),
    ):
        with pytest.raises(InvalidDocument) as refused:
            parse_scorecard(changed(path, value))
        assert refused.value.remedy.endswith(known)


def test_a_column_without_any_weight_is_refused() -> None:
    document = copy.deepcopy(DOCUMENT)
    for measure in document["measures"].values():
        if isinstance(measure["weights"], dict):
            measure["weights"].pop("renewal", None)
        else:
            measure["weights"] = {"onboarding": 1, "adoption": 1, "renewal": 0}

    with pytest.raises(InvalidDocument, match="all weights of renewal are 0"):
        parse_scorecard(document)


def test_a_measure_of_another_name_states_its_kind_and_has_terms_of_its_own() -> None:
    short = DOCUMENT["measures"]["usage_trend"] | {"kind": "usage_trend", "window_days": 7, "baseline_days": 28}

    card = parse_scorecard(changed("measures.short_trend", short))

    assert card.measures["short_trend"].terms != card.measures["usage_trend"].terms
    assert card.measures["short_trend"].kind == "usage_trend"


def test_a_text_in_one_language_stands_in_for_the_other() -> None:
    card = parse_scorecard(changed("measures.nps.label", {"ja": "推奨度"}))

    assert card.measures["nps"].label == Text("推奨度", "推奨度")


def test_blended_weights_are_those_of_both_columns_by_their_shares() -> None:
    weights = CARD.weights({"adoption": 0.25, "renewal": 0.75})

    assert weights["sponsor"] == pytest.approx(0.25 * 0.05 + 0.75 * 0.15)
    assert weights["csat"] == pytest.approx(0.25 * 0.05)
    assert "milestones" not in weights
    assert sum(weights.values()) == pytest.approx(1)
    assert [id_ for id_ in CARD.measures if id_ in weights] == list(weights)


def test_the_hash_is_of_the_content_and_not_of_its_layout() -> None:
    turned = {name: DOCUMENT[name] for name in reversed(DOCUMENT)}

    assert parse_scorecard(turned).sha256 == CARD.sha256
    assert parse_scorecard(changed("reference", 75.0)).sha256 == CARD.sha256
    assert parse_scorecard(changed("reference", 76)).sha256 != CARD.sha256
    assert parse_scorecard(changed("usage.core", ["x"])).sha256 != CARD.sha256
    assert parse_scorecard(changed("caps.sponsor_gone.days", 91)).sha256 != CARD.sha256
    assert len(CARD.sha256) == 64


def test_the_hash_is_of_the_document_and_not_of_what_the_code_makes_of_it() -> None:
    canonical = '{"a":[1,2.5,{"b":null}],"z":"日本"}'

    assert canonical_text({"z": "日本", "a": (1.0, 2.5, {"b": None})}) == canonical
    assert hashlib.sha256(canonical_text(CARD.document).encode()).hexdigest() == CARD.sha256
    assert parse_scorecard(json.loads(json.dumps(CARD.document))) == CARD
    assert list(CARD.document["measures"]) == list(CARD.measures)


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
    for curve in (measure.curve for measure in CARD.measures.values()):
        low, high = min(y for _, y in curve.knots), max(y for _, y in curve.knots)
        assert low <= curve.points(value) <= high
        assert all(curve.points(x) == y for x, y in curve.knots)


def test_a_curve_is_straight_between_its_knots() -> None:
    curve = Curve(((0, 100), (2, 80), (6, 50)))

    assert [curve.points(x) for x in (-1, 0, 1, 2, 3, 6, 9)] == [100, 100, 90, 80, 72.5, 50, 50]
    assert all(a[0] < b[0] for a, b in pairwise(curve.knots))
