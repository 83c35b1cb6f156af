"""A row of a file as an item of /v1/events, or all that is wrong with it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any, Final
from unicodedata import category

from ingest.domain.imports import values
from ingest.domain.imports.kinds import SHAPES, Field, Kind, Shape

MAX_CELL: Final = 10_000  # characters
_OUTSIDE: Final = ("account", "user", "time")  # fields of the item rather than of its data


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of an import are read. `columns` is field -> header; `days_first` as a whole column decided.

    Rows later than `live_after` are live, all others are backfill; None: every row is backfill. `moment` is the time
    of rows that have none.
    """

    kind: Kind
    columns: Mapping[str, str]
    zone: tzinfo
    moment: datetime
    days_first: Mapping[str, bool] = field(default_factory=dict)
    live_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused. The value is not told: it may be personal, and its place says enough."""

    line: int
    field: str
    column: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Item:
    """A row as an item of /v1/events, and its time."""

    line: int
    said: Mapping[str, Any]
    time: datetime

    def to_bytes(self) -> bytes:
        """The item as JSON."""
        return json.dumps(self.said, ensure_ascii=False, separators=(",", ":")).encode()


def item(line: int, cells: Mapping[str, str], reading: Reading) -> Item | Sequence[Problem]:
    """What the row says; the same row in another file has the same id, a changed one another.

    The id holds an "@", so that it travels as the deployment's keyed hash: nobody guesses an address from it.
    """
    shape = SHAPES[reading.kind]
    problems: list[Problem] = []
    read: dict[str, Any] = {}
    for name, text in cells.items():
        known = shape.field(name)
        if known is None:
            problems.append(_problem(line, name, reading, "unknown_field", f"is no field of {reading.kind}"))
            continue
        try:
            value = _value(known, text, reading)
        except values.Unreadable as error:
            problems.append(_problem(line, name, reading, error.code, error.rule))
            continue
        if value is not None:
            read[name] = value
    bad = {problem.field for problem in problems}
    for name in _lacking(shape, read):
        if not bad & set(name.split(" or ")):
            problems.append(_problem(line, name, reading, "missing_field", "is empty, and every row needs it"))
    if problems:
        return problems
    return _item(line, read, shape, reading)


def problem_of(line: int, refusal_field: str, code: str, message: str, reading: Reading) -> Problem:
    """The refusal of a row's item as a problem of its column."""
    name = refusal_field.removeprefix("data.")
    column = reading.columns.get(name)
    told = message if column is None else f"{message} Column: {column}."
    return Problem(line, name, column, code, told)


def _value(known: Field, text: str, reading: Reading) -> Any:
    if len(text) > MAX_CELL:
        raise values.Unreadable("cell_too_long", f"has more than {MAX_CELL} characters")
    said = text.strip()
    if not said:
        return None
    if any(category(letter) in ("Cc", "Cs") for letter in said):
        raise values.Unreadable("control_character", "holds a control character, such as a line break")
    order = reading.days_first.get(known.name)
    match known.form:
        case "whole":
            return values.whole(said)
        case "money":
            return values.money(said)
        case "day":
            return values.day(said, order)
        case "moment":
            return values.moment(said, order, reading.zone)
        case "yes_no":
            return values.yes_no(said)
        case "word":
            return values.word(reading.kind, known.name, said)
        case "lower":
            return values.plain(said).lower().replace(" ", "_")
        case _:
            return _free(said) if "." in known.name else said


def _free(said: str) -> object:
    """A column of one's own: a number if it is written as one, without marks; text otherwise."""
    if len(said) <= 15 and said.isascii() and said.lstrip("-").isdigit() and str(int(said)) == said:
        return int(said)
    return said


def _lacking(shape: Shape, read: Mapping[str, Any]) -> list[str]:
    names = [known.name for known in shape.fields if known.needed and known.name not in read]
    if shape.one_of and not any(name in read for name in shape.one_of):
        names.append(" or ".join(shape.one_of))
    return names


def _item(line: int, read: Mapping[str, Any], shape: Shape, reading: Reading) -> Item:
    data: dict[str, Any] = {}
    for name, value in read.items():
        if name in _OUTSIDE:
            continue
        told = _written(value)
        if shape.free is not None and name.startswith(f"{shape.free}."):
            data.setdefault(shape.free, {})[name.removeprefix(f"{shape.free}.")] = told
        else:
            data[name] = int(value) if name == "severity" else told
    said: dict[str, Any] = {"type": shape.type, "data": data}
    if "account" in read:
        said["account"] = read["account"]
    user = read.get("user", read.get("email") if reading.kind == "contacts" else None)
    if user is not None:
        said["user"] = user
    own = read.get("time") or max((read[name] for name in shape.times if name in read), default=None)
    content = json.dumps({**said, "time": _written(own)}, sort_keys=True, ensure_ascii=False)
    key = [str(_written({**read, "user": user}.get(name))) for name in shape.key]
    digest = hashlib.sha256(json.dumps([reading.kind, key, content], ensure_ascii=False).encode()).hexdigest()
    time = own if own is not None else reading.moment
    said |= {
        "id": f"import@{digest}",
        "time": _written(time),
        "backfill": reading.live_after is None or time <= reading.live_after,
    }
    return Item(line, said, time)


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _problem(line: int, name: str, reading: Reading, code: str, rule: str) -> Problem:
    column = reading.columns.get(name)
    called = name if column is None else f"{name} (column {column})"
    return Problem(line, name, column, code, f"{called} {rule}.")
