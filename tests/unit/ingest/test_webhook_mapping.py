"""Mappings: what they refuse, with the line, and what their functions say."""

from typing import Any

import pytest

from ingest.domain.functions import MappingFailed, Reader
from ingest.domain.mapping import InvalidMapping, made_of, parse
from ingest.webhooks.reading import Unreadable, built_in, built_in_text, values_of

GOOD = """\
kind: json
items: events
rules:
  - when: kind == 'ticket'
    type: ticket.changed
    id: id
    account: company
    time: at
    data:
      ticket: nr
      status: lookup(state, '{"new":"open"}')
    text: words
"""


def value(expression: str, of: Any = None) -> Any:
    import jmespath

    return Reader().value(jmespath.compile(expression).parsed, of)


def test_a_mapping_makes_items_and_keeps_texts_apart() -> None:
    body = {"events": [{"kind": "ticket", "id": "e1", "company": 7, "nr": "T1", "state": "new", "words": "Help!"}, {}]}

    (made,) = made_of(parse(GOOD), body, "desk")

    ref = f"ingest/{made.text_id}"
    assert made.item == {
        "id": "e1",
        "type": "ticket.changed",
        "account": "7",
        "data": {"ticket": "T1", "status": "open", "text_ref": ref},
    }
    assert made.text == "Help!"


@pytest.mark.parametrize(
    ("was", "becomes", "line", "says"),
    [
        ("items: events", "items: @events", 2, "YAML"),
        ("items: events", "things: events", 2, "no field 'things'"),
        ("items: events", 'items: "\\UFFFFFFFF"', 2, "not YAML"),
        ("kind == 'ticket'", "kind == 'ticket", 4, "JMESPath"),
        ("ticket.changed", "clock.ticked", 5, "not one of"),
        ("    id: id\n", "", 4, "needs id"),
        ("    account: company\n", "", 4, "account or user"),
        ("ticket: nr", "ticket: [nr]", 10, "text on its own"),
        ("ticket: nr", "ticket: nope(nr", 10, "JMESPath"),
        ("ticket: nr", "ticket: " + "(" * 1500 + "a" + ")" * 400, 10, ""),
        ("ticket: nr", "ticket: " + "a" * 3000, 10, "more than 2000"),
        ("time: at", "time: &x at\n    user: *x", 9, "reference"),
        ("time: at", "id: at", 8, "twice"),
        ("text: words", "nulls: maybe", 12, "leave_out or send"),
        ("status: lookup", "statsu: lookup", 11, "ticket.changed has no field statsu. Did you mean status?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(was: str, becomes: str, line: int, says: str) -> None:
    with pytest.raises(InvalidMapping) as refused:
        parse(GOOD.replace(was, becomes, 1))

    assert refused.value.line == line
    assert says in refused.value.problem


@pytest.mark.parametrize("type_", ["usage.tracked", "milestone.reached", "signal.seen", "invoice.changed"])
def test_words_of_an_event_that_holds_none_are_refused(type_: str) -> None:
    data = {"usage.tracked": "name: nr", "milestone.reached": "milestone: nr", "signal.seen": "topic: nr"}
    text = GOOD.replace("ticket.changed", type_).replace("ticket: nr", data.get(type_, "invoice: nr"), 1)
    lines = [line for line in text.splitlines() if "status:" not in line]

    with pytest.raises(InvalidMapping, match="holds no text"):
        parse("\n".join(lines))


@pytest.mark.parametrize("text", ["", "[]", "- a", "a", "kind: x", "[" * 5000, "kind: json\n" + "#" * 70_000, "\x00"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(InvalidMapping):
        parse(text)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("money(`1050`, 'usd')", "10.50"),
        ("money(`1050`, 'JPY')", "1050"),
        ("money(`-1050`, 'kwd')", "-1.050"),
        ("money(missing, 'usd')", None),
        ("monthly(`12000`, 'usd', 'year', `1`)", "10.00"),
        ("monthly(`3000`, 'jpy', 'month', `3`)", "1000"),
        ('total(`["1.50", null, "2.25"]`)', "3.75"),
        ("total(missing)", None),
        ("total(`[]`)", None),
        ("times(`3`, missing)", 3),
        ("epoch(`1773145800`)", "2026-03-10T12:30:00Z"),
        ("epoch(`1773145800250`)", "2026-03-10T12:30:00.250000Z"),
        ("day(`1773145800`)", "2026-03-10"),
        ("day('2026-03-10T12:30:00Z')", "2026-03-10"),
        ("lookup('b', '{\"a\": 1, \"*\": 2}')", 2),
        ("lookup(missing, '{\"a\": 1}')", None),
        ("code('Billing / Refund')", "billing-refund"),
        ("code('請求')", None),
        ("lower('ABC')", "abc"),
    ],
)
def test_a_function_says(expression: str, said: object) -> None:
    assert value(expression) == said


@pytest.mark.parametrize(
    "expression",
    [" | ".join(["[@, @][]"] * 40), "epoch(`1e300`)", "epoch('soon')", "lookup('a', 'no json')", "money('1', 'usd')"],
)
def test_an_expression_that_does_too_much_or_does_not_fit_fails(expression: str) -> None:
    with pytest.raises(MappingFailed):
        value(expression, [1, 2])


def test_one_item_that_does_not_fit_is_told_with_its_line_and_leaves_the_others() -> None:
    one = {"kind": "ticket", "id": "e1", "company": "a", "nr": "T1"}
    body = {"events": [{**one, "id": {}}, one, {**one, "company": None}, {**one, "at": "soon"}]}

    made = list(made_of(parse(GOOD), body, "desk"))

    assert [each.problem is None for each in made] == [False, True, False, False]
    assert "line 6" in str(made[0].problem)
    assert "line 8" in str(made[3].problem)


@pytest.mark.parametrize("kind", ["stripe", "zendesk", "zoho_desk", "intercom", "hubspot", "salesforce"])
def test_a_mapping_that_comes_with_kizashi_is_one_that_a_user_could_write(kind: str) -> None:
    text = built_in_text(kind)

    assert text is not None
    assert parse(text).kind == kind
    assert built_in("product") is None


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"Name": "Ito Hana", "FirstName": "Hana"}, {"name": "Ito Hana"}),
        ({"FirstName": "Hana", "LastName": "Ito"}, {"name": "Hana Ito"}),
        ({"LastName": "Ito"}, {"name": "Ito"}),
        ({}, {}),
    ],
)
def test_a_contact_of_salesforce_has_the_name_that_its_message_holds(said: dict[str, str], name: Any) -> None:
    mapping = built_in("salesforce")
    assert mapping is not None
    contact = {"id": "n-1", "object": "Contact", "fields": {"Id": "003A", "AccountId": "001A", **said}}

    (made,) = made_of(mapping, {"notifications": [contact]}, "crm")

    assert made.item["data"] == name


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<?xml version="1.0"?><!doctype a SYSTEM "file:///etc/passwd"><a/>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
        b"<a>&undefined;</a>",
        b"<a>",
        b"<a/>",
        b"",
        b"<a>" * 200_000,
        b"\xff\xfe",
    ],
)
def test_hostile_xml_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        values_of("salesforce", body)


TWICE = b'{"a": [{"state": "open", "state": "closed"}]}'


@pytest.mark.parametrize("body", [b"", b"{", b"NaN", b"[" * 100_000, b"\xff", b"1" * 10_000, TWICE])
def test_hostile_json_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        values_of("json", body)
