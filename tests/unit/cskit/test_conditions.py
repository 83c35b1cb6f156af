"""Conditions refuse mistakes when applied, and are quick and harmless when asked."""

import math
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from cskit.conditions import Condition, ConditionError, Conditions, Fields

HEALTH: Fields = {"band": "text", "score": "number", "watch": "list", "scored_at": "time"}
VARIABLES: Fields = {
    "health": HEALTH,
    "previous": HEALTH,
    "event": "any",
    "account": {"plan": "text", "mrr": "number", "seats": "number", "custom": "any"},
    "task": {"outcome": "text", "due": "time", "open": "bool"},
    "now": "time",
}
CONDITIONS = Conditions(VARIABLES)
TURNED_RED = 'health.band == "red" && previous.band != "red"'
LIST = f"[{', '.join('1' * 99)}]"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def holds(text: str, **values: Any) -> bool:
    return CONDITIONS.compile(text).holds(values)


@pytest.mark.parametrize("prefix", ["", "r", "R"])
@pytest.mark.parametrize(
    ("literal", "name"),
    [
        *((f'"{name}"', name) for name in ("owner", "rank", "barb", "Rr", "")),
        *((f"{quote}barber{quote}", "barber") for quote in ("'", '"""', "'''")),
        ('"r\'"', "r'"),
        ("'\"b'", '"b'),
        ("'''r\"b'''", 'r"b'),
    ],
)
def test_a_field_is_known_by_its_name_in_quotes(prefix: str, literal: str, name: str) -> None:
    condition = Conditions({"account": {name: "text"}}).compile(f"account[{prefix}{literal}] == 'sam'")

    assert condition.holds({"account": {name: "sam"}})


@pytest.mark.parametrize("literal", ['b"owner"', "br'owner'", '"owne"', '"owner "'])
def test_a_name_in_quotes_that_is_no_field_is_refused(literal: str) -> None:
    with pytest.raises(ConditionError, match="unknown"):
        Conditions({"account": {"owner": "text"}}).compile(f"account[{literal}] == 'sam'")


@pytest.mark.parametrize(
    ("text", "column", "wrong"),
    [
        ('health.band == "Red"', 16, "“Red” is no value of health.band. There are: red, green."),
        ('health.band == "red" || "purple" != previous["band"]', 25, "“purple” is no value of previous.band."),
        ('account.mrr > 5 && health.band in ["red", "blue"]', 43, "“blue” is no value"),
        ('"failing" in health.watch', 1, "“failing” is no value of health.watch. There are: declining."),
        ("account.mrr", 1, "this one gives double"),
        ('account.mrr > "500"', 13, "“>” does not go between double and string."),
        ('account.mrr in ["a"]', 13, "“in” does not go between double and list(string)."),
        ("account.mrr > 5.0 ? health.score : account.mrr", 1, "this one gives double"),
    ],
)
def test_a_condition_that_never_holds_is_refused_unless_it_was_taken_before(text: str, column: int, wrong: str) -> None:
    bands = {f"{name}.band": ("red", "green") for name in ("health", "previous")}
    conditions = Conditions(VARIABLES, {**bands, "health.watch": ("declining",)})

    with pytest.raises(ConditionError) as caught:
        conditions.compile(text)

    assert (caught.value.column, wrong in caught.value.message) == (column, True)
    assert not conditions.compile(text, stored=True).holds({"health": {"band": "green"}, "account": {"mrr": 3}})


