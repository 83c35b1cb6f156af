"""Mappings: a small YAML of JMESPath expressions that turns what a source sends into items of POST /v1/events."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jmespath
import yaml
from jmespath.exceptions import JMESPathError
from yaml.scanner import ScannerError

from csmodels.catalogue import CLIENT_TYPES
from csmodels.ids import derived_id
from ingest.domain.fields import FIELDS, no_such_field
from ingest.domain.functions import MappingFailed, Reader
from ingest.domain.ordering import Change, state_hash
from ingest.domain.times import client_time

MAX_DOCUMENT: Final = 64 * 1024  # characters
_DEEPEST: Final = 20  # levels of it
_MOST: Final = 5_000  # values in it
MAX_EXPRESSION: Final = 2000
MAX_RULES: Final = 50
MAX_ITEMS: Final = 1000  # of one body
_TOP: Final = frozenset({"kind", "items", "rules"})
_RULE: Final = frozenset({"when", "type", "id", "account", "user", "time", "nulls", "order", "data", "text"})
_ORDER: Final = frozenset({"object", "rank", "state", "previous"})


class InvalidMapping(ValueError):
    """A mapping that cannot be used: one problem, with its line (from 1)."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class _Loader(yaml.SafeLoader):
    """Tells the place of an escape like "\\UFFFFFFFF" too, of which PyYAML lets Python's own error out."""

    def fetch_more_tokens(self) -> None:
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError):
            raise ScannerError(None, None, "found no character or number that there is", self.get_mark()) from None


_Quick: Final[Any] = getattr(yaml, "CSafeLoader", _Loader)  # that of libyaml, where PyYAML was built with it


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed JMESPath expression and where it stands."""

    text: str
    line: int
    parsed: Any


@dataclass(frozen=True, slots=True)
class Order:
    """How changes of one object are put in order: see ordering. state and previous are objects of the source."""

    object: Expression
    rank: Expression
    state: Expression
    previous: Expression | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One event out of one item, if `when` holds. sends_nulls: an expression that finds nothing clears the field."""

    line: int
    when: Expression
    type: str
    id: Expression
    account: Expression | None
    user: Expression | None
    time: Expression | None
    sends_nulls: bool
    order: Order | None
    data: Mapping[str, Expression]
    text: Expression | None


@dataclass(frozen=True, slots=True)
class SourceMapping:
    """A mapping that was checked."""

    kind: str
    items: Expression
    rules: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class Made:
    """An item of POST /v1/events. text goes to the texts under text_id; change is there if its source needs an order.

    problem says why nothing could be made of what the rule found; the rest is then empty.
    """

    item: Mapping[str, Any]
    text_id: str | None = None
    text: str | None = None
    object: str | None = None
    change: Change | None = None
    problem: str | None = None


