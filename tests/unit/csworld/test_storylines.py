"""What the scorecard in force says of the storylines: each moves its own measure, and a world is a likely portfolio."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import pytest
from tests.unit.csworld.judging import MEASURES, around, band, contributions, events_of, scores

from csworld import Customer, Storyline, World, make_world

WORLDS: Final = (
    (7, datetime(2026, 11, 24, 9, tzinfo=UTC)),
    (1, datetime(2026, 6, 17, 23, tzinfo=UTC)),
    (3, datetime(2026, 9, 15, 3, tzinfo=UTC)),
)
STORIES: Final = tuple(storyline for storyline in get_args(Storyline) if storyline != "steady")
OF_CONTACT: Final = ("neglected", "well_kept")
SAMPLE: Final = 4  # customers of each storyline
LIVE: Final = 38  # days


@dataclass(frozen=True, slots=True)
class Judged:
    """What 30 days of its story changed in a customer's contributions."""

    customer: Customer
    change: dict[str, float]

    @property
    def moved(self) -> float:
        """How far its measure went where the fate says, in points."""
        return self.change[self.customer.fate.measure or ""] * (1 if self.customer.fate.direction == "rise" else -1)

    @property
    def rank(self) -> int:
        """How many other measures changed as much or more."""
        measure = self.customer.fate.measure or ""
        return sum(abs(self.change[other]) >= abs(self.change[measure]) for other in self.change if other != measure)


@pytest.fixture(scope="module", params=WORLDS, ids=lambda world: f"seed {world[0]}")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    seed, now = request.param
    return make_world(seed, now=now)


@pytest.fixture(scope="module")
def judged(world: World) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    last = world.now + timedelta(days=LIVE)
    for customer in sorted(world.customers, key=lambda customer: customer.fate.begins_on, reverse=True):
        fate = customer.fate
        if fate.storyline != "steady" and around(customer)[1] < last and len(found[fate.storyline]) < SAMPLE:
            found[fate.storyline].append(Judged(customer, {}))
    sample = replace(world, customers=tuple(one.customer for some in found.values() for one in some))
    events = events_of(sample, LIVE)
    for some in found.values():
        for one in some:
            id_ = one.customer.id
            before, after = (contributions(score) for score in scores(events[id_], id_, around(one.customer)))
            one.change.update({measure: after.get(measure, 0) - before.get(measure, 0) for measure in MEASURES})
    return found


def test_every_story_moves_its_measure_where_the_fate_says(judged: dict[str, list[Judged]]) -> None:
    for storyline in STORIES:
        assert len(judged[storyline]) >= 4
        least = 1.2 if storyline in OF_CONTACT else 2.5
        assert [one for one in judged[storyline] if one.moved < least] == []


def test_a_storys_measure_is_the_one_that_changes_most(judged: dict[str, list[Judged]]) -> None:
    everything = [one for storyline, some in judged.items() for one in some if storyline not in OF_CONTACT]

    others = [one for one in everything if one.rank > 0]

    assert len(others) <= len(everything) / 20  # holidays and chance move other measures now and then


def test_a_story_of_contact_is_among_the_three_that_change_most(judged: dict[str, list[Judged]]) -> None:
    everything = [one for storyline in OF_CONTACT for one in judged[storyline]]

    others = [one for one in everything if one.rank > 2]

    assert len(others) <= len(everything) / 4  # contact weighs 5 of 100: chance moves other measures as far


def test_every_storyline_begins_for_several_customers_in_the_first_ten_live_days(world: World) -> None:
    today = world.now.date()

    soon = Counter(c.fate.storyline for c in world.customers if 0 <= (c.fate.begins_on - today).days < 10)
    past = Counter(c.fate.storyline for c in world.customers if (c.fate.begins_on - today).days < 0)

    assert min(soon[storyline] for storyline in STORIES) >= 3
    assert min(past[storyline] for storyline in STORIES) >= 3


def test_after_the_past_most_are_green_some_yellow_and_few_red_or_grey() -> None:
    bands: Counter[str] = Counter()
    for seed, now in WORLDS:
        world = make_world(seed, accounts=33, now=now)
        events = events_of(world, 0)
        bands.update(band(*scores(events[customer.id], customer.id, [now])) for customer in world.customers)

    share = {name: count / bands.total() for name, count in bands.items()}

    assert 0.65 <= share["green"] <= 0.85
    assert 0.1 <= share["yellow"] <= 0.3
    assert 0.01 <= share["red"] <= 0.1
    assert share.get("grey", 0) <= 0.05


def test_only_falling_customers_leave_and_not_before_their_story(world: World) -> None:
    leaving = [customer for customer in world.customers if customer.fate.churns_on]

    assert len(leaving) >= 8
    assert all(customer.fate.direction == "fall" for customer in leaving)
    assert all(customer.fate.churns_on > customer.fate.begins_on for customer in leaving if customer.fate.churns_on)
    assert all(customer.ends_on < customer.fate.churns_on for customer in leaving if customer.fate.churns_on)
