"""How requests are taken apart: one bad item never costs another."""

import json
from typing import Any

import pytest

from cskit.errors import DomainError
from ingest import bodies
from ingest.domain import strictness
from ingest.domain.drafts import Refusal
from ingest.domain.posthog import call_of

GOOD = {"event": "x", "uuid": "good", "distinct_id": "u-1", "properties": {"$groups": {"company": "acme"}}}
HOSTILE = ['{"event": "x", "properties": {"n": 1e999}}', '{"n": ' + "9" * 5000 + "}", '{"event": NaN}']


@pytest.mark.parametrize("bad", HOSTILE)
def test_a_posthog_event_that_is_no_json_costs_only_itself(bad: str) -> None:
    given = bodies.posthog(f'{{"api_key": "k", "batch": [{bad}, {json.dumps(GOOD)}]}}'.encode())

    assert given.calls.write_key == "k"
    assert json.loads(given.calls.items[1])["messageId"] == "good"
    assert given.uuids == [None, "good"]


def test_a_uuid_that_nothing_can_write_is_no_uuid() -> None:
    given = bodies.posthog(b'{"batch": [{"event": "x", "uuid": "\\ud800", "distinct_id": "u"}]}')

    assert given.uuids == [None]


def test_an_event_of_posthog_may_come_alone_with_its_key() -> None:
    given = bodies.posthog(json.dumps({**GOOD, "api_key": "k"}).encode())

    assert given.calls.write_key == "k"
    assert len(given.calls.items) == 1


def test_what_posthog_moves_from_elsewhere_is_of_the_past() -> None:
    assert bodies.posthog(b'{"batch": [], "historical_migration": true}').calls.backfill
    assert not bodies.posthog(b'{"batch": []}').calls.backfill


@pytest.mark.parametrize("bad", HOSTILE)
def test_a_cloudevent_that_is_no_json_costs_only_itself(bad: str) -> None:
    good = {"specversion": "1.0", "id": "1", "source": "shop", "type": "usage.tracked", "subject": "acme", "data": {}}

    items = bodies.cloudevents(f"[{bad}, {json.dumps(good)}]".encode(), {}, "shop")

    assert isinstance(items[0], Refusal)
    assert json.loads(items[1]) == {"id": "1", "type": "usage.tracked", "account": "acme", "data": {}}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("backfill", "taken"), [(True, True), ("true", True), ("false", False), (1, None), ("1", None)]
)
def test_backfill_of_a_cloudevent_is_true_or_false(backfill: Any, taken: bool | None) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "shop", "type": "x", "backfill": backfill}

    (item,) = bodies.cloudevents(json.dumps(event).encode(), {}, "shop")

    assert isinstance(item, Refusal) if taken is None else json.loads(item)["backfill"] is taken  # type: ignore[arg-type]


@pytest.mark.parametrize("first", ["{broken", '{"id": NaN}', "\ufeff{broken", '{"id": "0"}'])
def test_lines_are_lines_whatever_the_first_of_them_is(first: str) -> None:
    items = bodies.native(f'{first}\n{{"id": "1"}}\n\n{{"id": "2"}}\n'.encode())

    assert len(items) == 3
    assert [json.loads(item)["id"] for item in items[1:]] == ["1", "2"]


def test_an_object_over_many_lines_is_one_event() -> None:
    assert len(bodies.native(json.dumps({"id": "1", "data": {"a": [1, 2]}}, indent=2).encode())) == 1


def test_a_byte_order_mark_costs_nothing() -> None:
    assert bodies.native(b'\xef\xbb\xbf{"events": [{"id": "1"}]}') == [b'{"id": "1"}']


TWICE = '{"event": "x", "properties": {"a": 1, "a": 2}}'


@pytest.mark.parametrize("beside", ["1", "NaN"])  # NaN: the body is read by Python's own reader
def test_an_item_with_a_key_twice_costs_only_itself(beside: str) -> None:
    native = bodies.native(f'{{"events": [{TWICE}, {{"n": {beside}}}, {{"n": 1}}]}}'.encode())
    segment = bodies.segment(f'{{"batch": [{TWICE}, {{"n": {beside}}}, {{"n": 1}}]}}'.encode())
    posthog = bodies.posthog(f'{{"batch": [{TWICE}, {{"n": {beside}}}, {json.dumps(GOOD)}]}}'.encode())
    cloudevents = bodies.cloudevents(f'[{TWICE}, {{"n": {beside}}}, {{"n": 1}}]'.encode(), {}, "shop")

    for items in (native, segment.items):
        refused = strictness.refusal(items[0], 0)  # type: ignore[arg-type]
        assert refused is not None
        assert refused.field == "properties.a"
        assert json.loads(items[2]) == {"n": 1}  # type: ignore[arg-type]
    for given in (posthog.calls.items, cloudevents):
        assert isinstance(given[0], Refusal)
        assert (given[0].code, given[0].field) == ("duplicate_key", "properties.a")
    assert isinstance(posthog.calls.items[2], bytes)
    assert posthog.uuids == [None, None, "good"]


