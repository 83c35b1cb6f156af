"""Times, properties, people and hours: the rules, one by one."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmodels.catalogue import parse_data
from ingest.domain import segment
from ingest.domain.drafts import Arrival, Draft, Refusal
from ingest.domain.hours import HOUR, due, full_hour
from ingest.domain.people import directory_fields, of_traits
from ingest.domain.properties import travelling, valid_fields
from ingest.domain.times import client_time, corrected, settle

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(time=MOMENTS, backfill=st.booleans())
def test_no_event_lies_in_the_future_and_what_was_said_to_be_backfill_stays_it(time: datetime, backfill: bool) -> None:
    settled = settle(time, NOW, backfill=backfill)

    assert settled.time <= NOW
    assert settled.clamped == (time > NOW)
    assert settled.backfill == (backfill or NOW - time > timedelta(days=3))


@given(
    wrong_by=st.timedeltas(timedelta(days=-5000), timedelta(days=5000)), ago=st.timedeltas(timedelta(0), timedelta(9))
)
def test_however_wrong_a_clients_clock_is_the_time_is_right_once_it_says_when_it_sent(
    wrong_by: timedelta, ago: timedelta
) -> None:
    theirs = NOW + wrong_by

    assert corrected(theirs - ago, theirs, NOW) == NOW - ago


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-10T12:30:00.000Z", NOW),
        ("2026-03-10T21:30:00+09:00", NOW),
        ("2026-03-10T12:30:00", NOW),
        ("2026-03-10", NOW.replace(hour=0, minute=0)),
        ("now", None),
        ("0001-01-01T00:00:00+09:00", None),
        (17, None),
    ],
)
def test_times_are_read_as_sdks_write_them(text: object, moment: datetime | None) -> None:
    assert client_time(text) == moment


@given(properties=st.dictionaries(st.text(max_size=70), VALUES, max_size=8))
def test_what_travels_is_taken_by_the_events_model_and_holds_no_text(properties: dict[str, Any]) -> None:
    kept = travelling(properties, frozenset())

    parse_data("usage.tracked", {"name": "x", "properties": kept})
    assert not any(isinstance(value, str) for value in kept.values())


def test_a_text_travels_only_if_it_is_on_the_keep_list_and_fits() -> None:
    properties = {"tier": "gold", "mail": "a@b.c", "long": "x" * 65, "other": "gold"}

    assert travelling(properties, frozenset({"tier", "mail", "long"})) == {"tier": "gold"}


@given(fields=st.dictionaries(st.sampled_from(["name", "plan", "seats", "owner", "country", "custom"]), VALUES))
def test_the_valid_ones_of_some_fields_are_taken_together(fields: dict[str, Any]) -> None:
    kept, wrong = valid_fields(partial(parse_data, "account.described"), fields)

    parse_data("account.described", kept)
    assert kept.items() <= fields.items() or kept == {name: fields[name] for name in kept}
    assert (wrong is None) == (kept.keys() == fields.keys())


def test_a_persons_name_may_come_in_two_parts_and_goes_to_the_directory_only() -> None:
    traits = {
        "firstName": "Taro",
        "lastName": "Yamada",
        "email": "taro@example.com",
        "timezone": "Asia/Tokyo",
        "role": "x",
    }

    told = of_traits(traits)

    assert told.directory == {"name": "Taro Yamada", "email": "taro@example.com", "time_zone": "Asia/Tokyo"}
    assert told.travels == {"time_zone": "Asia/Tokyo"}
    assert (told.dropped, told.left_out and told.left_out[0]) == (1, "traits.role")


TRAITS = st.sampled_from(
    [
        "name",
        "firstName",
        "lastName",
        "email",
        "country",
        "locale",
        "timezone",
        "timeZone",
        "time_zone",
        "role",
        "consent",
        "x",
    ]
)


@given(
    traits=st.dictionaries(TRAITS, VALUES | st.sampled_from(["Hana", "h@example.com", "JP", "ja", "UTC", "sponsor"]))
)
def test_of_an_sdks_traits_the_well_formed_are_taken_and_the_others_are_told(traits: dict[str, Any]) -> None:
    told = of_traits(traits)

    assert directory_fields(told.directory) == told.directory
    parse_data("contact.described", told.travels)
    assert 0 <= told.dropped <= len(traits)
    if told.left_out is not None:
        assert told.dropped > 0
        field, message = told.left_out
        assert field.removeprefix("traits.") in traits or field == "traits.name"
        assert message.startswith(f"{field} is left out: it should ")


@given(
    now=MOMENTS,
    behind=st.lists(st.integers(-2, 30), min_size=16, max_size=16),
    may=st.booleans(),
)
def test_a_partition_is_told_the_latest_hour_if_its_next_has_come(now: datetime, behind: list[int], may: bool) -> None:
    next_hours = {number: full_hour(now) - HOUR * hours for number, hours in enumerate(behind)}

    found = due(next_hours, now, may_have_been_away=may)

    late = tuple(number for number, hours in enumerate(behind) if hours >= 0)
    if not late:
        assert found is None
        return
    assert found is not None
    assert (found.partitions, found.hour) == (late, full_hour(now))
    last = min(next_hours[number] for number in late) - HOUR
    assert found.away_since == (last if may and now - last > timedelta(hours=6) else None)


def taken(item: Any, **more: Any) -> Draft | Refusal:
    return segment.draft(item, b"{}", 0, Arrival("product", NOW, b"key", **more))


def test_a_number_as_an_id_is_its_text() -> None:
    made = taken({"type": "group", "messageId": "m", "userId": 17, "groupId": 4})

    assert isinstance(made, Draft)
    assert (made.user, made.account) == ("17", "4")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"messageId": "m", "userId": "u"}, "type"),
        ({"messageId": "m", "userId": "u", "type": "delete"}, "type"),
        ({"messageId": "m", "type": "track", "event": "x"}, "userId"),
        ({"messageId": "m", "userId": "u", "type": "track"}, "event"),
        ({"messageId": "m", "userId": "u", "type": "track", "event": {}}, "event"),
        ({"messageId": "m", "userId": "u", "type": "track", "event": "x", "properties": 3}, "properties"),
        ({"messageId": "m", "userId": "u", "type": "track", "event": "x", "timestamp": "soon"}, "timestamp"),
        (
            {"messageId": "m", "userId": "u", "type": "track", "event": "x", "timestamp": "0001-01-01T00:00:00Z"},
            "timestamp",
        ),
        (
            {"messageId": "m", "userId": "u", "type": "track", "event": "x", "context": {"groupId": "a@b"}},
            "context.groupId",
        ),
        ({"messageId": "m", "userId": "u", "type": "group"}, "groupId"),
        ({"messageId": "m", "userId": "u", "type": "group", "groupId": "!x"}, "groupId"),
        ({"messageId": "m", "userId": "u", "type": "alias"}, "previousId"),
        ({"messageId": "m", "userId": {}, "type": "track", "event": "x"}, "userId"),
        ({"messageId": 3, "userId": "u", "type": "track", "event": "x"}, "messageId"),
    ],
)
def test_a_refusal_names_the_field_as_the_client_calls_it(item: Any, field: str) -> None:
    made = taken(item)

    assert isinstance(made, Refusal)
    assert made.field == field
    assert made.message.startswith(field)
