"""The score: its reasons add up, whatever is measured."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.scoring.builders import CARD, NOON, card_with

from csmodels.fields import Stage
from scoring.domain.explanation import explain
from scoring.domain.measures import ActiveOverride, CapId, Column, Features, MeasureId, Measurement
from scoring.domain.score import Score, adoption_level, score

STRICT = card_with(version=3, caps__severity_1_overdue__at_most=30, measures__open_tickets__weights=50)
OTHER = card_with(version=2, reference=60, measures__nps__weights=40, measures__nps__curve=[[-50, 0], [50, 100]])


PERFECT = {
    "active_share": 1, "usage_trend": 2, "breadth": 1, "depth": 1, "silence": 0, "open_tickets": 0, "csat": 1,
    "nps": 100, "contact": 0, "sponsor": 2, "overdue": 0,
}  # fmt: skip


def _measurement(measure: MeasureId) -> st.SearchStrategy[Measurement]:
    outright = st.floats(0, 100)
    absent = st.sampled_from(["stale", "not_connected", "not_applicable"])
    low, high = (-100, 100) if measure == "nps" else (0, 50)
    return st.one_of(
        st.builds(Measurement, st.just(measure), st.just("fresh"), st.floats(low, high)),
        st.builds(Measurement, st.just(measure), st.just("fresh"), st.floats(low, high), points=outright),
        st.builds(Measurement, st.just(measure), absent),
    )


def _mix(shares: tuple[float, float, float]) -> dict[Column, float]:
    total = sum(shares)
    return {column: share / total for column, share in zip(get_args(Column), shares, strict=True) if share / total}


found = st.builds(
    Features,
    st.just(NOON),
    st.tuples(*(_measurement(measure) for measure in CARD.measures)),
    st.lists(st.sampled_from(get_args(CapId)), unique=True).map(tuple),
    st.sampled_from(get_args(Stage)),
    st.just({}) | st.tuples(*[st.floats(0, 1)] * 3).filter(lambda shares: sum(shares) > 0.1).map(_mix),
    st.booleans(),
)
overrides = st.none() | st.builds(ActiveOverride, st.just("o1"), st.floats(-10, 10))


def fresh(**values: float) -> Features:
    """Features with these values; all else is not connected."""
    measurements = tuple(
        Measurement(m, "fresh", values[m]) if m in values else Measurement(m, "not_connected") for m in CARD.measures
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
    assert scored.grey >= (not features.in_use)
    told = {c.measure for c in scored.contributions}
    assert told == {m.id for m in CARD.measures.values() if m.weights.keys() & features.columns.keys()}
    assert all(c.weight >= 0 for c in scored.contributions)
    assert all(0 <= c.points <= 100 for c in scored.contributions if c.points is not None)
    assert all(
        c.contribution == c.weight == 0 and c.points is None for c in scored.contributions if c.status != "fresh"
    )
    if features.caps:
        assert scored.value <= min(CARD.caps.at_most(cap) for cap in features.caps)


@given(found, overrides, found, found, overrides)
def test_a_change_is_the_sum_of_data_configuration_override_and_limits(
    before: Features,
    override_before: ActiveOverride | None,
    late: Features,
    after: Features,
    override_after: ActiveOverride | None,
) -> None:
    old = score(before, CARD, before.stage, override_before)
    known = score(late, CARD, late.stage, override_before)
    turned = score(late, OTHER, late.stage, override_before)
    new = score(after, OTHER, after.stage, override_after)

    why = explain(old, new, (known, turned))

    parts = sum(why.data.values()) + sum(why.configuration.values()) + why.override + why.limits + why.turned_limits
    assert abs(parts - why.total) < 1e-9
    assert why.total == new.value - old.value
    if (
        before.measurements == late.measurements == after.measurements
        and before.columns == late.columns == after.columns
    ):
        assert all(abs(points) < 1e-9 for points in why.data.values())


@given(found, overrides)
def test_what_only_another_scorecard_changes_is_configuration_also_in_caps(
    features: Features, override: ActiveOverride | None
) -> None:
    old, new = (score(features, card, features.stage, override) for card in (CARD, STRICT))

    why = explain(old, new, (old, new))

    assert (set(why.data.values()), why.limits) <= ({0.0}, 0.0)
    assert sum(why.configuration.values()) + why.turned_limits + why.override == pytest.approx(why.total, abs=1e-9)


def test_the_change_of_a_measure_is_mean_weight_times_change_of_points() -> None:
    before, after = fresh(active_share=0.5, nps=50, contact=1), fresh(active_share=0.1, nps=50, contact=1)

    why = explain(score(before, CARD, "adoption", None), score(after, CARD, "adoption", None))

    assert why.data["active_share"] == pytest.approx(15 / 30 * (20 - 60))
    assert why.data["nps"] == why.data["contact"] == 0


def test_a_score_by_hand() -> None:
    # active share .3 -> 40, trend 1 -> 90, tickets 4 -> 65, contact 1.25 -> 85; weights 15 15 10 5 of 100
    features = fresh(active_share=0.3, usage_trend=1, open_tickets=4, contact=1.25)

    scored = score(features, CARD, "adoption", None)

    assert scored.value == pytest.approx((15 * 40 + 15 * 90 + 10 * 65 + 5 * 85) / 45)
    assert scored.contributions[0].contribution == pytest.approx(15 / 45 * (40 - 75))
    assert scored.coverage == pytest.approx(0.45)
    assert scored.grey
    assert scored.scorecard == "default@1"


def test_the_same_facts_weigh_as_their_stage_says() -> None:
    # sponsor gone -> 0, active share .9 -> 100, milestones 1 -> 100, tickets 0 -> 100
    found = fresh(sponsor=0, active_share=0.9, milestones=1, open_tickets=0)

    values = {stage: score(structs.replace(found, stage=stage), CARD, stage, None).value for stage in get_args(Stage)}

    assert values["onboarding"] == 100  # milestones and tickets
    assert values["adoption"] == pytest.approx(100 * 25 / 30)
    assert values["renewal"] == pytest.approx(100 * 20 / 35)
    assert values["churning"] == values["churned"] == values["renewal"]


def test_while_weights_blend_the_score_goes_evenly_from_one_column_to_the_other() -> None:
    everything = fresh(**{name: 1.0 for name in CARD.measures})

    def value(share: float) -> float:
        mixed = structs.replace(everything, mix={"adoption": 1 - share, "renewal": share})
        return score(mixed, CARD, "renewal", None).value

    old, new = (score(structs.replace(everything, stage=s), CARD, s, None).value for s in ("adoption", "renewal"))
    assert abs(old - new) > 1
    assert [value(n / 14) for n in (1, 7, 13)] == pytest.approx([old + (new - old) * n / 14 for n in (1, 7, 13)])


def test_override_then_cap_then_clamp() -> None:
    perfect = fresh(**PERFECT)
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
    half = fresh(active_share=1, usage_trend=1, breadth=1, silence=1)

    assert not score(half, CARD, "adoption", None).grey
    assert score(fresh(active_share=1, usage_trend=1, breadth=1), CARD, "adoption", None).grey
    assert score(structs.replace(half, in_use=False), CARD, "adoption", None).grey
    nothing = score(fresh(), CARD, "adoption", None)
    assert (nothing.grey, nothing.value, nothing.coverage) == (True, 75, 0)


def test_what_does_not_apply_does_not_lower_coverage() -> None:
    absent = [
        structs.replace(m, status="not_applicable") if m.status == "not_connected" else m
        for m in fresh(active_share=1).measurements
    ]

    assert score(fresh(active_share=1), CARD, "adoption", None).coverage == pytest.approx(0.15)
    assert score(Features(NOON, tuple(absent), (), "adoption"), CARD, "adoption", None).coverage == 1


@pytest.mark.parametrize(
    ("breadth", "depth", "active", "level"),
    [
        (1, 1, 0, "none"),
        (0, 0, 1, "low"),
        (0.25, 0.19, 1, "low"),
        (0.25, 0.2, 1, "medium"),
        (0.5, 0.34, 1, "medium"),
        (0.375, 0.35, 1, "high"),
        (None, 0.2, 1, "medium"),
        (None, None, 1, "low"),
    ],
)
def test_the_adoption_level_is_a_ladder_of_breadth_and_depth(
    breadth: float | None, depth: float | None, active: int, level: str
) -> None:
    assert adoption_level({"breadth": breadth, "depth": depth}, active, CARD) == level