def test_texts_that_are_compared_with_something_else_are_no_values() -> None:
    conditions = Conditions(VARIABLES, {"health.band": ("red",)})
    text = 'account.plan == "pro" && health.band == "red" && ["x"].exists(x, x == "x") && task.outcome in ["a", "b"]'

    assert conditions.compile(text).holds(
        {"account": {"plan": "pro"}, "health": {"band": "red"}, "task": {"outcome": "b"}}
    )


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (TURNED_RED, {"health": {"band": "red"}, "previous": {"band": "green"}}, True),
        (TURNED_RED, {"health": {"band": "red"}, "previous": {"band": "red"}}, False),
        ("account.mrr >= 100000", {"account": {"mrr": Decimal("100000.00")}}, True),
        ("account.mrr >= 100000.5", {"account": {"mrr": 100001}}, True),
        ("account.mrr / 12.0 > 10.0", {"account": {"mrr": 240.0}}, True),
        ("account.seats / 2.0 > 4.5 && account.seats == 10", {"account": {"seats": 10}}, True),
        ("task.outcome != null", {"task": {"outcome": "reached"}}, True),
        ("task.outcome != null", {"task": {"outcome": None}}, False),
        ("task.outcome == null", {"task": {"outcome": None}}, True),
        ("task.open", {"task": {"open": True}}, True),
        ('"declining" in health.watch', {"health": {"watch": ("declining",)}}, True),
        ('"declining" in health.watch', {"health": {"watch": frozenset({"declining"})}}, True),
        ("health.watch.exists(w, w.startsWith('x'))", {"health": {"watch": ["a", "xy"]}}, True),
        ("task.due < now", {"task": {"due": NOW - timedelta(hours=1)}, "now": NOW}, True),
        ("task.due < now", {"task": {"due": "2026-03-01T11:00:00Z"}, "now": NOW}, True),
        ("now - health.scored_at > duration('24h')", {"health": {"scored_at": NOW - timedelta(2)}, "now": NOW}, True),
        ('now < timestamp("2027-01-01T00:00:00Z")', {"now": NOW}, True),
        ("has(task.due)", {"task": {"due": NOW}}, True),
        ("has(task.outcome) || true", {}, True),
        ("event.anything.at.all == 3", {"event": {"anything": {"at": {"all": 3}}}}, True),
        ('event["with space"] == date', {"event": {"with space": 1}}, None),
        ("timestamp(event.at) < now", {"event": {"at": NOW - timedelta(1)}, "now": NOW}, True),
        ('event.day == "2026-03-01"', {"event": {"day": date(2026, 3, 1)}}, True),
        ("account.custom.risk == 'high'", {"account": {"custom": {"risk": "high"}}}, True),
        ("true // health.nonsense", {}, True),
        ("'health.nonsense' == \"health.nonsense\"", {}, True),
        ('account["plan"] == "pro"', {"account": {"plan": "pro"}}, True),
    ],
)  # fmt: skip
def test_a_condition_is_true_or_false_of_values(text: str, values: dict[str, Any], expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(ConditionError, match="“date” is unknown"):
            CONDITIONS.compile(text)
    else:
        assert holds(text, **values) is expected


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ('helth.band == "red"', 1, 1, "“helth.band” is unknown. Did you mean “health.band”?"),
        ('health.band == "red" && health.bnd != "x"', 1, 25, "“health.bnd” is unknown. Did you mean “health.band”?"),
        ('health.band == "red" &&\n  previous.sore < 3.0', 2, 3, "Did you mean “previous.score”?"),
        ('account["plam"] == "x"', 1, 1, "Did you mean “account.plan”?"),
        ("health.watch.exists(w, w == task.outcom)", 1, 29, "Did you mean “task.outcome”?"),
        ("'日本' == '日本' && qqq", 1, 17, "“qqq” is unknown. There are: health, previous,"),
        ('health.band = "red"', 1, 13, "Did you mean “==”?"),
        ("health.band > 3", 1, 13, "“>” does not go between string and int."),
        ("task.open == 'yes'", 1, 11, "“==” does not go between bool and string."),
        ("task.due < 3", 1, 10, "“<” does not go between timestamp and int."),
        ("account.mrr > 1 && account.mrr / 12 > 10", 1, 32, "“/” does not go between a number and a whole number."),
        ("1 + 1", 1, 1, "true or false; this one gives int"),
        ("health.band", 1, 1, "true or false; this one gives"),
        ("task.due", 1, 1, "true or false; this one gives timestamp"),
        ("", 1, 1, "empty"),
        ("   ", 1, 1, "empty"),
        ("(health.band == 'red'", 1, 22, ""),
        ("unknown_function(health.band)", 1, 17, "unknown_function"),
        ("true" + " " * 5000, 1, 4000, "at most 4000 characters"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_its_place(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(ConditionError) as refused:
        CONDITIONS.compile(text)

    assert says in refused.value.message
    assert (refused.value.line, refused.value.column) == (line, column)
    assert str(refused.value).startswith(f"Line {line}, column {column}: ")


@pytest.mark.parametrize(
    "text", ['health.band != "red"', "account.mrr < 5", "task.due < now", "event.x.y == 1", "task.open", "!task.open"]
)
def test_an_absent_field_makes_a_condition_false_without_a_word(text: str) -> None:
    condition = CONDITIONS.compile(text)

    with structlog.testing.capture_logs() as logs:
        answers = [condition.holds({}), condition.holds({"health": {}, "event": {}, "task": {"due": None}})]

    assert answers == [False, False]
    assert logs == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("event.x / 0 == 1", {"event": {"x": 1}}),
        ("event.x > 3", {"event": {"x": "text"}}),
        ("event.x", {"event": {"x": 3}}),
        ("event.x.matches('((')", {"event": {"x": "a"}}),
        ("event.x == 1", {"event": {"x": object()}}),
        ("event.x == 'a'", {"event": {"x": "\ud800"}}),
        ("int(event.x) == 1", {"event": {"x": float("inf")}}),
        ("event.x == 1", {"event": {"x": 10**400}}),
        ("event.x == 1", {"event": {"x": Decimal("sNaN")}}),
    ],
)
def test_a_runtime_error_counts_as_false_and_is_logged_once(text: str, values: dict[str, Any]) -> None:
    condition = CONDITIONS.compile(text)

    with structlog.testing.capture_logs() as logs:
        answers = [condition.holds(values), condition.holds(values)]

    assert answers == [False, False]
    assert [entry["event"] for entry in logs] == ["condition.failed"]


@pytest.mark.parametrize(
    "text",
    [
        "health.band == 'red'",
        ".health.band == 'red'",
        "has(health.band)",
        "[1].exists(health, health == 1) && health['band'] == 'red'",
    ],
)
def test_only_what_a_condition_speaks_of_is_converted(text: str) -> None:
    class Unread(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("read")

    assert holds(text, health={"band": "red"}, previous=Unread(band="red"), event=Unread(score=1))


def test_a_condition_for_which_memory_does_not_suffice_does_not_hold() -> None:
    class Endless(dict[str, Any]):
        def items(self) -> Any:
            raise MemoryError

    with structlog.testing.capture_logs() as logs:
        assert not holds("event.size() > 0", event=Endless(text=""))

    assert [entry["reason"] for entry in logs] == ["MemoryError"]


def test_a_hostile_nested_loop_is_given_up() -> None:
    condition = CONDITIONS.compile("event.x.all(a, event.x.all(b, event.x.all(c, a + b + c >= 0)))")

    answer = condition.holds({"event": {"x": list(range(300))}})

    assert answer is False  # to its end it would be true, after 27 million turns


@pytest.mark.parametrize(
    "text",
    [
        "[event.x]" + ".map(y, y + y)" * 20 + ".size() > 0",
        "dyn([1]" + ".map(y, [y, y])" * 20 + ") == [1]" + ".map(y, [y, y])" * 20,
        '[{"a": event.x}]' + '.map(y, {"a": y, "b": y})' * 20 + ".size() > 0",
        "(true ? dyn([1]" + ".map(y, [y, y])" * 5 + ") : [1])" + ".map(y, [y, y])" * 5 + ".size() > 0",
        "[1]" + "".join(f".exists(y{n}, [[y{n}, y{n}, y{n}]]" for n in range(8)) + ".size() > 0" + ")" * 8,
        "[event.x]" + f".map(y, y{' + y' * 20})" * 2 + ".exists(z, (z" + " + z" * 20 + ").size() > 0)",
        "[1].map(a, [a, a].map(b, [a, b, b].map(c, [a, b, c, c, c].map(d, [a, b, c, d, d, d, d]"
        ".map(e, [a, b, c, d, e, e, e]))))).size() > 0",
    ],
)
def test_what_would_double_over_and_over_is_refused_before_it_is_asked(text: str) -> None:
    with pytest.raises(ConditionError, match="copies of one value"):
        CONDITIONS.compile(text)


@pytest.mark.parametrize(
    "text",
    [
        "[event.x]" + ".map((int), int + int)" * 20 + ".size() > 0",
        '"""\\"""" != ")" && [event.x]' + ".map(y, y + y)" * 20 + ".size() > 0",
        '"""\\""" != ")" && [event.x]' + ".map(y, y + y)" * 20 + ".size() > 0",
        "event.`int//b` == 1 || [event.x]" + ".map(y, y + y)" * 20 + ".size() > 0",
        "event.x.all(a, !event.s.matches('(x?){1,200}' + string(a)))",
        "event.s.matches(event.x)",
        "event.x.exists(t, t.matches('a'))",
        "event.s.matches('(a?){250}c')",
        " || ".join("event.s.matches('[ab]{60}c')" for _ in range(3)),
        f"{LIST}.all(a, {LIST}.all(b, {LIST} == {LIST}))",
        f"{LIST}.all(a, {LIST}.all(b, {' && '.join(['a != 9'] * 150)}))",
    ],
)
def test_what_would_hide_from_the_reader_or_cost_too_much_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        CONDITIONS.compile(text)


def test_what_an_earlier_version_took_and_is_refused_now_never_holds() -> None:
    condition = CONDITIONS.compile("event.s.matches(event.p)", stored=True)

    assert not condition.holds({"event": {"s": "a", "p": "a"}})


@pytest.mark.parametrize(
    "text",
    [
        "event.n.map(a, event.n.map(b, event.s" + " + event.s" * 9 + ")).size() > 0",
        "event.n.map(a, event.n.map(b, event.x + event.x)).size() > 0",
        "event.n.exists(a, event.n.exists(b, (event.s + event.s).size() == a + b))",
        "event.n.exists(a, event.n.exists(b, event.x == event.x && event.s == event.s))",
    ],
)
def test_what_could_take_gigabytes_of_large_data_does_not_hold_and_says_why(text: str) -> None:
    condition = CONDITIONS.compile(text)
    small = {"event": {"n": [1, 2], "s": "xx", "x": ["a"]}}
    large = {"event": {"n": [4] * 90, "s": "x" * 30_000, "x": ["a"] * 1_500}}

    with structlog.testing.capture_logs() as logs:
        answers = condition.holds({"event": {**small["event"], "s": "x"}}), condition.holds(large)

    assert answers == (True, False)
    assert [entry["reason"] for entry in logs] == ["it could take too much memory or time"]


@pytest.mark.parametrize(
    "text",
    [
        "event.x.exists(t, " + " || ".join(f't == "{n}"' for n in range(200)) + ")",
        " && ".join(f'event.x.exists(t, t == "a{n}" || t == "b{n}")' for n in range(60)) + " || true",
        'event.x.map(t, t + "!").exists(t, t in ["a!", "b!"])',
        "event.x.filter(t, t.size() < 3).map(t, t + t).exists(t, event.x.exists(u, u + u == t))",
        "event.map == event.map || event.x.size() > [1, 2, 3].map(n, n * n * n).size()",
    ],
)
def test_macros_side_by_side_and_a_few_within_one_another_are_fine(text: str) -> None:
    assert CONDITIONS.compile(text).holds({"event": {"x": ["a", "b", "a1", "b2", "7"], "map": 1}})


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1990 + "true" + ")" * 1990,
        "[" * 1990 + "]" * 1990,
        "!" * 3990 + "true",
        "-" * 3990 + "1",
        "event" + ".a" * 1900,
        "true" + "&&true" * 660,
        "true" + "?true:true" * 390,
    ],
)
def test_deep_nesting_ends_neither_the_process_nor_the_patience(text: str) -> None:
    started = time.perf_counter()

    try:
        condition: Condition | None = CONDITIONS.compile(text)
    except ConditionError:
        condition = None
    if condition is not None:
        condition.holds({})

    assert time.perf_counter() - started < 2


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_no_value_makes_a_condition_raise(value: Any) -> None:
    condition = CONDITIONS.compile('event.x == "red" || account.mrr > 3 || task.due < now || "a" in health.watch')

    assert condition.holds({"event": {"x": value}, "account": {"mrr": value}, "task": value, "health": value}) in (
        True,
        False,
    )


