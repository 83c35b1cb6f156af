import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from csmodels import catalogue, topics
from csmodels.catalogue import CLIENT_TYPES, TOPIC_OF, TYPES, parse, parse_customer_event, parse_data
from csmodels.customer import AccountDescribed, AccountDescription, Contract, ContractChanged, UsageTracked
from csmodels.errors import InvalidEvent
from csmodels.examples import EXAMPLES, OTHER, PERSON, PREVIOUS, message
from csmodels.health import PreviousHealth
from csmodels.ids import AccountId, EventId, PersonId
from csmodels.internal import ClockTicked, ContactMerged, Merge, Tick

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def refused(type_: str, data: Any = None, topic: str | None = None, **envelope: Any) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        parse(topic or TOPIC_OF[type_], json.dumps(message(type_, data, **envelope)).encode())
    return caught.value


def accepted(type_: str, data: Any = None, **envelope: Any) -> Any:
    return parse(TOPIC_OF[type_], json.dumps(message(type_, data, **envelope)).encode())


def test_every_event_type_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(TYPES)
    assert set(TOPIC_OF) == set(TYPES)
    assert set(TOPIC_OF.values()) == {topics.CUSTOMER_EVENTS, topics.HEALTH_EVENTS, topics.PLAYBOOK_EVENTS}
    assert CLIENT_TYPES.issubset(TYPES)


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
def test_an_event_is_written_as_it_was_read(type_: str) -> None:
    raw = message(type_)

    event = accepted(type_)

    assert json.loads(event.to_bytes()) == raw
    assert type(event) is TYPES[type_]
    again = parse(TOPIC_OF[type_], event.to_bytes(), event.key)
    assert again == event
    assert again.model_fields_set == event.model_fields_set
    assert again.data.model_fields_set == event.data.model_fields_set


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
def test_a_field_that_a_newer_writer_adds_is_ignored(type_: str) -> None:
    event = accepted(type_, {**EXAMPLES[type_], "invented_later": {"a": [1]}}, extension="x")

    assert event == accepted(type_)


@pytest.mark.parametrize("type_", sorted(EXAMPLES))
@pytest.mark.parametrize("field", ["specversion", "id", "source", "subject", "time", "receivedtime", "data", "type"])
def test_an_envelope_field_cannot_be_missing(type_: str, field: str) -> None:
    missing: dict[str, Any] = {field: ...}
    error = refused(type_, **missing)

    assert (error.code, error.field) == ("missing_field", field)
    assert field in error.message


def test_absent_means_unchanged_and_null_means_cleared() -> None:
    data = accepted("account.described", {"plan": None, "seats": 3}).data

    assert data.model_fields_set == {"plan", "seats"}
    assert data.patch() == {"plan": None, "seats": 3}


def test_a_producer_writes_only_what_it_set() -> None:
    event = AccountDescribed(
        id=EventId("e"), source="app", subject=AccountId("acme"), time=AT, receivedtime=AT,
        data=AccountDescription(name="Acme", owner=None),
    )  # fmt: skip

    written = json.loads(event.to_bytes())

    assert written["data"] == {"name": "Acme", "owner": None}
    assert set(written) == {"specversion", "id", "source", "type", "subject", "time", "receivedtime", "data"}
    assert written["time"] == "2026-03-01T09:00:00Z"


def test_optional_envelope_fields_are_written_only_if_they_say_something() -> None:
    silent = accepted("usage.tracked", personid=None, clamped=False, backfill=False)
    loud = accepted("usage.tracked", personid=PERSON, clamped=True, backfill=True)

    assert not {"personid", "clamped", "backfill"} & set(json.loads(silent.to_bytes()))
    assert {"personid", "clamped", "backfill"} <= set(json.loads(loud.to_bytes()))


def test_a_control_record_has_the_control_key() -> None:
    tick = ClockTicked(id=EventId("t"), source="clock", time=AT, receivedtime=AT, data=Tick(hour=AT))

    assert tick.is_control
    assert tick.key == b"!control"
    assert parse_customer_event(tick.to_bytes(), b"!control") == tick
    assert refused("clock.ticked", subject="acme").code == "wrong_key"
    assert refused("usage.tracked", subject="!control").field == "subject"


def test_a_tick_names_a_full_hour() -> None:
    assert refused("clock.ticked", {"hour": "2026-03-01T09:30:00Z"}).field == "data.hour"


def test_a_key_that_is_not_the_subject_is_refused() -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(topics.CUSTOMER_EVENTS, json.dumps(message("usage.tracked")).encode(), b"globex")

    assert caught.value.code == "wrong_key"
    assert refused("account.erased", {"account": "globex"}).code == "wrong_key"


