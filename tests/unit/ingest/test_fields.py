"""Fields that an event's type does not have: what is said of them, and that no way passes over them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from csmodels.catalogue import parse
from csmodels.topics import CUSTOMER_EVENTS
from ingest.domain import columns, native, quick, segment
from ingest.domain.drafts import Arrival, Draft, Refusal
from ingest.domain.fields import FIELDS
from ingest.domain.imports.kinds import SHAPES
from ingest.domain.wire import value_of

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
ARRIVAL = Arrival("shop", NOW, b"k" * 32)
BESIDE_DATA = {"account", "user", "time"}


def raw(type_: str, data: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"id": "e-1", "type": type_, "account": "acme", "user": "u-1", "data": data, **more}).encode()


def refusal_of(type_: str, data: dict[str, Any]) -> Refusal:
    found = native.draft(raw(type_, data), 0, ARRIVAL)
    assert isinstance(found, Refusal)
    return found


@pytest.mark.parametrize(
    ("type_", "name", "says"),
    [
        ("contract.changed", "mmr", "contract.changed has no field mmr. Did you mean mrr?"),
        ("contract.changed", "MRR", "contract.changed has no field MRR. Did you mean mrr?"),
        ("contract.changed", "startsOn", "contract.changed has no field startsOn. Did you mean starts_on?"),
        ("signal.seen", "colour", "signal.seen has no field colour. It has kind, topic."),
        ("invoice.changed", "account", "invoice.changed has no field account: it stands beside data, not in it."),
        ("contact.described", "firstName", "contact.described has no field firstName. Did you mean name?"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_what_to_do(type_: str, name: str, says: str) -> None:
    refused = refusal_of(type_, {name: 1})

    assert (refused.id, refused.code, refused.field, refused.message) == ("e-1", "unknown_field", f"data.{name}", says)


@pytest.mark.parametrize("name", ["hana@example.com", "名前", "x" * 65, "a\nb", ""])
def test_a_name_that_may_be_anything_is_not_repeated(name: str) -> None:
    refused = refusal_of("signal.seen", {"kind": "deal", name: 1})

    assert refused.field == "data.?"
    assert refused.message == "signal.seen has no field ?. It has kind, topic."


def test_a_field_whose_name_is_wrong_is_not_said_to_be_missing() -> None:
    assert refusal_of("contract.changed", {"contrakt": "C-1"}).field == "data.contrakt"


@pytest.mark.parametrize("name", ["other", "Name", "proporties"])
def test_usage_with_an_unknown_field_takes_no_short_way(name: str) -> None:
    odd, usual = (raw("usage.tracked", {"name": "x", **more}) for more in ({name: 1}, {}))

    assert quick.native(odd, 0, ARRIVAL) is None
    assert quick.native(usual, 0, ARRIVAL) is not None
    for item, goes in ((odd, False), (usual, True)):
        body = b"[" + b",".join([usual] * 9 + [item]) + b"]"
        assert (columns.read(body, most=10, largest=10_000) is not None) == goes


def test_properties_and_custom_have_any_keys() -> None:
    for type_, data in (("usage.tracked", {"name": "x", "properties": {"mmr": 1}}),
                        ("account.described", {"custom": {"mmr": 1}})):  # fmt: skip
        assert isinstance(native.draft(raw(type_, data), 0, ARRIVAL), Draft)


def test_attributes_beside_data_that_nobody_knows_are_passed_over() -> None:
    item = raw("contract.changed", {"contract": "C-1"}, extension="x")

    assert isinstance(native.draft(item, 0, ARRIVAL), Draft)
    assert quick.native(raw("usage.tracked", {"name": "x"}, extension="x"), 0, ARRIVAL) is not None


def test_a_reader_of_the_log_passes_over_what_a_newer_writer_says() -> None:
    draft = native.draft(raw("contract.changed", {"contract": "C-1"}), 0, ARRIVAL)
    assert isinstance(draft, Draft)
    event = json.loads(value_of(draft, "shop", draft.account, None))  # type: ignore[arg-type]

    newer = json.dumps({**event, "data": {**event["data"], "mmr": 1}}).encode()

    assert parse(CUSTOMER_EVENTS, newer).to_bytes() == json.dumps(event, separators=(",", ":")).encode()


@pytest.mark.parametrize("kind", SHAPES)
def test_whatever_a_column_of_a_file_may_be_is_a_field_of_its_event(kind: Any) -> None:
    shape = SHAPES[kind]
    fields = {field.name for field in shape.fields} - BESIDE_DATA | ({shape.free} if shape.free else set())

    assert fields <= set(FIELDS[shape.type])


def test_a_leap_second_is_refused_by_its_name() -> None:
    call = {"type": "track", "userId": "u-1", "event": "x", "messageId": "m-1", "timestamp": "2026-03-09T23:59:60Z"}
    event = raw("usage.tracked", {"name": "x"}, time="2026-03-09T23:59:60Z")

    by_call = segment.draft(call, json.dumps(call).encode(), 0, ARRIVAL)
    by_event = native.draft(event, 0, ARRIVAL)

    for refused, field in ((by_call, "timestamp"), (by_event, "time")):
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.field) == ("invalid_field", field)
        assert "leap second" in refused.message
