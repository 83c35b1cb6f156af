"""The short way and the long way agree: on what is taken, and on every byte that travels."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from csmodels.catalogue import TYPES, parse
from csmodels.ids import AccountId, PersonId
from csmodels.topics import CUSTOMER_EVENTS
from ingest.domain import columns, native, quick, segment
from ingest.domain.drafts import Arrival, Draft
from ingest.domain.strictness import refusal
from ingest.domain.wire import home_of, value_of, values_of

NOW = datetime(2026, 3, 10, 12, 30, 15, 250_000, tzinfo=UTC)
ARRIVAL = Arrival("shop", NOW, b"k" * 32, keep=frozenset({"plan", "色"}))
SENT = Arrival("shop", NOW, b"k" * 32, sent=NOW + timedelta(hours=9), keep=frozenset({"plan"}))
PERSON = PersonId("6a1f6d2e-52c7-4a43-9d6f-0d5a1c1b7a11")

TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "a@b.example", "!x", "x\n", "x", "u-1", "\x00", "x" * 128, "x" * 129, "y" * 257, "注文", "\U0001f600"]
)
TIMES = TEXTS | st.sampled_from(
    [
        "2026-03-10T12:30:00Z",
        "2026-03-10t12:30:00z",
        "2026-03-10 12:30:00Z",
        "2026-03-10T12:30:00.123456789Z",
        "2026-03-10T12:30:00.1+09:00",
        "2026-03-10T12:30",
        "2026-03-10",
        "2026-03-10T12:30:60Z",
        "0001-01-01T00:00:00+09:00",
        "9999-12-31T23:59:59-05:00",
        "1969-12-31T23:59:59Z",
        "2027-01-01T00:00:00Z",
    ]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -0.0, 1.0, 2**31, 2**53, 1e300])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=4,
)
PROPERTIES = st.dictionaries(TEXTS | st.sampled_from(["plan", "色"]), VALUES, max_size=5)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of the fields, most of them well-formed, and sometimes anything at all in one."""
    return st.fixed_dictionaries({}, optional={name: values | VALUES for name, values in fields.items()})


DATA = some(name=TEXTS | st.just("report.created"), count=st.integers(-1, 2**31), properties=PROPERTIES)
ITEMS = some(
    id=TEXTS,
    type=st.just("usage.tracked"),
    account=TEXTS,
    user=TEXTS,
    time=TIMES,
    data=DATA,
    backfill=st.booleans(),
)
CALLS = some(
    messageId=TEXTS,
    type=st.just("track"),
    event=TEXTS | st.just("report.created"),
    userId=TEXTS,
    anonymousId=TEXTS,
    timestamp=TIMES,
    originalTimestamp=TIMES,
    properties=PROPERTIES,
    context=some(groupId=TEXTS),
)
GOOD_ITEM = {
    "id": "e-1",
    "type": "usage.tracked",
    "account": "acme",
    "user": "u-1",
    "time": "2026-03-10T12:30:00.5+09:00",
    "data": {"name": "order.exported", "count": 3, "properties": {"rows": 12, "plan": "pro", "share": 0.5, "x": "y"}},
}
PLAIN_ITEM = {
    "id": "e-1",
    "type": "usage.tracked",
    "user": "u-1",
    "time": "2026-03-10T12:30:00.500Z",
    "data": {"name": "order.exported", "properties": {"rows": 12, "share": 0.5, "ok": True}},
}
GOOD_CALL = {
    "messageId": "m-1",
    "type": "track",
    "event": "order.exported",
    "userId": "u-1",
    "anonymousId": None,
    "timestamp": "2026-03-10T12:30:00.500Z",
    "properties": {"rows": 12, "plan": "pro", "ok": True},
    "context": {"groupId": "acme", "library": {"name": "x"}},
}


@example(GOOD_ITEM)
@given(ITEMS)
@settings(max_examples=600)
def test_an_item_of_ours_that_goes_the_short_way_is_what_the_models_make_of_it(item: dict[str, Any]) -> None:
    raw = json.dumps(item).encode()

    short = quick.native(raw, 4, ARRIVAL)

    assert short is None or same(short, native.draft(raw, 4, ARRIVAL))


@example(GOOD_CALL)
@given(CALLS)
@settings(max_examples=600)
def test_a_track_call_that_goes_the_short_way_is_what_the_models_make_of_it(call: dict[str, Any]) -> None:
    raw = json.dumps(call).encode()

    short = quick.track(raw, 4, SENT)

    assert short is None or same(short, segment.draft(json.loads(raw), raw, 4, SENT))


