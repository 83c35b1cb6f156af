"""What the bench of scoring says of its measurements."""

import json
from collections import Counter

from tests.bench.scoring.card import MEASURE, one_measure
from tests.bench.scoring.costs import Measured
from tests.bench.scoring.exact import compared, gaps, usage
from tests.bench.scoring.turns import BARE, FULL, QUIX, SAME, SHORT, SPARSE, ratios

from cskit.log import Record
from scoring.expressions import parsed


def _measured(events_per_s: float, cpu_us: float = 1.0, database_us: float | None = None) -> Measured:
    return Measured(events_per_s, cpu_us, 1.0, database_us)


def _record(offset: int, id_: str, type_: str = "usage.tracked", **data: int) -> Record:
    said = {"id": id_, "type": type_, "subject": "acme", "data": data}
    return Record("t", 0, offset, 0, b"acme", json.dumps(said).encode(), ())


def test_the_scorecard_of_one_measure_has_it_alone() -> None:
    card = parsed(one_measure())

    assert list(card.measures) == [MEASURE]


def test_ratios_compare_the_turns_of_one_round() -> None:
    rounds = {
        SAME: [_measured(400), _measured(100)],
        FULL: [_measured(200), _measured(50)],
        QUIX: [_measured(100), _measured(50)],
        BARE: [_measured(1000), _measured(1000)],
    }

    found = ratios({"1k": rounds})

    assert found == {"quix_same_1k": 3.0, "quix_full_1k": 1.5, "bare_1k": 0.125}


def test_the_cost_of_a_million_accounts_counts_postgresql() -> None:
    few, many = {FULL: [_measured(1, 10.0, 10.0)]}, {FULL: [_measured(1, 15.0, 15.0)]}

    assert ratios({"100k": few, "1m": many}) == {}
    both = ratios({"100k": few, "1m": many, SHORT: few, SPARSE: many})
    assert both == {"cost_1m_over_100k": 1.5, "cost_1m_over_100k_as_sparse": 1.0}


def test_lost_and_doubled_events_are_told_apart() -> None:
    found = compared((5,), Counter({"a": 3, "b": 1}), Counter({"a": 2, "b": 3}), {"a:1"}, {"a:1"}, 0)

    assert (found.lost, found.doubled) == (2, 1)
    assert not found.exact


def test_an_account_without_any_count_has_lost_its_events() -> None:
    assert compared((5,), Counter(), Counter({"a": 2}), set(), set(), 0).lost == 2


def test_changes_that_were_not_published_and_such_that_nobody_knows_are_found() -> None:
    found = compared((5,), {}, {}, {"a:1", "a:2"}, {"a:2", "a:3"}, 0)

    assert (found.unpublished, found.unknown) == (1, 1)
    assert not found.exact


def test_a_run_where_all_agrees_is_exact() -> None:
    assert compared((5,), {"a": 2}, {"a": 2}, {"a:1"}, {"a:1"}, 0).exact


def test_versions_that_do_not_follow_one_another_are_a_gap() -> None:
    assert gaps({("a", 1), ("a", 3), ("b", 1), ("b", 2)}) == 1


def test_usage_on_the_topic_counts_each_id_once() -> None:
    records = [_record(0, "1"), _record(1, "1"), _record(2, "2", count=3), _record(3, "3", "signal.seen")]

    assert usage(records) == {"acme": 4}