@pytest.mark.parametrize("more", ["", ', "n": NaN'])
def test_one_event_on_its_own_is_refused_as_an_item(more: str) -> None:
    body = f'{{"a": 1, "a": 2{more}}}'.encode()

    (native,) = bodies.native(body)
    (single,) = bodies.single(body, "track").items
    (posthog,) = bodies.posthog(body).calls.items
    (structured,) = bodies.cloudevents(body, {}, "shop")

    refusals = [strictness.refusal(native, 0), single, posthog, structured]
    assert all(isinstance(one, Refusal) for one in refusals)
    assert {one.code for one in refusals} == {"not_json" if more else "duplicate_key"}  # type: ignore[union-attr]


def test_data_of_a_cloudevent_in_binary_mode_is_an_item_too() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "usage.tracked"}

    (item,) = bodies.cloudevents(b'{"name": "x", "name": "y"}', headers, "shop")

    assert isinstance(item, Refusal)
    assert (item.code, item.field) == ("duplicate_key", "data.name")


@pytest.mark.parametrize("more", ["", ', "n": NaN'])
def test_a_key_twice_around_the_events_refuses_the_request(more: str) -> None:
    for read, name in ((bodies.native, "events"), (bodies.segment, "batch"), (bodies.posthog, "batch")):
        with pytest.raises(DomainError) as refused:
            read(f'{{"{name}": [{{"n": 1}}], "{name}": []{more}}}'.encode())

        assert (refused.value.status, refused.value.code, refused.value.field) == (400, "duplicate_key", name)


def test_a_list_of_events_in_a_crowd_of_fields_is_refused() -> None:
    crowd = {"events": [], **{str(number): number for number in range(1000)}}

    with pytest.raises(DomainError) as refused:
        bodies.native(json.dumps(crowd).encode())

    assert refused.value.code == "too_many_fields"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"events":[' + b"[" * 50_000 + b"]" * 50_000 + b"]}"])
def test_a_body_too_deep_to_be_read_is_refused_as_that(body: bytes) -> None:
    with pytest.raises(DomainError) as refused:
        bodies.native(body)

    assert (refused.value.status, refused.value.code) == (400, "too_deep")


@pytest.mark.parametrize("body", [b"", b"7", b'"x"', b"[", b"{"])
def test_what_is_no_body_is_refused(body: bytes) -> None:
    for read in (bodies.native, bodies.segment, bodies.posthog, lambda given: bodies.cloudevents(given, {}, "shop")):
        with pytest.raises(DomainError) as refused:
            read(body)
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("event", "call"),
    [
        (
            {"event": "$identify", "distinct_id": "u", "properties": {"$set": {"a": 1}, "$anon_distinct_id": "v"}},
            {"type": "identify", "userId": "u", "anonymousId": "v", "traits": {"a": 1}},
        ),
        (
            {"event": "$create_alias", "distinct_id": "old", "properties": {"distinct_id": "old", "alias": "new"}},
            {"type": "alias", "userId": "new", "previousId": "old"},
        ),
        (
            {
                "event": "$groupidentify",
                "distinct_id": "$company_acme",
                "properties": {"$group_type": "company", "$group_key": "acme", "$group_set": {"plan": "gold"}},
            },
            {"type": "group", "groupId": "acme", "traits": {"plan": "gold"}},
        ),
        (
            {"event": "$screen", "distinct_id": "u", "properties": {"$screen_name": "x", "n": 1}},
            {"type": "screen", "userId": "u", "properties": {"n": 1}},
        ),
        (
            {"event": "x", "distinct_id": "v", "properties": {"$process_person_profile": False}},
            {"type": "track", "event": "x", "anonymousId": "v", "properties": {}},
        ),
        ({"event": "$autocapture", "distinct_id": "u"}, {"type": "$autocapture", "userId": "u"}),
    ],
)
def test_posthogs_events_are_segments_calls(event: Any, call: Any) -> None:
    made = call_of(event)

    assert isinstance(made, dict)
    assert {name: value for name, value in made.items() if value is not None} == call
