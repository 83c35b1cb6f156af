import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from csmodels.export import FOLDER, write
from csmodels.schemas import all_incompatibilities, exported, incompatibilities, rendered

Schema = dict[str, Any]


def data_of(schema: Schema) -> Schema:
    name = schema["properties"]["data"]["$ref"].rsplit("/", 1)[1]
    found: Schema = schema["$defs"][name]
    return found


def field(schema: Schema, name: str) -> Schema:
    found: Schema = data_of(schema)["properties"][name]
    return found


def branch(schema: Schema, name: str) -> Schema:
    """The branch of an optional field that is not null."""
    found: Schema = next(b for b in field(schema, name)["anyOf"] if b.get("type") != "null")
    return found


def stored(folder: str = "") -> dict[str, Schema]:
    return {path.stem: json.loads(path.read_text()) for path in (FOLDER / folder).glob("*.json")}


def test_the_exported_schemas_are_those_of_the_code() -> None:
    files = {path.stem: path.read_text() for path in FOLDER.glob("*.json")}

    assert files == {name: rendered(schema) for name, schema in exported().items()}, "run python -m csmodels.schemas"


def test_an_older_reader_can_read_what_this_code_writes() -> None:
    assert stored("released")
    assert all_incompatibilities(stored("released"), exported()) == []


@pytest.mark.parametrize("name", sorted(exported()))
def test_a_schema_is_a_valid_json_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(exported()[name])


def test_export_removes_the_file_of_a_type_that_is_gone(tmp_path: Any) -> None:
    (tmp_path / "gone.happened.json").write_text("{}")

    write(tmp_path)

    assert {path.stem for path in tmp_path.glob("*.json")} == set(exported())


def rename(schema: Schema) -> None:
    data_of(schema)["properties"]["importance"] = data_of(schema)["properties"].pop("severity")


BREAKING: list[tuple[str, str, Callable[[Schema], object], str]] = [
    ("removed", "ticket.changed", lambda s: data_of(s)["properties"].pop("severity"), "severity: removed"),
    ("renamed", "ticket.changed", rename, "severity: removed or renamed"),
    ("type narrowed", "ticket.changed", lambda s: branch(s, "topic").update(type="integer"), "data.topic"),
    ("float to int", "override.set", lambda s: field(s, "points").update(type="integer"), "data.points: narrowed"),
    ("null refused", "ticket.changed", lambda s: field(s, "csat")["anyOf"].pop(), "null is no longer accepted"),
    ("enum value removed", "ticket.changed", lambda s: branch(s, "status")["enum"].remove("pending"), '"pending"'),
    ("maximum smaller", "ticket.changed", lambda s: branch(s, "severity").update(maximum=3), "narrowed, maximum"),
    ("minimum larger", "ticket.changed", lambda s: branch(s, "severity").update(minimum=2), "narrowed, minimum"),
    ("minimum added", "survey.answered", lambda s: branch(s, "score").update(minimum=0), "narrowed, minimum"),
    ("maxLength added", "usage.tracked", lambda s: field(s, "name").update(maxLength=5), "narrowed, maxLength"),
    ("pattern changed", "milestone.reached", lambda s: field(s, "milestone").update(pattern="^a$"), "pattern"),
    ("pattern added", "survey.answered", lambda s: field(s, "kind").update(pattern="^n"), "narrowed, pattern"),
    ("format changed", "clock.ticked", lambda s: field(s, "hour").update(format="date"), "format"),
    ("newly required", "ticket.changed", lambda s: data_of(s)["required"].append("topic"), "topic: narrowed, newly"),
    ("envelope required", "usage.tracked", lambda s: s["required"].append("personid"), "personid: narrowed"),
    ("envelope removed", "usage.tracked", lambda s: s["properties"].pop("source"), "source: removed"),
    ("new required field", "usage.tracked", lambda s: (
        data_of(s)["properties"].update(new={"type": "string"}), data_of(s)["required"].append("new")
    ), "new required field"),
    ("key pattern", "usage.tracked", lambda s: field(s, "properties")["patternProperties"].update(
        {"^x": field(s, "properties")["patternProperties"].popitem()[1]}
    ), "pattern of the keys"),
    ("property type gone", "usage.tracked", lambda s: (
        next(iter(field(s, "properties")["patternProperties"].values()))["anyOf"].pop(0)
    ), "boolean is no longer accepted"),
    ("list shorter", "health.changed", lambda s: (
        s["$defs"]["Cause"]["properties"]["events"].update(maxItems=5)
    ), "narrowed, maxItems"),
    ("deep in a list", "health.changed", lambda s: (
        s["$defs"]["HealthAdjustment"]["properties"]["kind"]["enum"].remove("cap")
    ), "data.adjustments[].kind"),
    ("deep in a ref", "health.changed", lambda s: (
        s["$defs"]["PreviousHealth"]["properties"].pop("band")
    ), "data.previous.band: removed"),
    ("type renamed", "usage.tracked", lambda s: s["properties"]["type"].update(const="usage.seen"), "usage.tracked"),
    ("closed to unknown fields", "usage.tracked", lambda s: data_of(s).update(additionalProperties=False), "data{}"),
    ("enum widened", "ticket.changed", lambda s: branch(s, "status")["enum"].append("held"), "widened"),
    ("maximum widened", "ticket.changed", lambda s: branch(s, "severity").update(maximum=9), "widened, maximum"),
    ("null added", "milestone.reached", lambda s: data_of(s)["properties"].update(
        milestone={"anyOf": [field(s, "milestone"), {"type": "null"}]}
    ), "widened, null"),
    ("no longer required", "milestone.reached", lambda s: data_of(s)["required"].clear(), "no longer required"),
    ("unknown keyword", "usage.tracked", lambda s: field(s, "count").update(multipleOf=2), "narrowed, multipleOf"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "change", "report"), [b[1:] for b in BREAKING], ids=[b[0] for b in BREAKING])
