"""Conditions in CEL: checked when they are applied, quick and harmless when they are asked. The only user of `cel`.

A field has a kind. Text, booleans, times and lists are checked by type. A number is a double: it compares with whole
and broken numbers alike, and is reckoned with broken ones (`account.mrr / 12.0`; `/ 12` is refused). A field of kind
"any" may hold anything, and names below it are not checked.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from cel_expr_python import cel

from cskit.condition_growth import (
    MOST_COPIES,
    MOST_PATTERNS,
    MOST_WORK,
    Growth,
    Unreadable,
    growth,
    pattern_size,
)
from cskit.condition_text import TOKEN, asked, asked_for, literals_in, names_in, place_of, tokens_of
from cskit.observability import CONDITION_ERRORS, get_logger

Kind: TypeAlias = Literal["text", "number", "bool", "time", "list", "any"]
Fields: TypeAlias = "Mapping[str, Kind | Fields]"

LONGEST: Final = 4000  # characters of a condition

log = get_logger()

_CHECKED: Final[Mapping[Kind, cel.Type]] = {
    "text": cel.Type("google.protobuf.StringValue"),  # or null
    "bool": cel.Type("google.protobuf.BoolValue"),  # or null
    "time": cel.Type.TIMESTAMP,
    "list": cel.Type.List(cel.Type.DYN),
    "number": cel.Type.DYN,  # the checker would refuse 40.5 > 40
    "any": cel.Type.DYN,
}
_BOOLEAN: Final = ("BOOL", "DYN", "bool_wrapper")
_NUMERIC: Final = ("INT", "UINT", "DOUBLE", "DYN")
_KNOWN: Final = frozenset({
    "true", "false", "null", "in", "int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type",
    "type", "timestamp", "duration", "google",
})  # fmt: skip
_CEL_ERROR: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_NO_OVERLOAD: Final = re.compile(r"found no matching overload for '_?\W*?([^\w'\s]+|in)_?' applied to '\((.*), (.*)\)'")
_NO_NUMBER: Final = re.compile(r"string|bool|list|map|Timestamp|Duration|bytes")
_OF_NUMBERS: Final = re.compile(r"list\((int|uint|double|dyn)\)")
_ABSENT: Final = re.compile(r"^(NOT_FOUND: Key not found|UNKNOWN: No value with name)")


class ConditionError(Exception):
    """A condition that cannot be applied. `line` and `column` count from 1, within the condition's own text."""

    def __init__(self, message: str, column: int, line: int = 1) -> None:
        super().__init__(f"Line {line}, column {column}: {message}")
        self.message = message
        self.column = column
        self.line = line