@given(ITEMS, st.sampled_from(["id", "type", "user", "backfill", "data", "count", "properties", "rows", "other"]))
@example(GOOD_ITEM, "rows")
def test_an_item_with_a_key_twice_never_goes_the_short_way(item: dict[str, Any], key: str) -> None:
    raw = json.dumps({**item, "id": "e-1"}).encode()
    again = raw.replace(b'"id":', b'"%s": 1, "id":' % key.encode(), 1).replace(b'"rows":', b'"rows": 1, "rows":', 1)

    short = quick.native(again, 0, ARRIVAL)

    assert short is None or refusal(again, 0) is None


@given(CALLS, st.sampled_from(["messageId", "userId", "context", "library", "integrations", "_metadata", "sentAt"]))
def test_a_call_with_a_key_twice_never_goes_the_short_way(call: dict[str, Any], key: str) -> None:
    extra = f'"{key}": {{"a": 1}}, "{key}": {{"a": 1, "b": {{"c": 2, "c": 2}}}}, "messageId":'.encode()
    again = json.dumps({**call, "messageId": "m-1"}).encode().replace(b'"messageId":', extra, 1)

    assert quick.track(again, 0, SENT) is None


def test_texts_that_look_like_keys_cost_an_event_nothing() -> None:
    odd = '": ":\\": \\\\": {[' + "[" * 80
    item = {**GOOD_ITEM, "data": {"name": "x", "properties": {"a": odd, odd: 1, "b": {"c": {"d": [{"e": odd}]}}}}}
    call = {**GOOD_CALL, "properties": {"a": odd, "products": [{"id": 1}, {"id": 2}]}, "more": {"id": None}}

    for separators in ((",", ":"), (", ", ": "), (" , ", " : ")):
        assert quick.native(json.dumps(item, separators=separators).encode(), 0, ARRIVAL) is not None
        assert quick.track(json.dumps(call, separators=separators).encode(), 0, SENT) is not None


def test_a_property_too_deep_goes_the_long_way() -> None:
    deep = b'{"name":"x","properties":{"a":' + b"[" * 62 + b"]" * 62 + b"}}"
    raw = b'{"id":"e-1","type":"usage.tracked","account":"acme","data":' + deep + b"}"

    assert quick.native(raw, 0, ARRIVAL) is None
    assert quick.native(raw.replace(b"[[", b"[").replace(b"]]", b"]"), 0, ARRIVAL) is not None


ACME = AccountId('ac"me')


def values_by_columns(raws: Sequence[bytes]) -> list[bytes]:
    given = columns.read(b"[" + b",".join(raws) + b"]", most=10, largest=10_000, least=1)
    said = None if given is None else columns.usual(given, ARRIVAL)
    assert said is not None
    return values_of(said, "shop", ARRIVAL.received, [home_of(ACME, PERSON)] * len(raws))


def by_columns(raws: Sequence[bytes]) -> list[Draft] | None:
    given = columns.read(b'{"events": [' + b", ".join(raws) + b"]}", most=10, largest=10_000, least=1)
    said = None if given is None else columns.usual(given, ARRIVAL)
    return None if said is None else said.drafts(ARRIVAL)


@given(st.lists(ITEMS | st.just(GOOD_ITEM) | st.just(PLAIN_ITEM), min_size=1, max_size=4))
@example([PLAIN_ITEM, GOOD_ITEM])
@settings(max_examples=400)
def test_a_batch_that_goes_by_columns_is_what_the_short_way_makes_of_each(items: list[dict[str, Any]]) -> None:
    raws = [json.dumps({**item, "id": f"e-{number}"}).encode() for number, item in enumerate(items)]

    drafts = by_columns(raws)

    assert drafts is None or drafts == [quick.native(raw, index, ARRIVAL) for index, raw in enumerate(raws)]
    assert drafts is None or values_by_columns(raws) == [value_of(one, "shop", ACME, PERSON) for one in drafts]


