"""The verdict: bands with dwell, gapless versions, what is published."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.unit.scoring.builders import CARD, DAY, NOON

from scoring.domain.score import Adjustment, Score
from scoring.domain.verdict import Change, Verdict, judge


def scored(value: float, *, cap: bool = False, grey: bool = False, **changes: object) -> Score:
    """A score of this value."""
    adjustments = (Adjustment("cap", -5.0, "no_active_person"),) if cap else ()
    made = Score(
        at=NOON,
        scorecard="default@1",
        reference=75,
        value=value,
        contributions=(),
        adjustments=adjustments,
        coverage=1,
        coverage_class=2,
        grey=grey,
        stage="adoption",
        adoption_level="high",
        caps=("no_active_person",) if cap else (),
        override=None,
    )
    return structs.replace(made, **changes)  # type: ignore[arg-type]


def step(
    verdict: Verdict, score: Score, *, moment: datetime = NOON, closing: bool = False, backfill: bool = False
) -> tuple[Verdict, Change | None]:
    return judge(verdict, score, moment=moment, closing=closing, backfill=backfill, card=CARD)


def after(*values: float, closing: bool = True, start: float = 80) -> Verdict:
    """The verdict after a first score and then one a daily closing."""
    verdict, _ = step(Verdict(), scored(start))
    for value in values:
        verdict, _ = step(verdict, scored(value), closing=closing)
    return verdict


@pytest.mark.parametrize(
    ("value", "band"), [(75, "green"), (74.9, "yellow"), (50, "yellow"), (49.9, "red"), (0, "red")]
)
def test_the_first_band_is_by_the_plain_boundaries(value: float, band: str) -> None:
    assert after(start=value).band == band


def test_a_small_crossing_needs_three_points_at_two_closings_in_a_row() -> None:
    assert after(72).band == "green"
    assert after(72, 72).band == "yellow"
    assert after(72, 72.5, 72).band == "green"
    assert after(72.1, 72.1, 72.1).band == "green"
    assert after(70, 70, 70, closing=False).band == "green"


def test_upward_crossings_dwell_too() -> None:
    assert after(78, start=70).band == "yellow"
    assert after(78, 78, start=70).band == "green"
    assert after(77.9, 77.9, start=70).band == "yellow"


def test_ten_points_beyond_the_boundary_act_at_once_as_far_as_they_reach() -> None:
    assert after(65, closing=False).band == "yellow"
    assert after(45, closing=False).band == "yellow"
    assert after(40, closing=False).band == "red"
    assert after(60, start=30, closing=False).band == "yellow"
    assert after(85, start=30, closing=False).band == "green"


def test_a_closing_that_acts_at_once_counts_towards_the_next_boundary() -> None:
    assert after(46).band == "yellow"
    assert after(46, 46).band == "red"


def test_two_closings_that_ask_for_different_bands_move_to_the_one_both_support() -> None:
    assert after(69, 79, start=40, closing=True).band == "yellow"


def test_a_cap_acts_at_once_and_its_end_dwells() -> None:
    capped, _ = step(after(), scored(49, cap=True))
    lifted, _ = step(capped, scored(55))

    assert capped.band == "red"
    assert lifted.band == "red"


def test_a_cap_that_does_not_bind_moves_no_band() -> None:
    loose = structs.replace(
        scored(74), caps=("no_active_person",), adjustments=(Adjustment("cap", 0.0, "no_active_person"),)
    )

    assert step(after(), loose)[0].band == "green"


def test_backfill_sets_the_band_at_once() -> None:
    assert step(after(), scored(74.9), backfill=True)[0].band == "yellow"


def test_grey_comes_and_goes_at_once() -> None:
    grey, change = step(after(), scored(80, grey=True))
    back, _ = step(grey, scored(74))

    assert (grey.band, back.band) == ("grey", "yellow")
    assert change is not None
    assert change.moved == {"band"}


@given(st.lists(st.tuples(st.sampled_from([74.0, 74.6, 75.0, 75.4, 76.0]), st.booleans()), max_size=60))
def test_one_point_around_a_boundary_flips_no_band(steps: list[tuple[float, bool]]) -> None:
    verdict = after()
    for value, closing in steps:
        verdict, change = step(verdict, scored(value), closing=closing)
        assert verdict.band == "green"
        assert change is None or "band" not in change.moved


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans(), st.booleans(), st.booleans()), max_size=40))
def test_versions_have_no_gaps_and_what_is_left_unpublished_is_small(
    steps: list[tuple[float, bool, bool, bool]],
) -> None:
    verdict, version = Verdict(), 0
    for n, (value, closing, grey, backfill) in enumerate(steps):
        before = verdict
        verdict, change = step(
            verdict, scored(value, grey=grey), moment=NOON + n * DAY, closing=closing, backfill=backfill
        )
        assert verdict.published is not None
        assert abs(verdict.published.score - value) < 0.5
        assert verdict.published.band == verdict.band
        if change is not None:
            version += 1
            assert change.now.version == version == verdict.version
            assert change.previous == before.published
        if verdict.band != before.band or n == 0:
            assert verdict.band_since == NOON + n * DAY


def test_a_change_is_published_for_each_of_its_reasons_and_for_nothing_else() -> None:
    first, change = step(Verdict(), scored(80))
    assert change is not None
    assert change.now.version == 1
    assert change.previous is None
    assert change.moved == {"first"}

    def moved(score: Score) -> set[str]:
        published = step(first, score)[1]
        return set(published.moved) if published else set()

    assert moved(scored(80.49)) == set()
    assert moved(scored(79.5)) == {"score"}
    assert moved(scored(80, stage="churning")) == {"stage"}
    assert moved(scored(80, adoption_level="low")) == {"adoption_level"}
    assert moved(scored(80, coverage=0.7, coverage_class=1)) == {"coverage"}
    assert moved(scored(80, caps=("no_active_person",))) == {"cap"}


def test_small_moves_add_up_until_they_are_published() -> None:
    verdict = after()
    changes = []
    for n in range(1, 11):
        verdict, change = step(verdict, scored(80 + n / 10))
        changes.append(change is not None)

    assert [n for n, published in enumerate(changes, 1) if published] == [5, 10]
