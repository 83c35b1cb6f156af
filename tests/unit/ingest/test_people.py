"""What is said of a person in our own form: taken whole or refused with its place, whatever else is in the request."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csmodels.customer import ContactDescription
from ingest.domain import columns, native, posthog, quick, segment
from ingest.domain.drafts import Arrival, Draft, Refusal
from ingest.domain.fields import FIELDS
from ingest.domain.people import Person

ARRIVAL: Final = Arrival("shop", datetime(2026, 3, 10, 12, 30, tzinfo=UTC), b"k" * 32)
SHAPES: Final = (
    *("Hana", "赤城", "h@example.com", "h@", "@h", "JP", "jp", "Japan", "ja", "en-US", "e"),
    *("Asia/Tokyo", "Asia.Tokyo", "sponsor", "usage.tracked"),
)
LONG: Final = ("a b@c", "Tokyo time", "a\nb", "x" * 256, "x" * 257, f"{'x' * 318}@y", f"{'x' * 319}@y")
VALUES: Final = st.sampled_from([*SHAPES, *LONG]) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
SAID: Final = st.dictionaries(st.sampled_from(FIELDS["contact.described"]), VALUES)
USAGE: Final = b'{"id": "u", "type": "usage.tracked", "user": "u-1", "data": {"name": "report"}}'


def contact(data: dict[str, Any]) -> bytes:
    return json.dumps({"id": "e-1", "type": "contact.described", "user": "u-1", "data": data}).encode()


@pytest.mark.parametrize(
    ("field", "value", "advice"),
    [
        ("name", "Ha\nna", "it should have 1 to 256 characters, none a control character such as a line break."),
        ("name", "", "it should have 1 to 256 characters, none a control character such as a line break."),
        ("name", 17, "it should be a valid string."),
        ("email", "hana", 'it should be an e-mail address, such as hana@example.com: one "@", no space.'),
        ("email", "x" * 310 + "@example.com", "it should have at most 320 characters."),
        ("country", "Japan", "it should be a country of ISO 3166-1: two capital letters, such as JP."),
        ("locale", "日本語", "it should be a language, with a country if you like, such as ja or en-US."),
        ("time_zone", "Tokyo time", "it should be the name of a time zone, such as Asia/Tokyo."),
        ("consent", "yes", "it should be a valid boolean."),
    ],
)
def test_a_malformed_field_of_a_person_refuses_its_event_and_says_what_would_do(
    field: str, value: object, advice: str
) -> None:
    refused = native.draft(contact({"role": "sponsor", field: value}), 3, ARRIVAL)

    message = f"data.{field} is refused: {advice}"
    assert refused == Refusal(3, "e-1", "invalid_field", f"data.{field}", message)


@given(SAID)
@example({"name": "Hana", "email": "h@example.com", "country": "JP"})
def test_what_is_said_of_a_person_is_taken_whole_or_refused_for_one_of_its_fields(said: dict[str, Any]) -> None:
    found = native.draft(contact(said), 0, ARRIVAL)

    if isinstance(found, Refusal):
        assert found.field.removeprefix("data.") in said
    else:
        assert {**json.loads(found.data), **found.person} == said
        assert not {"name", "email", "country"} & json.loads(found.data).keys()


@given(SAID, st.integers(0, 9))
def test_no_short_way_takes_what_is_said_of_a_person_so_that_it_is_judged_in_one_place(
    said: dict[str, Any], at: int
) -> None:
    items = [USAGE] * 9
    items.insert(at, contact(said))

    assert quick.native(items[at], at, ARRIVAL) is None
    assert columns.read(b"[" + b",".join(items) + b"]", most=10, largest=100_000) is None


@given(SAID)
def test_an_sdks_call_is_taken_with_what_our_own_form_would_take(said: dict[str, Any]) -> None:
    item = {"type": "identify", "messageId": "e-1", "userId": "u-1", "traits": said}

    call = segment.draft(item, b"{}", 0, ARRIVAL)
    ours = native.draft(contact(said), 0, ARRIVAL)

    assert isinstance(call, Draft)
    assert (call.left_out is None) == isinstance(ours, Draft)
    if isinstance(ours, Draft):
        assert (call.data, call.person, call.dropped) == (ours.data, ours.person, 0)


def test_every_field_of_a_person_goes_to_the_directory_or_onto_the_log() -> None:
    assert {*FIELDS["contact.described"]} == Person.model_fields.keys() | ContactDescription.model_fields.keys()


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"event": "$set", "properties": {"$set": {"country": "Japan"}}}, "country"),
        ({"event": "$groupidentify", "properties": {
            "$group_type": "company", "$group_key": "acme", "$group_set": {"seats": "many"}}}, "seats"),
    ],
)  # fmt: skip
def test_a_trait_that_posthog_sent_is_told_by_its_own_name(event: dict[str, Any], field: str) -> None:
    found = segment.draft(posthog.call_of({"uuid": "e-1", "distinct_id": "u-1", **event}), b"{}", 0, ARRIVAL)

    assert isinstance(found, Draft)
    assert found.left_out is not None
    named, message = posthog.told(*found.left_out)
    assert (named, message.startswith(f"{field} is left out: it should ")) == (field, True)
