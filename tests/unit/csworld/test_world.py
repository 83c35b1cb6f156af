"""A world is told by its seed alone, and what it says is what the batch route takes."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from csmodels.api import EventItem
from csmodels.catalogue import CLIENT_TYPES, parse_data
from csworld import Answer, Fate, Group, Identify, Send, Storyline, Track, World, make_world, papers
from ingest.domain.drafts import Arrival, Draft
from ingest.domain.native import draft

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def small() -> World:
    return make_world(7, accounts=48, days=80, now=NOW)


@pytest.fixture(scope="module")
def past(small: World) -> list[dict[str, Any]]:
    return list(small.history())


def test_the_past_of_200_customers_is_150_to_190_thousand_items_with_distinct_ids_in_order_of_time() -> None:
    world = make_world(1, now=NOW)

    ids, times = set(), []
    for item in world.history():
        ids.add(item["id"])
        times.append(item["time"])

    assert 150_000 <= len(times) <= 190_000
    assert len(ids) == len(times)
    assert times == sorted(times)
    assert times[-1] < NOW.isoformat()[:19] + "Z"
    assert len({customer.name for customer in world.customers}) == 200


def test_every_item_of_the_past_is_backfill_that_the_batch_route_takes(past: list[dict[str, Any]]) -> None:
    arrival = Arrival("demo", NOW, b"key")

    for item in past:
        checked = EventItem.model_validate(item)
        parse_data(checked.type, checked.data)
        drafted = draft(json.dumps(item).encode(), 0, arrival)
        assert isinstance(drafted, Draft), drafted
        assert (drafted.backfill, drafted.clamped, drafted.dropped) == (True, False, 0)
    assert {item["type"] for item in past} == CLIENT_TYPES - {"signal.seen"}


def test_each_customer_is_introduced_before_anything_else_is_said_of_it(past: list[dict[str, Any]]) -> None:
    seen: dict[str, list[str]] = {}
    people: set[str] = set()
    for item in past:
        seen.setdefault(item["account"], []).append(item["type"])
        if item["type"] == "contact.described":
            people.add(item["user"])
        elif "user" in item:
            assert item["user"] in people

    assert all(types[0] == "account.described" for types in seen.values())
    used = [types for types in seen.values() if "usage.tracked" in types]
    assert all(types.index("contract.changed") < types.index("usage.tracked") for types in used)


def test_a_contact_brings_what_the_directory_keeps(past: list[dict[str, Any]]) -> None:
    item = next(item for item in past if item["type"] == "contact.described")

    drafted = draft(json.dumps(item).encode(), 0, Arrival("demo", NOW, b"key"))

    assert isinstance(drafted, Draft)
    assert drafted.person.keys() == {"name", "email", "consent", "locale", "time_zone"}


def test_the_same_seed_gives_the_same_world(small: World, past: list[dict[str, Any]]) -> None:
    again = make_world(7, accounts=48, days=80, now=NOW)

    assert again == small
    assert list(again.history()) == past
    assert list(again.past_answers()) == list(small.past_answers())


def test_another_seed_gives_another_world(small: World) -> None:
    other = make_world(8, accounts=48, days=80, now=NOW)

    assert other.customers != small.customers
    assert other.acts(NOW.date() + DAY) != small.acts(NOW.date() + DAY)


def test_the_acts_of_a_day_do_not_depend_on_what_was_asked_before(small: World) -> None:
    day = NOW.date() + 9 * DAY
    for earlier in range(9):
        small.acts(NOW.date() + earlier * DAY)

    fresh = make_world(7, accounts=48, days=80, now=NOW)

    assert fresh.acts(day) == small.acts(day)


def test_acts_are_in_order_of_time_within_their_day_and_after_now(small: World) -> None:
    for after in range(8):
        day = NOW.date() + after * DAY
        times = [act.at for act in small.acts(day)]
        assert times == sorted(times)
        assert all(at >= NOW and at.date() == day for at in times)
    assert small.acts(NOW.date() - DAY) == []


def test_what_a_live_day_sends_is_valid_and_leaves_the_time_to_the_server(small: World) -> None:
    acts = [act for after in range(35) for act in small.acts(NOW.date() + after * DAY)]

    sent = [act.item for act in acts if isinstance(act, Send)]
    for item in sent:
        assert isinstance(draft(json.dumps(item).encode(), 0, Arrival("demo", NOW, b"key")), Draft)
        assert "time" not in item
    assert len({item["id"] for item in sent}) == len(sent)
    assert {type(act) for act in acts} == {Track, Identify, Group, Send, Answer}
    assert all(0 <= act.score <= 10 for act in acts if isinstance(act, Answer))


def test_a_live_day_follows_the_past_without_a_gap_or_a_repeat(small: World) -> None:
    later = replace(small, now=NOW + timedelta(hours=6))

    between = [act for act in small.acts(NOW.date()) if act.at < later.now and isinstance(act, Track)]
    told = [item for item in later.history() if item["type"] == "usage.tracked" and item["time"] >= f"{NOW:%FT%TZ}"]

    assert Counter((act.user, act.event) for act in between) == Counter((i["user"], i["data"]["name"]) for i in told)


def test_a_working_day_has_many_times_the_usage_of_a_sunday(past: list[dict[str, Any]]) -> None:
    days = Counter(item["time"][:10] for item in past if item["type"] == "usage.tracked")

    wednesday, sunday = days["2026-11-11"], days["2026-11-15"]

    assert wednesday > 8 * sunday > 0


def test_no_item_names_a_storyline_or_a_measure(small: World, past: list[dict[str, Any]]) -> None:
    words = {*get_args(Storyline), *(c.fate.measure for c in small.customers if c.fate.measure)} | {"fate", "nature"}

    said = json.dumps(past) + "".join(repr(act) for act in small.acts(NOW.date() + DAY))

    assert not [word for word in words if f'"{word}"' in said or f"'{word}'" in said]


def test_a_customer_is_introduced_in_the_same_way_whatever_its_fate(small: World) -> None:
    for customer in small.customers:
        steady = replace(customer, fate=Fate("steady", None, None, customer.starts_on))
        assert list(papers.introductions(customer, small.start)) == list(papers.introductions(steady, small.start))


def test_half_the_customers_are_japanese_with_an_owner_who_serves_their_country(small: World) -> None:
    staff = {member.id: member for member in small.staff}

    countries = Counter(customer.country for customer in small.customers)

    assert countries["JP"] == len(small.customers) // 2
    assert all((staff[c.owner].country == "JP") == (c.country == "JP") for c in small.customers)
    assert all(staff[c.owner].role == "csm" for c in small.customers)
    assert Counter(member.role for member in small.staff) == {"csm": 7, "leader": 1}


def test_by_id_finds_a_customer_and_refuses_others(small: World) -> None:
    customer = small.customers[5]

    assert small.by_id(customer.id) is customer
    with pytest.raises(KeyError):
        small.by_id("nobody")


def test_a_world_needs_an_aware_full_hour_and_a_size_that_can_be_made() -> None:
    for now in (NOW.replace(minute=1), NOW.replace(tzinfo=None)):
        with pytest.raises(ValueError, match="full hour"):
            make_world(1, now=now)
    with pytest.raises(ValueError, match="customers"):
        make_world(1, accounts=0, now=NOW)
    with pytest.raises(ValueError, match="one day"):
        make_world(1, days=0, now=NOW)
