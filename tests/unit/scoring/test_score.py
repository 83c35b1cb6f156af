"""The score: its reasons add up, whatever is measured."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import CARD, DOCUMENT, NOON

from csmodels.fields import Stage
from scoring.domain.explanation import explain
from scoring.domain.measures import ActiveOverride, CapId, Features, MeasureId, Measurement
from scoring.domain.parsing import parse_scorecard
from scoring.domain.score import Score, score

OTHER = parse_scorecard(
    DOCUMENT | {"version": 2, "reference": 60, "measures": DOCUMENT["measures"] | {
        "nps": DOCUMENT["measures"]["nps"] | {"weight": 40, "curve": [[-50, 0], [50, 100]]}}}
)  # fmt: skip


def _measurement(measure: MeasureId) -> st.SearchStrategy[Measurement]:
    absent = st.sampled_from(["stale", "not_connected", "not_applicable"])
    low, high = (-100, 100) if measure == "nps" else (0, 50)
    return st.one_of(
        st.builds(Measurement, st.just(measure), st.just("fresh"), st.floats(low, high)),
        st.builds(Measurement, st.just(measure), absent),
    )


found = st.builds(
    Features,
    st.just(NOON),
    st.tuples(*(_measurement(measure) for measure in CARD.weights)),
    st.lists(st.sampled_from(get_args(CapId)), unique=True).map(tuple),
    st.sampled_from(get_args(Stage)),
)
overrides = st.none() | st.builds(ActiveOverride, st.just("o1"), st.floats(-10, 10))


def fresh(**values: float) -> Features:
    """Features with these values; all else is not connected."""
    measurements = tuple(
        Measurement(m, "fresh", values[m]) if m in values else Measurement(m, "not_connected") for m in CARD.weights
    )
    return Features(NOON, measurements, (), "adoption")


def total(scored: Score) -> float:
    """What the reasons add up to."""
    return (
        scored.reference + sum(c.contribution for c in scored.contributions) + sum(a.points for a in scored.adjustments)
    )


@given(found, overrides)
def test_a_score_is_0_to_100_and_its_reasons_add_up_to_it(features: Features, override: ActiveOverride | None) -> None:
    scored = score(features, CARD, features.stage, override)

    assert 0 <= scored.value <= 100
    assert abs(total(scored) - scored.value) < 1e-9
    assert 0 <= scored.coverage <= 1
    assert all(0 <= c.points <= 100 for c in scored.contributions if c.points is not None)
    assert all(
        c.contribution == c.weight == 0 and c.points is None for c in scored.contributions if c.status != "fresh"
    )
    if features.caps:
        assert scored.value <= min(CARD.caps.at_most(cap) for cap in features.caps)


@given(found, overrides, found, overrides)
def test_a_change_is_the_sum_of_data_configuration_override_and_limits(
    before: Features, override_before: ActiveOverride | None, after: Features, override_after: ActiveOverride | None
) -> None:
    old = score(before, CARD, before.stage, override_before)
    middle = score(before, OTHER, before.stage, override_before)
    new = score(after, OTHER, after.stage, override_after)

    why = explain(old, new, middle)

    parts = sum(why.data.values()) + sum(why.configuration.values()) + why.override + why.limits
    assert abs(parts - why.total) < 1e-9
    assert why.total == new.value - old.value
    if before.measurements == after.measurements:
        assert all(abs(points) < 1e-9 for points in why.data.values())


def test_the_change_of_a_measure_is_mean_weight_times_change_of_points() -> None:
    before, after = fresh(active_share=0.5, nps=50, contact=1), fresh(active_share=0.1, nps=50, contact=1)

    why = explain(score(before, CARD, "adoption", None), score(after, CARD, "adoption", None))

    assert why.data["active_share"] == pytest.approx(25 / 55 * (20 - 60))
    assert why.data["nps"] == why.data["contact"] == 0


def test_a_score_by_hand() -> None:
    # active share .3 -> 40, trend 1 -> 90, tickets 4 -> 65, contact 1.25 -> 85; weights 25 25 20 15 of 85
    features = fresh(active_share=0.3, usage_trend=1, open_tickets=4, contact=1.25)

    scored = score(features, CARD, "adoption", None)

    assert scored.value == pytest.approx((25 * 40 + 25 * 90 + 20 * 65 + 15 * 85) / 85)
    assert scored.contributions[0].contribution == pytest.approx(25 / 85 * (40 - 75))
    assert scored.coverage == pytest.approx(0.85)
    assert scored.scorecard == "foundation@1"


def test_override_then_cap_then_clamp() -> None:
    perfect = fresh(active_share=1, usage_trend=2, open_tickets=0, nps=100, contact=0)
    capped = Features(NOON, perfect.measurements, ("severity_1_overdue", "no_active_person"), "adoption")
    up, down = ActiveOverride("o", 10), ActiveOverride("o", -10)

    plain = score(perfect, CARD, "adoption", up)
    limited = score(capped, CARD, "adoption", down)

    assert [(a.kind, a.points) for a in plain.adjustments] == [("override", 10), ("clamp", -10)]
    assert [(a.kind, a.points, a.reason) for a in limited.adjustments] == [
        ("override", -10, "override"),
        ("cap", -50, "no_active_person"),
        ("cap", 0, "severity_1_overdue"),
    ]
    assert limited.value == 40


def test_too_little_known_is_grey() -> None:
    assert score(fresh(active_share=1, nps=50), CARD, "adoption", None).grey
    assert not score(fresh(active_share=1, usage_trend=1), CARD, "adoption", None).grey
    assert score(fresh(open_tickets=0, nps=50, contact=0), CARD, "adoption", None).grey
    nothing = score(fresh(), CARD, "adoption", None)
    assert (nothing.grey, nothing.value, nothing.coverage) == (True, 75, 0)


@pytest.mark.parametrize(
    ("share", "level"), [(0, "none"), (0.1, "low"), (0.25, "medium"), (0.59, "medium"), (0.6, "high"), (2, "high")]
)
def test_the_adoption_level_is_the_class_of_active_share(share: float, level: str) -> None:
    assert score(fresh(active_share=share), CARD, "adoption", None).adoption_level == level
    assert score(fresh(nps=1), CARD, "adoption", None).adoption_level == "none"