@given(st.text(max_size=200))
def test_any_text_is_a_condition_or_a_condition_error(text: str) -> None:
    error: ConditionError | None = None
    try:
        CONDITIONS.compile(text)
    except ConditionError as refused:
        error = refused

    assert error is None or min(error.line, error.column) >= 1


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("account.mrr / account.seats", {"account": {"mrr": Decimal(90), "seats": 4}}, 22.5),
        ("health.score > 50.0 ? 1 : 0", {"health": {"score": 51}}, 1.0),
        ("size(health.watch)", {"health": {"watch": ["declining", "divergent"]}}, 2.0),
        ("event.count", {"event": {"count": 3}}, 3.0),
        ("account.mrr / account.seats", {"account": {"mrr": 90}}, None),
        ("account.mrr / account.seats", {"account": {"mrr": 90, "seats": None}}, None),
        ("account.mrr / account.seats", {"account": {"mrr": 90, "seats": 0}}, None),
        ("event.count", {"event": {"count": "three"}}, None),
        ("event.count", {"event": {"count": True}}, None),
        ("event.count", {"event": {"count": None}}, None),
    ],
)
def test_a_number_is_reckoned_or_there_is_none(text: str, values: dict[str, Any], expected: float | None) -> None:
    reckoning = CONDITIONS.compile_number(text)

    value = reckoning.value(values)

    assert value == expected
    assert value is None or type(value) is float


@pytest.mark.parametrize("text", ['account.plan + "x"', "health.score > 50.0", "null", "account.mmr", "1 +"])
def test_what_gives_no_number_is_refused_where_a_number_is_wanted(text: str) -> None:
    with pytest.raises(ConditionError):
        CONDITIONS.compile_number(text)


@given(st.floats() | st.integers() | st.text(max_size=3) | st.none() | st.booleans(), st.floats() | st.integers())
def test_a_number_that_is_reckoned_is_finite(a: Any, b: Any) -> None:
    value = CONDITIONS.compile_number("event.a / event.b").value({"event": {"a": a, "b": b}})

    assert value is None or math.isfinite(value)
