"""How requests are taken apart: one bad item never costs another."""

import json
from typing import Any

import pytest

from cskit.errors import DomainError
from ingest import bodies
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