def test_a_change_that_breaks_readers_is_reported(type_: str, change: Callable[[Schema], object], report: str) -> None:
    old = exported()[type_]
    new = copy.deepcopy(old)
    change(new)

    found = incompatibilities(old, new)

    assert any(report in line for line in found), found


@pytest.mark.parametrize(
    "change",
    [
        lambda s: data_of(s)["properties"].update(new={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        lambda s: s["properties"].update(traceparent={"type": "string"}),
        lambda s: field(s, "severity").update(description="1 is the highest", title="How bad"),
        lambda s: field(s, "severity")["anyOf"].reverse(),
        lambda s: branch(s, "status")["enum"].reverse(),
    ],
    ids=["new optional field", "new optional envelope field", "described", "branches reordered", "enum reordered"],
)
def test_a_change_that_older_readers_can_live_with_is_fine(change: Callable[[Schema], object]) -> None:
    old = exported()["ticket.changed"]
    new = copy.deepcopy(old)
    change(new)

    assert old != new
    assert incompatibilities(old, new) == []


def test_a_definition_may_move_behind_another_name() -> None:
    old = exported()["ticket.changed"]
    new = json.loads(json.dumps(old).replace("#/$defs/Ticket", "#/$defs/Case").replace('"Ticket": {', '"Case": {'))

    assert "Case" in new["$defs"]
    assert incompatibilities(old, new) == []


def test_a_recursive_schema_is_compared_once() -> None:
    old = {"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}}}

    assert incompatibilities(old, copy.deepcopy(old)) == []


def test_a_removed_event_type_is_reported_and_a_new_one_is_not() -> None:
    old, new = exported(), exported()
    del new["usage.tracked"]
    new["usage.seen"] = old["usage.tracked"]

    assert all_incompatibilities(old, new) == ["usage.tracked: the event type was removed"]