def parse(text: str) -> SourceMapping:
    """The mapping in a YAML text. InvalidMapping with the line."""
    if len(text) > MAX_DOCUMENT:
        raise InvalidMapping(1, f"the mapping has {len(text)} characters, more than {MAX_DOCUMENT}.")
    try:
        _check_shape(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidMapping(line, f"this is not YAML: {error.problem or error}.") from None
    except yaml.YAMLError as error:
        raise InvalidMapping(1, f"this is not YAML: {error}.") from None
    except RecursionError:
        raise InvalidMapping(1, "it is nested too deeply.") from None
    if node is None:
        raise InvalidMapping(1, "the mapping is empty: it needs kind, items and rules.")
    return _mapping(node)


def _check_shape(text: str) -> None:
    """Refuse what unfolds to gigabytes, or takes the reader too long. Mistakes of YAML are left to it."""
    depth = values = 0
    try:
        for event in yaml.parse(text, Loader=_Quick):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent):
                raise InvalidMapping(line, "a reference (*name) is refused: write it out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            values += isinstance(event, yaml.NodeEvent)
            if depth > _DEEPEST:
                raise InvalidMapping(line, f"it is nested too deeply; at most {_DEEPEST} levels are allowed.")
            if values > _MOST:
                raise InvalidMapping(line, f"the mapping has more than {_MOST:,} values.")
    except (yaml.YAMLError, RecursionError, UnicodeError):
        return


def made_of(mapping: SourceMapping, body: Any, source: str) -> Iterator[Made]:
    """The items that a body makes, in its order. MappingFailed if `items` finds no list, or all is too much work."""
    reader = Reader()
    items = _read(reader, mapping.items, body)
    if not isinstance(items, list):
        raise MappingFailed(f"line {mapping.items.line}: items finds {_kind_of(items)} here; it should find a list.")
    if len(items) > MAX_ITEMS:
        raise MappingFailed(f"line {mapping.items.line}: items finds {len(items)}, more than {MAX_ITEMS}.")
    for item in items:
        for rule in mapping.rules:
            try:
                if _read(reader, rule.when, item) not in (None, False, "", [], {}):
                    yield _made(reader, rule, item, source)
            except MappingFailed as error:
                yield Made({}, problem=str(error))


def _made(reader: Reader, rule: Rule, item: Any, source: str) -> Made:
    data: dict[str, Any] = {}
    for name, expression in rule.data.items():
        value = _read(reader, expression, item)
        if value is not None or rule.sends_nulls:
            data[name] = value
    made: dict[str, Any] = {"id": _name(reader, rule.id, item, "id"), "type": rule.type}
    for name, expr in (("account", rule.account), ("user", rule.user)):
        if expr is not None and (found := _name(reader, expr, item, name)) is not None:
            made[name] = found
    if "account" not in made and "user" not in made:
        raise MappingFailed(f"line {rule.line}: neither account nor user finds anything here; one is needed.")
    if made["id"] is None:
        raise MappingFailed(f"line {rule.id.line}: id finds nothing here; every event needs one.")
    if rule.time is not None and (time := _read(reader, rule.time, item)) is not None:
        moment = client_time(time)
        if moment is None:
            raise MappingFailed(f"line {rule.time.line}: time finds {_kind_of(time)} that is no ISO 8601 time.")
        made["time"] = moment.isoformat().replace("+00:00", "Z")
    text = None if rule.text is None else _read(reader, rule.text, item)
    text_id = None
    if isinstance(text, str) and text.strip():
        text_id = derived_id("webhook.text", source, made["id"])
        data["text_ref"] = f"ingest/{text_id}"
    made["data"] = data
    if rule.order is None:
        return Made(made, text_id, text if text_id else None)
    named, change = _change(reader, rule.order, item, made)
    return Made(made, text_id, text if text_id else None, named, change)


def _change(reader: Reader, order: Order, item: Any, made: Mapping[str, Any]) -> tuple[str, Change]:
    named = _name(reader, order.object, item, "object")
    if named is None:
        raise MappingFailed(f"line {order.object.line}: object finds nothing here.")
    moment = client_time(made.get("time"))
    if moment is None:
        raise MappingFailed(f"line {order.object.line}: an order needs a time, and time finds nothing here.")
    rank = _read(reader, order.rank, item)
    if not isinstance(rank, int) or not 0 <= rank <= 9:
        raise MappingFailed(f"line {order.rank.line}: rank should find a whole number from 0 to 9.")
    state = _read(reader, order.state, item)
    previous = None if order.previous is None else _read(reader, order.previous, item)
    if not isinstance(state, dict) or not isinstance(previous, dict | None):
        raise MappingFailed(f"line {order.state.line}: state and previous should find objects.")
    change = Change(
        id=made["id"],
        second=int(moment.timestamp()),
        rank=rank,
        found=None if previous is None else state_hash(state, previous),
        left=state_hash(state),
        item=json.dumps(made, ensure_ascii=False, allow_nan=False),
    )
    return named[:200], change


def ordered_item(change: Change) -> bytes:
    """The change's item under its id and with the time that carries its place in the source's order."""
    item = json.loads(change.item)
    item |= {"id": change.id, "time": change.time.isoformat(timespec="microseconds").replace("+00:00", "Z")}
    return json.dumps(item, ensure_ascii=False, allow_nan=False).encode()


def _read(reader: Reader, expression: Expression, of: Any) -> Any:
    try:
        return reader.value(expression.parsed, of)
    except MappingFailed as error:
        raise MappingFailed(f"line {expression.line}: {expression.text[:80]}: {error}") from None


def _name(reader: Reader, expression: Expression, item: Any, field: str) -> str | None:
    """An id: a text, or a whole number as one."""
    found = _read(reader, expression, item)
    if isinstance(found, bool) or not isinstance(found, str | int | None):
        raise MappingFailed(f"line {expression.line}: {field} finds {_kind_of(found)}; it should find a text.")
    return None if found is None or found == "" else str(found)


def _kind_of(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")


def _mapping(node: yaml.Node) -> SourceMapping:
    fields = _fields(node, _TOP, "the mapping", needed=("kind", "items", "rules"))
    rules = fields["rules"]
    if not isinstance(rules, yaml.SequenceNode) or not 1 <= len(rules.value) <= MAX_RULES:
        raise InvalidMapping(_line(rules), f"rules should be a list of 1 to {MAX_RULES} rules.")
    return SourceMapping(
        _plain(fields["kind"], "kind"), _expression(fields["items"], "items"), [_rule(each) for each in rules.value]
    )


def _rule(node: yaml.Node) -> Rule:
    fields = _fields(node, _RULE, "a rule", needed=("type", "id", "data"))
    type_ = _plain(fields["type"], "type")
    if type_ not in CLIENT_TYPES:
        raise InvalidMapping(_line(fields["type"]), f"type {type_} is not one of {', '.join(sorted(CLIENT_TYPES))}.")
    if "account" not in fields and "user" not in fields:
        raise InvalidMapping(_line(node), "a rule needs account or user, or both.")
    nulls = _plain(fields["nulls"], "nulls") if "nulls" in fields else "leave_out"
    if nulls not in ("leave_out", "send"):
        raise InvalidMapping(_line(fields["nulls"]), "nulls should be leave_out or send.")
    if "text" in fields and "text_ref" not in FIELDS[type_]:
        raise InvalidMapping(_line(fields["text"]), f"{type_} holds no text.")
    if "order" in fields and ("user" in fields or "text" in fields):  # what is remembered for it names no person
        raise InvalidMapping(_line(fields["order"]), "a rule with an order holds no user and no text.")
    when = fields.get("when")
    data = _pairs(fields["data"], "data")
    for name, value in data.items():
        if name not in FIELDS[type_]:
            raise InvalidMapping(_line(value), no_such_field(type_, name))

    def found(name: str) -> Expression | None:
        return _expression(fields[name], name) if name in fields else None

    return Rule(
        line=_line(node),
        when=Expression("`true`", _line(node), _ALWAYS) if when is None else _expression(when, "when"),
        type=type_,
        id=_expression(fields["id"], "id"),
        account=found("account"),
        user=found("user"),
        time=found("time"),
        sends_nulls=nulls == "send",
        order=_order(fields["order"]) if "order" in fields else None,
        data={name: _expression(value, f"data.{name}") for name, value in data.items()},
        text=found("text"),
    )


def _order(node: yaml.Node) -> Order:
    fields = _fields(node, _ORDER, "order", needed=("object", "rank", "state"))
    previous = fields.get("previous")
    return Order(
        _expression(fields["object"], "object"),
        _expression(fields["rank"], "rank"),
        _expression(fields["state"], "state"),
        None if previous is None else _expression(previous, "previous"),
    )


def _fields(node: yaml.Node, known: frozenset[str], where: str, *, needed: Sequence[str]) -> dict[str, yaml.Node]:
    fields = _pairs(node, where)
    for name, value in fields.items():
        if name not in known:
            raise InvalidMapping(_line(value), f"{where} has no field {name!r}; it has {', '.join(sorted(known))}.")
    for name in needed:
        if name not in fields:
            raise InvalidMapping(_line(node), f"{where} needs {name}.")
    return fields


def _pairs(node: yaml.Node, where: str) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        raise InvalidMapping(_line(node), f"{where} should be fields, each as `name: ...`.")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        name = _plain(key, where)
        if name in fields:
            raise InvalidMapping(_line(key), f"{name} stands here twice.")
        fields[name] = value
    return fields


def _expression(node: yaml.Node, where: str) -> Expression:
    text = _plain(node, where)
    if len(text) > MAX_EXPRESSION:
        raise InvalidMapping(_line(node), f"{where} has {len(text)} characters, more than {MAX_EXPRESSION}.")
    try:
        return Expression(text, _line(node), jmespath.compile(text).parsed)
    except (JMESPathError, ValueError) as error:
        said = " ".join(str(error).split())
        raise InvalidMapping(_line(node), f"{where} is not a JMESPath expression: {said}") from None
    except RecursionError:
        raise InvalidMapping(_line(node), f"{where} is nested too deeply.") from None


def _plain(node: yaml.Node, where: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise InvalidMapping(_line(node), f"{where} should be a text on its own.")
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


_ALWAYS: Final[Any] = jmespath.compile("`true`").parsed