def test_a_merge_speaks_of_from_and_into() -> None:
    event = ContactMerged(
        id=EventId("e"), source="app", subject=AccountId("acme"), time=AT, receivedtime=AT,
        data=Merge(from_=PersonId(PERSON), into=PersonId(OTHER)),
    )  # fmt: skip

    assert json.loads(event.to_bytes())["data"] == {"from": PERSON, "into": OTHER}
    assert refused("contact.merged", {"from": PERSON, "into": PERSON}).code == "invalid_field"


def test_a_severity_given_as_text_is_refused() -> None:
    error = refused("ticket.changed", {"ticket": "7", "severity": "1"})

    assert (error.code, error.field) == ("invalid_field", "data.severity")
    assert error.message == "data.severity is refused: it should be a valid integer."


@pytest.mark.parametrize(
    ("type_", "field", "value"),
    [
        ("usage.tracked", "count", "3"),
        ("usage.tracked", "count", 0),
        ("usage.tracked", "count", 1.0),
        ("usage.tracked", "count", True),
        ("usage.tracked", "name", "kim@example.com"),
        ("usage.tracked", "name", ""),
        ("usage.tracked", "name", None),
        ("usage.tracked", "properties", []),
        ("account.described", "seats", -1),
        ("account.described", "owner", "kim@example.com"),
        ("account.described", "parent", "!x"),
        ("account.described", "country", "Japan"),
        ("account.described", "currency", "yen"),
        ("contact.described", "role", "boss"),
        ("contact.described", "consent", 1),
        ("ticket.changed", "severity", 5),
        ("ticket.changed", "severity", 0),
        ("ticket.changed", "severity", True),
        ("ticket.changed", "csat", 6),
        ("ticket.changed", "ticket", None),
        ("ticket.changed", "ticket", 7),
        ("ticket.changed", "status", "Open"),
        ("ticket.changed", "topic", "Slow Pages"),
        ("ticket.changed", "text_ref", "the pages are slow"),
        ("ticket.changed", "opened_at", 1767225600),
        ("ticket.changed", "opened_at", "1767225600"),
        ("ticket.changed", "opened_at", "2026-01-01"),
        ("ticket.changed", "opened_at", "2026-01-01T00:00:00"),
        ("ticket.changed", "opened_at", "0001-01-01T00:00:00+09:00"),
        ("contract.changed", "mrr", 1200.5),
        ("contract.changed", "mrr", 1200),
        ("contract.changed", "mrr", "1e3"),
        ("contract.changed", "mrr", "NaN"),
        ("contract.changed", "mrr", "1,200"),
        ("contract.changed", "mrr", "-1"),
        ("contract.changed", "mrr", "1200\n"),
        ("contract.changed", "starts_on", "2026-02-30"),
        ("contract.changed", "starts_on", 20000),
        ("contract.changed", "starts_on", "2026-01-01T00:00:00Z"),
        ("contract.changed", "auto_renew", "yes"),
        ("invoice.changed", "amount", 12),
        ("voice.recorded", "sentiment", 3),
        ("voice.recorded", "sentiment", "2"),
        ("milestone.reached", "milestone", "Erster Bericht"),
        ("override.set", "points", 10.5),
        ("override.set", "points", "5"),
        ("health.changed", "score", 100.1),
        ("health.changed", "band", "blue"),
        ("task.created", "status", "done"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_by_name(type_: str, field: str, value: Any) -> None:
    error = refused(type_, {**EXAMPLES[type_], field: value})

    assert (error.code, error.field) == ("invalid_field", f"data.{field}")
    assert field in error.message
    assert "kim@example.com" not in error.message


@pytest.mark.parametrize("value", ["a@b.c", "x" * 65, None, [1], {"a": 1}, "a\nb"])
def test_a_property_is_a_number_a_boolean_or_a_short_text(value: Any) -> None:
    error = refused("usage.tracked", {"name": "x", "properties": {"key": value}})

    assert error.field == "data.properties.key"
    assert "a finite number, a boolean or a text" in error.message


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity"])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    raw = json.dumps(message("usage.tracked", {"name": "x", "properties": {"n": 123456}})).replace("123456", number)

    with pytest.raises(InvalidEvent):
        parse_customer_event(raw.encode())


def test_a_boolean_property_stays_a_boolean() -> None:
    properties = accepted("usage.tracked", {"name": "x", "properties": {"a": True, "b": 1, "c": 1.0}}).data.properties

    assert [type(value) for value in properties.values()] == [bool, int, float]


def test_a_refusal_never_repeats_a_personal_key() -> None:
    error = refused("usage.tracked", {"name": "x", "properties": {"kim@example.com": 1}})

    assert "kim" not in error.message + error.field


def test_money_is_exact() -> None:
    event = accepted("contract.changed", {"contract": "c", "mrr": "1200.50"})

    assert event.data.mrr == Decimal("1200.50")
    assert json.loads(event.to_bytes())["data"]["mrr"] == "1200.50"
    small = Contract(contract="c", mrr=Decimal("1E+3"), starts_on=date(2026, 1, 1))
    assert json.loads(small.model_dump_json())["mrr"] == "1000"


def test_a_contact_needs_a_person() -> None:
    assert refused("contact.described", personid=...).field == "personid"


@pytest.mark.parametrize("personid", ["kim", PERSON.upper(), 7, PERSON + "\n"])
def test_a_personid_is_a_uuid(personid: Any) -> None:
    assert refused("usage.tracked", personid=personid).field == "personid"


@pytest.mark.parametrize(
    ("kind", "score", "fits"),
    [
        ("nps", 0, True), ("nps", 10, True), ("nps", 11, False), ("nps", None, False), ("csat", 0, False),
        ("csat", 5, True), ("ces", 7, True), ("ces", 8, False), ("churn_reason", None, True),
        ("churn_reason", 1, False),
    ],
)  # fmt: skip
def test_a_survey_score_fits_its_kind(kind: str, score: int | None, fits: bool) -> None:
    data = {"survey": "s", "response": "r", "revision": 2, "kind": kind, "score": score}

    if fits:
        assert accepted("survey.answered", data).data.score == score
    else:
        assert refused("survey.answered", data).field == "data.score"


def test_an_answers_id_is_response_and_revision() -> None:
    assert refused("survey.answered", id="r:1").field == "id"
    assert refused("health.changed", id="acme:2").field == "id"


def test_the_health_of_an_account_with_the_longest_id_can_be_published() -> None:
    account = "x" * 128

    assert accepted("health.changed", id=f"{account}:1", subject=account).account_id == account


def test_a_time_far_beyond_its_receipt_is_refused() -> None:
    fine = accepted("usage.tracked", time="2026-03-01T09:05:00Z")

    error = refused("usage.tracked", time="2026-03-01T09:05:00.000001Z")

    assert fine.time == AT + timedelta(minutes=5)
    assert (error.code, error.field) == ("time_in_future", "time")


def test_times_are_normalised_to_utc() -> None:
    event = accepted("usage.tracked", time="2026-03-01T17:59:00.25+09:00")

    assert event.time == datetime(2026, 3, 1, 8, 59, 0, 250000, tzinfo=UTC)
    assert event.time.tzinfo is UTC
    assert b'"2026-03-01T08:59:00.250000Z"' in event.to_bytes()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"3", "not_an_object"),
        (b'"x"', "not_an_object"),
        (b"{}", "missing_field"),
        (b'{"type": "no.such"}', "unknown_type"),
        (b'{"type": 7}', "unknown_type"),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_a_code(raw: bytes, code: str) -> None:
    for topic in (topics.CUSTOMER_EVENTS, topics.PLAYBOOK_EVENTS):
        with pytest.raises(InvalidEvent) as caught:
            parse(topic, raw)
        assert caught.value.code == code


def test_an_event_of_another_topic_is_unknown_there() -> None:
    assert refused("run.started", topic=topics.CUSTOMER_EVENTS).code == "unknown_type"
    assert refused("run.started", topic=topics.HEALTH_EVENTS).code == "unknown_type"


def test_a_topic_without_events_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not a topic"):
        parse(topics.DEAD_LETTERS, b"{}")


def test_the_data_of_an_item_is_checked_on_its_own() -> None:
    data = parse_data("contract.changed", {"contract": "c", "starts_on": "2026-01-01", "mrr": "5"})

    assert isinstance(data, Contract)
    assert data.starts_on == date(2026, 1, 1)
    for bad, field in (({"contract": "c", "mrr": 5}, "data.mrr"), ({}, "data.contract"), ([], "data"), (None, "data")):
        with pytest.raises(InvalidEvent) as caught:
            parse_data("contract.changed", bad)
        assert caught.value.field == field
    with pytest.raises(InvalidEvent, match="no such event"):
        parse_data("no.such", {})


def test_an_event_cannot_be_changed() -> None:
    event = accepted("usage.tracked")

    with pytest.raises(ValidationError):
        event.subject = "globex"
    with pytest.raises(ValidationError):
        event.data.count = 3


def test_before_the_first_health_the_band_was_grey() -> None:
    assert PreviousHealth.before_first().model_dump(mode="json") == PREVIOUS


def test_a_naive_time_is_refused_from_python_too() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        ContractChanged(
            id=EventId("e"), source="s", subject=AccountId("a"), time=datetime(2026, 1, 1), receivedtime=AT,  # noqa: DTZ001
            data=Contract(contract="c"),
        )  # fmt: skip


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalogue.TYPES["x"] = UsageTracked  # type: ignore[index]
