import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmodels import topics
from csmodels.catalogue import TOPIC_OF, parse, parse_customer_event
from csmodels.customer import Usage, UsageTracked
from csmodels.errors import InvalidEvent
from csmodels.examples import EXAMPLES, message
from csmodels.ids import AccountId, EventId

WORDS = st.text(st.characters(exclude_characters="@", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64)
MOMENTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-12, 14).map(lambda h: timezone(timedelta(hours=h))),
)
PROPERTIES = (
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
)


def read(type_: str, data: Any) -> Any:
    return parse(TOPIC_OF[type_], json.dumps(message(type_, data)).encode())


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.booleans() | st.text(), st.lists).map(json.dumps).map(str.encode)
)
def test_whatever_lies_on_a_topic_is_an_event_or_an_invalid_event(raw: bytes) -> None:
    for topic in (topics.CUSTOMER_EVENTS, topics.HEALTH_EVENTS, topics.PLAYBOOK_EVENTS):
        with pytest.raises(InvalidEvent):
            parse(topic, raw)


@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_a_mangled_event_is_an_event_or_an_invalid_event(type_: str, draw: st.DataObject) -> None:
    data = dict(EXAMPLES[type_])
    numbers = st.integers() | st.floats()
    junk: st.SearchStrategy[Any] = numbers | st.none() | st.booleans() | st.text(max_size=5) | st.just([]) | st.just({})
    data[draw.draw(st.sampled_from(sorted(data)))] = draw.draw(junk)

    try:
        event = read(type_, data)
    except InvalidEvent:
        return
    assert parse(TOPIC_OF[type_], event.to_bytes()) == event


@given(WORDS, st.integers(1, 2**31 - 1), st.dictionaries(WORDS, PROPERTIES), WORDS, MOMENTS, st.booleans())
def test_a_usage_event_survives_the_log(
    name: str, count: int, properties: dict[str, Any], id_: str, at: datetime, backfill: bool
) -> None:
    event = UsageTracked(
        id=EventId(id_), source="app", subject=AccountId("acme"), time=at, receivedtime=at, backfill=backfill,
        data=Usage(name=name, count=count, properties=properties),
    )  # fmt: skip

    again = parse_customer_event(event.to_bytes())

    assert again == event
    assert isinstance(again, UsageTracked)
    assert [type(v) for v in again.data.properties.values()] == [type(v) for v in properties.values()]


PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.none() | WORDS,
        "plan": st.none() | WORDS,
        "seats": st.none() | st.integers(0, 10**6),
        "owner": st.none() | WORDS,
        "custom": st.none() | st.dictionaries(WORDS, st.none() | PROPERTIES),
    },
)


@given(PATCHES)
def test_a_merge_patch_survives_the_log_with_its_gaps_and_nulls(patch: dict[str, Any]) -> None:
    event = read("account.described", patch)

    assert json.loads(event.to_bytes())["data"] == patch
    assert parse_customer_event(event.to_bytes()).data.model_fields_set == set(patch)