@pytest.mark.parametrize("change", [
    {"time": "2026-03-10T12:30:00.1234Z"}, {"time": "2026-03-10T12:30:00,123Z"}, {"time": "2026-03-10T12:30:00.1+00"},
    {"time": "2026-03-10T12:30:61Z"}, {"time": "2026-03-11T12:30:00Z"}, {"time": "2026-03-01T12:30:00Z"},
    {"time": "1969-12-31T23:59:59Z"}, {"id": "a@b.example"}, {"id": "x" * 129}, {"id": "注文"}, {"id": ""},
    {"account": None, "user": None}, {"account": "!x"}, {"user": "\x00"}, {"source": "other"}, {"other": 1},
    {"data": {"name": "a@b.example"}}, {"data": {"name": "x", "count": 0}}, {"data": {"name": "x", "other": 1}},
    {"data": {"name": "x", "properties": {"a": [[]]}}}, {"data": {"name": "x", "properties": {"a": {"b": 1}}}},
    {"data": {"name": "x", "properties": {"a": '"'}}},
])  # fmt: skip
def test_one_odd_item_sends_its_batch_to_be_taken_one_by_one(change: dict[str, Any]) -> None:
    odd = {name: value for name, value in {**PLAIN_ITEM, **change}.items() if value is not None}

    assert by_columns([json.dumps(one).encode() for one in (PLAIN_ITEM, odd)]) is None


def test_a_key_twice_sends_a_batch_to_be_taken_one_by_one() -> None:
    plain = json.dumps(PLAIN_ITEM).encode()

    for again in (plain.replace(b'"user"', b'"user": "v", "user"'), plain.replace(b'"ok"', b'"rows": 1, "ok"')):
        assert by_columns([plain, again]) is None


def test_usage_like_most_goes_by_columns() -> None:
    items = [
        PLAIN_ITEM,
        {"id": "e-2", "type": "usage.tracked", "user": "使用者", "data": {"name": "signed.in"}},
        {**PLAIN_ITEM, "id": "e-3", "source": "shop", "backfill": True, "time": "2026-03-09T12:30:00.123Z"},
        {
            **PLAIN_ITEM,
            "id": "e-4",
            "data": {"name": "x", "count": 2, "properties": {"plan": "pro", "n": None, "色": "赤"}},
        },
    ]
    raws = [json.dumps(item).encode() for item in items]

    drafts = by_columns(raws)

    assert drafts == [quick.native(raw, index, ARRIVAL) for index, raw in enumerate(raws)]
    assert drafts[3].dropped == 1


def test_an_event_is_too_large_for_columns_if_it_may_be_too_large_for_the_limit() -> None:
    spaced = json.dumps(PLAIN_ITEM).encode().replace(b'"time":', b'"time":' + b" " * 400)
    plain = json.dumps(PLAIN_ITEM).encode()

    for items, taken in (([plain, spaced], False), ([plain, plain], True), ([plain] * 11, False)):
        body = b"[" + b",".join(items) + b"]"
        assert (columns.read(body, most=10, largest=800, least=1) is not None) == taken


@pytest.mark.parametrize("form", ["{}Z", "{}.123Z", "{}.123456Z", "{}+00:00", "{}.123+00:00", "{}.123456+00:00"])
def test_times_in_any_usual_form_go_by_columns(form: str) -> None:
    items = [{**PLAIN_ITEM, "time": form.format(f"2026-03-10T12:29:{second}")} for second in (10, 59)]
    raws = [json.dumps(item).encode() for item in items]

    drafts = by_columns(raws)

    assert drafts == [quick.native(raw, index, ARRIVAL) for index, raw in enumerate(raws)]


def test_usage_that_only_speaks_of_usage_is_read_item_by_item() -> None:
    named = {**PLAIN_ITEM, "data": {"name": "usage.tracked"}}

    assert by_columns([json.dumps(named).encode()]) is None


def test_what_comes_most_goes_the_short_way() -> None:
    item = quick.native(json.dumps(GOOD_ITEM).encode(), 0, ARRIVAL)
    call = quick.track(json.dumps(GOOD_CALL).encode(), 0, SENT)

    assert item is not None
    assert call is not None


def test_the_log_gets_the_bytes_that_the_model_would_write() -> None:
    draft = quick.native(json.dumps(GOOD_ITEM).encode(), 0, ARRIVAL)
    assert draft is not None

    value = value_of(draft, "shop", AccountId("acme"), PERSON)

    assert parse(CUSTOMER_EVENTS, value).to_bytes() == value


def same(short: Draft, long: object) -> bool:
    """Whether both are one draft, whose bytes are those that the event's model writes."""
    assert isinstance(long, Draft), long
    value = value_of(short, "shop", short.account or AccountId("acme"), PERSON)
    event = parse(CUSTOMER_EVENTS, value)
    again = TYPES[event.type].model_validate_json(event.to_bytes())
    assert event == again
    assert json.loads(event.to_bytes()) == json.loads(value)
    fields = [name for name in Draft.__struct_fields__ if name != "data"]
    assert [getattr(short, name) for name in fields] == [getattr(long, name) for name in fields]
    assert json.loads(short.data) == json.loads(long.data)
    return True
