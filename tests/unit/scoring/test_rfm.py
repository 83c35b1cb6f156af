"""Laws of the ranks that segments go by."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from scoring.domain.segments import Rank, Standing, fifths, ranked, rfm_class, size

_VALUES = st.dictionaries(st.text(max_size=3), st.floats(-1e6, 1e6), min_size=1, max_size=60)
_STANDINGS = st.builds(
    Standing,
    idle_days=st.none() | st.integers(0, 89),
    core_actions=st.integers(0, 50),
    money=st.none() | st.floats(0, 1e6),
)


@given(_VALUES)
def test_fifths_go_from_one_to_five_and_never_against_the_values(values: dict[str, float]) -> None:
    found = fifths(values)

    assert set(found.values()) <= {1, 2, 3, 4, 5}
    ordered = sorted(values, key=lambda name: values[name])
    for low, high in pairwise(ordered):
        assert found[low] <= found[high]
        assert values[low] != values[high] or found[low] == found[high]


@given(st.integers(1, 40))
def test_different_values_fill_the_fifths_evenly(count: int) -> None:
    found = list(fifths({str(number): float(number) for number in range(count * 5)}).values())

    assert [found.count(fifth) for fifth in (1, 2, 3, 4, 5)] == [count] * 5


@given(_VALUES)
def test_a_change_of_scale_moves_nobody(values: dict[str, float]) -> None:
    assert fifths({name: value * 2.0 for name, value in values.items()}) == fifths(values)


@given(st.dictionaries(st.text(max_size=3), _STANDINGS, min_size=1, max_size=40))
def test_whoever_did_nothing_ranks_lowest_and_unknown_money_stays_unknown(portfolio: dict[str, Standing]) -> None:
    ranks = ranked(portfolio)

    assert ranks.keys() == portfolio.keys()
    for id_, each in portfolio.items():
        assert each.idle_days is not None or ranks[id_].recency == 1
        assert each.core_actions or ranks[id_].frequency == 1
        assert (ranks[id_].money is None) is (each.money is None)


def test_a_small_portfolio_by_hand() -> None:
    ranks = ranked(
        {
            "a": Standing(0, 100, 500.0),
            "b": Standing(3, 80, 400.0),
            "c": Standing(10, 20, 30.0),
            "d": Standing(40, 5, 20.0),
            "e": Standing(80, 1, 10.0),
            "f": Standing(None, 0, None),
        }
    )

    assert ranks["a"] == Rank(5, 5, 5)
    assert ranks["e"] == Rank(1, 1, 1)
    assert {id_: rfm_class(rank) for id_, rank in ranks.items()} == {
        "a": "champion", "b": "champion", "c": "regular", "d": "hibernating", "e": "hibernating", "f": "hibernating",
    }  # fmt: skip


def test_classes_tell_apart_who_pays_and_who_is_at_work() -> None:
    assert rfm_class(Rank(1, 5, 5)) == "cannot_lose"
    assert rfm_class(Rank(1, 5, 2)) == "slipping"
    assert rfm_class(Rank(5, 1, 5)) == "promising"
    assert rfm_class(Rank(5, 5, None)) == "loyal"


def test_sizes_go_by_seats() -> None:
    assert [size(seats) for seats in (None, 0, 19, 20, 99, 100, 499, 500)] == [
        None, "small", "small", "medium", "medium", "large", "large", "enterprise",
    ]  # fmt: skip