class Conditions:
    """The variables that conditions of one place may use: each a kind, or a mapping of field names to kinds.

    values are all those that a text (or a list of texts) may have, by its path (`health.band`), where that is known.
    """

    def __init__(self, variables: Fields, values: Mapping[str, Sequence[str]] | None = None) -> None:
        self._variables = variables
        self._values = values or {}
        self._paths = sorted(path for path, _ in _leaves(variables))
        self._times = tuple(tuple(path.split(".")) for path, kind in _leaves(variables) if kind == "time")
        maps = [name for name, fields in variables.items() if not isinstance(fields, str)]
        whole = {name: cel.Type.DYN for known in maps for name in (known, asked(known))}
        checked = {path: _CHECKED[kind] for path, kind in _leaves(variables)}
        self._check = cel.NewEnv(variables={**checked, **whole})
        self._reckon = cel.NewEnv(
            variables={
                **checked,
                **{path: cel.Type.DOUBLE for path, kind in _leaves(variables) if kind == "number"},
                **whole,
            }
        )
        running = {path: cel.Type.TIMESTAMP if kind == "time" else cel.Type.DYN
                   for path, kind in _leaves(variables) if kind == "time" or "." not in path}  # fmt: skip
        self._run = cel.NewEnv(variables={**running, **whole})

    def compile(self, text: str, *, stored: bool = False) -> "Condition":
        """The condition that `text` states. ConditionError if it is not CEL, not boolean, names an unknown field or
        value, or may cost too much; where it is `stored`, applied by an earlier version, one that was taken before is
        taken again, and does not hold if it may cost too much.
        """
        expression, gives, grows = self._compiled(text, stored=stored)
        if not stored:
            gives = self._reckoned(text) or gives
            self._refuse_unknown_value(text)
        if gives not in _BOOLEAN:
            raise ConditionError(f"A condition is true or false; this one gives {gives.lower()}.", 1)
        return Condition(text, expression, grows, *self._named(text))

    def compile_number(self, text: str, *, stored: bool = False) -> "Reckoning":
        """The number that `text` reckons. ConditionError if it is not CEL, no number, or names an unknown field, or may
        cost too much; where it is `stored`, such a one gives none instead.
        """
        expression, gives, grows = self._compiled(text, stored=stored)
        if gives not in _NUMERIC:
            raise ConditionError(f"A number is wanted here; this gives {gives.lower()}.", 1)
        return Reckoning(text, expression, grows, *self._named(text))

    def _compiled(self, text: str, *, stored: bool = False) -> tuple[Any, str, Growth | None]:
        """The expression, ready to be asked, the name of the type it gives, and how it grows: None if too much."""
        if len(text) > LONGEST:
            raise ConditionError(f"A condition has at most {LONGEST} characters.", LONGEST)
        self._refuse_unknown(text)
        try:
            rewritten = self._presence(text)
            gives = self._check.compile(rewritten).return_type().name()
            expression = self._run.compile(rewritten)
        except RuntimeError as error:
            raise _explained(str(error), text) from None
        self._refuse_mixed(rewritten, stored=stored)
        try:
            return expression, gives, _bounded(text)
        except ConditionError:
            if not stored:
                raise
            return expression, gives, None

    def _named(self, text: str) -> tuple[Fields, tuple[tuple[str, ...], ...]]:
        """The variables that `text` may speak of, and the times in them: only these are converted when it is asked."""
        named = {match.group() for match in tokens_of(text) if match.lastgroup == "name"}
        variables = {name: fields for name, fields in self._variables.items() if name in named}
        return variables, tuple(path for path in self._times if path[0] in named)

    def _refuse_unknown(self, text: str) -> None:
        for name in names_in(text):
            if name.path[0] in self._variables:
                wrong = self._unknown_field(name.path)
            elif name.path[0] in _KNOWN:
                continue
            else:
                wrong = ".".join(name.path)
            if wrong is not None:
                raise ConditionError(f"“{wrong}” is unknown. {self._hint(wrong)}", *place_of(text, name.start))

    def _refuse_unknown_value(self, text: str) -> None:
        for literal in literals_in(text) if self._values else ():
            path = ".".join(literal.name.path)
            values = self._values.get(path)
            if values is not None and literal.value not in values:
                raise ConditionError(
                    f"“{literal.value}” is no value of {path}. There are: {', '.join(values)}.",
                    *place_of(text, literal.start),
                )

    def _reckoned(self, text: str) -> str | None:
        """The type that it gives with numbers as doubles, if the checker knows."""
        try:
            return str(self._reckon.compile(self._presence(text)).return_type().name())
        except RuntimeError:
            return None  # it compares them with whole ones

    def _refuse_mixed(self, text: str, *, stored: bool) -> None:
        """Of what the checker says once numbers are doubles, only this matters: it would fail whenever it is asked, or
        never hold.
        """
        try:
            self._reckon.compile(text)
        except RuntimeError as error:
            for found in _CEL_ERROR.finditer(str(error)):
                overload = _NO_OVERLOAD.search(found[3])
                if overload and overload[1] in "+-*/%" and {overload[2], overload[3]} == {"double", "int"}:
                    raise ConditionError(
                        f"“{overload[1]}” does not go between a number and a whole number. Write 12.0 instead of 12.",
                        int(found[2]),
                        int(found[1]),
                    ) from None
                if overload and not stored and _is_no_comparison(*overload.groups()):
                    raise _explained(found[0], text) from None

    def _presence(self, text: str) -> str:
        """`text` with has(task.due) as has(Task.due): CEL would take `task.due`, a variable, for its value.

        As long as before, so that the columns of mistakes stay right.
        """
        for start in asked_for(text):
            name = TOKEN.match(text, start)
            if name is not None and not isinstance(self._variables.get(name.group(), "any"), str):
                text = text[:start] + asked(name.group()) + text[name.end() :]
        return text

    def _unknown_field(self, path: tuple[str, ...]) -> str | None:
        """The part of a path up to its first unknown name."""
        here: Kind | Fields = self._variables
        for depth, part in enumerate(path):
            if isinstance(here, str):
                return None
            if part not in here:
                return ".".join(path[: depth + 1])
            here = here[part]
        return None

    def _hint(self, wrong: str) -> str:
        near = difflib.get_close_matches(wrong, self._paths, n=1, cutoff=0.6)
        if near:
            return f"Did you mean “{near[0]}”?"
        return f"There are: {', '.join(self._variables)}."


