"""A field that an event's type does not have, or a person cannot: its event is refused, whatever way it came, and no
other is.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import pytest

from ingest.domain.fields import FIELDS

# type -> data that is taken, a field that is wrong in it, and what the refusal says of that
TYPES: Final[Mapping[str, tuple[dict[str, Any], str, str]]] = {
    "usage.tracked": ({"name": "report"}, "propertys", "Did you mean properties?"),
    "account.described": ({"name": "Acme"}, "timeZone", "Did you mean time_zone?"),
    "contact.described": ({"role": "sponsor", "name": "Hana", "email": "h@example.com"}, "mail", "Did you mean email?"),
    "ticket.changed": ({"ticket": "T-1"}, "severty", "Did you mean severity?"),
    "contract.changed": ({"contract": "C-1", "mrr": "10"}, "mmr", "Did you mean mrr?"),
    "invoice.changed": ({"invoice": "I-1"}, "amonut", "Did you mean amount?"),
    "touch.recorded": ({"kind": "call", "direction": "in"}, "text", "Did you mean text_ref?"),
    "voice.recorded": ({"sentiment": 1}, "Role", "Did you mean role?"),
    "milestone.reached": ({"milestone": "live"}, "when", "It has milestone."),
    "signal.seen": ({"kind": "deal"}, "user", "it stands beside data, not in it."),
}
Body = tuple[str, bytes, dict[str, str]]


def cloudevent(item: Mapping[str, Any]) -> dict[str, Any]:
    said = {("subject" if name == "account" else name): value for name, value in item.items()}
    return {"specversion": "1.0", "source": "product", "extension": "x", **said}


def as_list(items: Sequence[Mapping[str, Any]]) -> Body:
    return "/v1/events", json.dumps(items).encode(), {}


def as_object(items: Sequence[Mapping[str, Any]]) -> Body:
    return "/v1/events", json.dumps({"events": items}).encode(), {}


def as_lines(items: Sequence[Mapping[str, Any]]) -> Body:
    return "/v1/events", "\n".join(map(json.dumps, items)).encode(), {}


def as_cloudevents(items: Sequence[Mapping[str, Any]]) -> Body:
    return "/v1/cloudevents", json.dumps([cloudevent(item) for item in items]).encode(), {}


def alone(items: Sequence[Mapping[str, Any]]) -> Body:
    return "/v1/events", json.dumps(items[0]).encode(), {}


def structured(items: Sequence[Mapping[str, Any]]) -> Body:
    return "/v1/cloudevents", json.dumps(cloudevent(items[0])).encode(), {}


def binary(items: Sequence[Mapping[str, Any]]) -> Body:
    said = cloudevent(items[0])
    data = json.dumps(said.pop("data")).encode()
    return "/v1/cloudevents", data, {f"ce-{name}": value for name, value in said.items()}


def item(id_: str, type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": id_, "type": type_, "account": "acme", "user": "u-1", "data": data}


USUAL: Final = [item(f"e-{number}", "usage.tracked", {"name": "report"}) for number in range(10)]


async def post(ingest: Any, body: Body) -> dict[str, Any]:
    path, content, headers = body
    response: httpx.Response = await ingest.client.post(path, content=content, headers=headers)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_every_type_that_clients_may_send_is_tried() -> None:
    assert TYPES.keys() == FIELDS.keys()


@pytest.mark.parametrize("sent_as", [as_list, as_object, as_lines, as_cloudevents])
@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("beside", [2, 10])  # too few to be read by columns, and enough
async def test_an_unknown_field_refuses_its_event_alone(
    ingest: Any, type_: str, sent_as: Callable[[Sequence[Mapping[str, Any]]], Body], beside: int
) -> None:
    data, wrong, says = TYPES[type_]
    odd, right = item("odd", type_, {**data, wrong: None}), item("right", type_, data)
    others = USUAL[:beside]
    await ingest.post(item("first", "usage.tracked", {"name": "report"}))  # who it is is known from now on

    answer = await post(ingest, sent_as([*others[:1], odd, right, *others[1:]]))

    refused = answer["items"].pop(1)
    assert (refused["id"], refused["status"], refused["code"]) == ("odd", "refused", "unknown_field")
    assert refused["field"] == f"data.{wrong}"
    assert refused["message"].startswith(f"{type_} has no field {wrong}")
    assert refused["message"].endswith(says)
    assert {one["status"] for one in answer["items"]} == {"accepted"}
    stored = {event["id"] for event in await ingest.events()}
    assert stored == {"first", "right", *(one["id"] for one in others)}


@pytest.mark.parametrize("sent_as", [alone, structured, binary])
@pytest.mark.parametrize("type_", TYPES)
async def test_an_event_that_comes_alone_is_refused_for_it_too(
    ingest: Any, type_: str, sent_as: Callable[[Sequence[Mapping[str, Any]]], Body]
) -> None:
    data, wrong, _ = TYPES[type_]

    refused = await post(ingest, sent_as([item("odd", type_, {**data, wrong: 1})]))
    taken = await post(ingest, sent_as([item("right", type_, data)]))

    assert [(one["code"], one["field"]) for one in refused["items"]] == [("unknown_field", f"data.{wrong}")]
    assert [one["status"] for one in taken["items"]] == ["accepted"]
    assert [event["id"] for event in await ingest.events()] == ["right"]


@pytest.mark.parametrize("sent_as", [as_list, as_object, as_lines, as_cloudevents])
@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "a\nb"), ("email", "hana"), ("country", "Japan"), ("locale", "日本語"), ("time_zone", "Tokyo time")],
)
async def test_a_malformed_field_of_a_person_refuses_its_event_alone(
    ingest: Any, field: str, value: str, sent_as: Callable[[Sequence[Mapping[str, Any]]], Body]
) -> None:
    data = {"name": "Hana", "email": "hana@example.com"}
    odd, right = (
        item(id_, "contact.described", said) for id_, said in (("odd", {**data, field: value}), ("right", data))
    )

    answer = await post(ingest, sent_as([USUAL[0], odd, right, *USUAL[1:]]))

    refused = answer["items"].pop(1)
    assert (refused["id"], refused["status"], refused["code"]) == ("odd", "refused", "invalid_field")
    assert refused["field"] == f"data.{field}"
    assert refused["message"].startswith(f"data.{field} is refused: it should ")
    assert {one["status"] for one in answer["items"]} == {"accepted"}
    assert "odd" not in {event["id"] for event in await ingest.events()}