class _Expression:
    """A checked expression. What it needs and does not find, and an error, make it nothing."""

    def __init__(
        self, text: str, expression: Any, grows: Growth | None, variables: Fields, times: tuple[tuple[str, ...], ...]
    ) -> None:
        self.text = text
        self._expression = expression
        self._grows = grows
        self._variables = variables
        self._times = times
        self._complained = False

    def _result(self, values: Mapping[str, Any]) -> tuple[str, Any] | None:
        """The type and the value; None if something is absent or null, or it failed, which is logged once."""
        try:
            data = self._data(values)
            if self._grows is None or self._grows.is_too_much(data):
                self._failed("it could take too much memory or time")
                return None
            result = self._expression.eval(data=data)
            kind, value = result.type().name(), result.value()
        except (RuntimeError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
            self._failed(str(error) or type(error).__name__)
            return None
        if kind in ("ERROR", "UNKNOWN"):
            if not _ABSENT.match(str(value)):
                self._failed(str(value))
            return None
        return None if kind == "NULL" else (kind, value)

    def _data(self, values: Mapping[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name, fields in self._variables.items():
            if not isinstance(fields, str):
                data[name] = data[asked(name)] = _plain_of(values.get(name, {}), fields)
            elif name in values and fields != "time":
                data[name] = _plain_of(values[name], fields)
        for path in self._times:
            moment = _moment(values, path)
            if moment is not None:
                data[".".join(path)] = moment
        return data

    def _failed(self, reason: str) -> None:
        CONDITION_ERRORS.inc()
        if not self._complained:
            self._complained = True
            log.warning("condition.failed", condition=self.text, reason=reason)


class Condition(_Expression):
    """A checked condition."""

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is true of `values`, variable by variable. Never raises.

        What it needs and does not find makes it false. So does an error, which is logged once for this condition.
        """
        match self._result(values):
            case ("BOOL", value):
                return bool(value)
            case (str() as kind, _):
                self._failed(f"it gives {kind.lower()}, not true or false")
        return False


class Reckoning(_Expression):
    """A checked expression that gives a number."""

    def value(self, values: Mapping[str, Any]) -> float | None:
        """The number that it gives for `values`, variable by variable; always finite. Never raises.

        None if it needs what is not there or is null. An error, and what is no finite number, are None, too, and are
        logged once for this expression.
        """
        match self._result(values):
            case ("INT" | "UINT" | "DOUBLE", value) if math.isfinite(value):
                return float(value)
            case (str() as kind, value):
                self._failed(f"it gives {kind.lower()} {value!r:.40}, no number")
        return None


def _is_no_comparison(operator: str, left: str, right: str) -> bool:
    """Whether one side is a number and the other can be none."""
    others = {left, right} - {"double"}
    numbers = operator == "in" and _OF_NUMBERS.fullmatch(right)
    return len(others) == 1 and not numbers and _NO_NUMBER.search(others.pop()) is not None


def _bounded(text: str) -> Growth:
    """How a condition grows, where that is little. Raises ConditionError."""
    tokens = tokens_of(text)
    signs = [match.group() for match in tokens]
    try:
        grows = growth(signs, sum(match.lastgroup == "name" for match in tokens))
    except Unreadable as error:
        raise ConditionError(str(error), 1) from None
    patterns = 0
    for at, sign in enumerate(signs):
        if sign == "matches" and signs[at + 1 : at + 2] == ["("]:
            end = signs.index(")", at) - 1
            if tokens[end].lastgroup != "text" or signs[end - 1] not in ("(", ","):
                raise ConditionError(
                    "The pattern of “matches” is a text, written out.", *place_of(text, tokens[at].start())
                )
            patterns += pattern_size(signs[end])
            if patterns > MOST_PATTERNS:
                raise ConditionError(
                    f"The patterns of “matches” could take too long: with what they repeat ({{n}}) written out, they "
                    f"have at most {MOST_PATTERNS} characters.",
                    *place_of(text, tokens[at].start()),
                )
    if grows.copies > MOST_COPIES:
        raise ConditionError(
            f"This could make {grows.copies:,} copies of one value, by map and other macros within or after one "
            f"another; at most {MOST_COPIES} are allowed. Use fewer of them, or name what they bind less often.",
            1,
        )
    if grows.work() > MOST_WORK:
        raise ConditionError("This could take too long: too much is written within macros, or in lists for them.", 1)
    return grows


def _leaves(fields: Fields, before: str = "") -> Iterator[tuple[str, Kind]]:
    for name, kind in fields.items():
        if isinstance(kind, str):
            yield before + name, kind
        else:
            yield from _leaves(kind, f"{before}{name}.")


def _explained(error: str, text: str) -> ConditionError:
    """What the CEL compiler says, as a sentence with its place."""
    found = _CEL_ERROR.search(error)
    if found is None:
        return ConditionError(error.splitlines()[0], 1)
    line, column, said = int(found[1]), int(found[2]), found[3]
    said = said.removesuffix(" [INVALID_ARGUMENT]").replace(" (in container '')", "").removeprefix("Syntax error: ")
    if not text.strip():
        return ConditionError("A condition is empty. Leave it out, or write true.", 1)
    if overload := _NO_OVERLOAD.search(said):
        sides = [re.sub(r"wrapper\((\w+)\)|google\.protobuf\.", r"\1", side).lower() for side in overload.group(2, 3)]
        return ConditionError(f"“{overload[1]}” does not go between {sides[0]} and {sides[1]}.", column, line)
    if "token recognition error at: '= '" in said:
        return ConditionError("“=” is not an operator. Did you mean “==”?", column, line)
    return ConditionError(f"{said[:1].upper()}{said[1:]}.", column, line)


def _moment(values: Mapping[str, Any], path: tuple[str, ...]) -> datetime | None:
    """The time at a path, given as a datetime or in RFC 3339; None if there is none."""
    here: Any = values
    for part in path:
        here = here.get(part) if isinstance(here, Mapping) else None
    if isinstance(here, str):
        try:
            here = datetime.fromisoformat(here)
        except ValueError:
            return None
    return here.astimezone(UTC) if isinstance(here, datetime) and here.tzinfo is not None else None


def _plain_of(value: Any, fields: Kind | Fields) -> Any:
    """A value as CEL takes it, with its numbers as doubles where the schema knows them."""
    if isinstance(fields, Mapping) and isinstance(value, Mapping):
        return {str(name): _plain_of(one, fields.get(str(name), "any")) for name, one in value.items()}
    if fields == "number" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return float(value)
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value as CEL takes it."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}s"
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
