"""`kizashi import`: a file is read here, in slices, and taken by the server, which says what became of each row."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, cast, get_args

import httpx
import yaml

from allinone.commands.calls import Unreachable, said, server_client
from allinone.commands.output import complain, say, show
from allinone.commands.progress import progress
from cskit.documents import DocumentLoader
from cskit.errors import Invalid
from cskit.settings import Settings
from ingest.domain.imports import headers, values
from ingest.domain.imports.kinds import SHAPES, Kind
from ingest.imports import files

KINDS: Final = cast("tuple[Kind, ...]", get_args(Kind))
MOST_ROWS: Final = 500  # of a slice
MOST_CHARACTERS: Final = 400_000  # of a slice: far below what the server takes, whatever the letters
SHOWN: Final = 10  # rows that a dry run shows as events
LISTED: Final = 200  # problems that are printed; with --json all are
_PATIENCE: Final = 120.0  # seconds that a server may be busy
_BUSY: Final = (429, 503)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    kind: Kind
    file: Path
    map_file: Path | None = None
    mode: str | None = None
    source: str | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a file. `items` are its first rows as events, of a dry run."""

    rows: int
    headers: Sequence[str]
    columns: Mapping[str, str]
    encoding: str
    accepted: int = 0
    waiting: int = 0
    refused: int = 0
    continued_after: int = 0
    mode: str | None = None
    items: list[Any] = field(default_factory=list)
    problems: list[Any] = field(default_factory=list)


def known_kind(kind: str) -> Kind:
    """The kind of that name. Invalid if there is none."""
    for known in KINDS:
        if kind == known:
            return known
    raise Invalid("unknown_kind", f"“{kind}” cannot be imported. There are: {', '.join(KINDS)}.", field="kind")


def dry_run(settings: Settings, asked: Asked) -> Outcome:
    """Look at every row of the file and take none."""
    table, columns = _opened(asked)
    outcome = Outcome(len(table.lines), table.headers, columns, table.encoding)
    reading = _reading(asked.kind, table, columns)
    with server_client(settings, "ingest") as client, progress(len(table.lines)) as advance:
        for rows in _slices(table, columns, after=0):
            body = {**reading, "rows": rows, "show": max(SHOWN - len(outcome.items), 0)}
            answer = _patiently(client, "/v1/imports/preview", body)
            outcome.accepted += answer["accepted"]
            outcome.refused += answer["refused"]
            outcome.items += answer["items"]
            outcome.problems += answer["problems"]
            advance(len(rows))
    return outcome


def take(settings: Settings, asked: Asked) -> Outcome:
    """Have the server take the file, from where it stopped. Refused if it was imported before.

    Interrupted, the same call goes on: the server knows the last line that it answered for.
    """
    table, columns = _opened(asked)
    outcome = Outcome(len(table.lines), table.headers, columns, table.encoding)
    begin = {
        **_reading(asked.kind, table, columns),
        "sha256": table.sha256,
        "lines": table.last,
        "mode": asked.mode,
        "source": asked.source,
    }
    with server_client(settings, "ingest") as client:
        begun = _patiently(client, "/v1/imports", begin)
        place: int = begun["acknowledged"]
        outcome.continued_after, outcome.mode = place, begun["mode"]
        with progress(len(table.lines)) as advance:
            advance(sum(line.number <= place for line in table.lines))
            for rows in _slices(table, columns, after=place):
                body = {"from_line": place + 1, "rows": rows}
                answer = _patiently(client, f"/v1/imports/{begun['id']}/rows", body)
                outcome.accepted += answer["accepted"]
                outcome.waiting += answer["waiting"]
                outcome.refused += answer["refused"]
                outcome.problems += [problem for row in answer["rows"] for problem in row["problems"]]
                place = answer["acknowledged"]
                advance(len(rows))
        _patiently(client, f"/v1/imports/{begun['id']}/done", {})
    return outcome


def tell(asked: Asked, outcome: Outcome, *, dry_run: bool) -> None:
    """What happened: the mapping, of a dry run the first rows as events, every problem with its line, the sums."""
    _tell_columns(asked, outcome)
    if dry_run:
        _tell_items(outcome)
    for problem in outcome.problems[:LISTED]:
        complain(f"line {problem['line']}: {problem['message']}")
    if len(outcome.problems) > LISTED:
        complain(f"{len(outcome.problems) - LISTED} more problems: --json prints all.")
    if outcome.continued_after > 1:
        say(f"Continued after line {outcome.continued_after}.")
    waiting = f", {outcome.waiting} waiting for an account" if outcome.waiting else ""
    if dry_run:
        say(f"{outcome.accepted} rows can be taken, {outcome.refused} not. Nothing was imported.")
    else:
        say(f"{outcome.accepted} rows taken{waiting}, {outcome.refused} refused ({outcome.mode}).")


def _tell_columns(asked: Asked, outcome: Outcome) -> None:
    """The mapping as the YAML that --map takes, and what is left out, on standard error."""
    used = set(outcome.columns.values())
    words = set(headers.guess(asked.kind, outcome.headers).words)
    complain(f"# {asked.file}: {outcome.rows} rows, {outcome.encoding}. Save this as a file and change it for --map:")
    complain(yaml.safe_dump({"columns": dict(outcome.columns)}, allow_unicode=True, sort_keys=False).rstrip())
    left = [header for header in outcome.headers if header not in used and header]
    if left:
        complain(f"# Not taken: {', '.join(left)}")
    if words & set(left):
        complain("# Words that people wrote are not imported; POST /v1/texts keeps them.")


def _tell_items(outcome: Outcome) -> None:
    rows = [
        {
            "line": one["line"],
            "type": one["item"]["type"],
            "account": one["item"].get("account"),
            "user": one["item"].get("user"),
            "time": one["item"]["time"],
            "data": ", ".join(f"{name}={value}" for name, value in one["item"]["data"].items()),
        }
        for one in outcome.items
    ]
    show(rows, ("line", "type", "account", "user", "time", "data"), as_json=False, empty="No row can be taken.")


def _opened(asked: Asked) -> tuple[files.Table, Mapping[str, str]]:
    try:
        table = files.read(asked.file)
    except files.BadFile as error:
        raise Invalid("bad_file", str(error), field="file") from error
    guessed = headers.guess(asked.kind, table.headers).columns
    columns = guessed if asked.map_file is None else _mapped(asked.kind, asked.map_file, table.headers)
    lacking = headers.missing(asked.kind, columns)
    if lacking:
        raise Invalid(
            "missing_column",
            f"{asked.file} has no column that is known as {', '.join(lacking)}. Its columns: "
            f"{', '.join(table.headers)}. Name the right one with --map FILE: a YAML such as "
            f"{{columns: {{{lacking[0].split(' ')[0]}: HEADER}}}}.",
            field="map",
        )
    return table, columns


def _mapped(kind: Kind, path: Path, known: Sequence[str]) -> Mapping[str, str]:
    """The mapping in the file. Invalid, with what is wrong and what there is."""
    try:
        said = DocumentLoader(path.read_text(encoding="utf-8-sig")).get_single_data()
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise Invalid("bad_map", f"{path} cannot be read as YAML: {error}.", field="map") from error
    columns = said.get("columns") if isinstance(said, dict) else None
    if not isinstance(columns, dict) or not columns:
        raise Invalid("bad_map", f"{path} should hold {{columns: {{our field: header in the file}}}}.", field="map")
    names = [one.name for one in SHAPES[kind].fields]
    mapped: dict[str, str] = {}
    for name, header in columns.items():
        if SHAPES[kind].field(str(name)) is None:
            near = get_close_matches(str(name), names, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise Invalid("bad_map", f"{path}: {kind} have no field {name}.{hint} There are: {', '.join(names)}.")
        times = list(known).count(str(header).strip())
        if times != 1:
            fault = "has no column" if times == 0 else f"has {times} columns of the name"
            raise Invalid("bad_map", f"{path}: the file {fault} “{header}”. Its columns: {', '.join(known)}.")
        mapped[str(name)] = str(header).strip()
    return mapped


def _reading(kind: Kind, table: files.Table, columns: Mapping[str, str]) -> Row:
    """The columns, and for each of days how the whole of it writes 1/2/2026."""
    days_first: dict[str, bool] = {}
    for name, header in columns.items():
        known = SHAPES[kind].field(name)
        if known is not None and known.form in ("day", "moment"):
            at = table.headers.index(header)
            decided = values.days_come_first(line.cells[at] for line in table.lines)
            if decided is not None:
                days_first[name] = decided
    return {"kind": kind, "columns": dict(columns), "days_first": days_first}


def _slices(table: files.Table, columns: Mapping[str, str], *, after: int) -> Iterator[list[Row]]:
    """The rows after that line by field, in slices that are small enough to send."""
    places = {name: table.headers.index(header) for name, header in columns.items()}
    rows: list[Row] = []
    size = 0
    for line in table.lines:
        if line.number <= after:
            continue
        cells, length = _cells(line, places)
        if rows and (len(rows) == MOST_ROWS or size + length > MOST_CHARACTERS):
            yield rows
            rows, size = [], 0
        rows.append({"line": line.number, "cells": cells})
        size += length
    if rows:
        yield rows


def _cells(line: files.Line, places: Mapping[str, int]) -> tuple[dict[str, str], int]:
    """The row's cells and their length. Of one that the server must refuse, as much is sent as shows it."""
    cells: dict[str, str] = {}
    length = 0
    for name, at in places.items():
        if length > MOST_CHARACTERS:
            break
        cells[name] = line.cells[at].strip()[: files.MAX_CELL + 1]
        length += len(cells[name])
    return cells, length


def _patiently(client: httpx.Client, path: str, body: Row) -> Any:
    """The answer of a POST, asked again while the server is busy. Refused or Unreachable as `call` has it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            answer = client.post(path, json=body)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{client.base_url} does not answer: {error}. The same command goes on where it stopped."
            ) from error
        if answer.status_code not in _BUSY:
            return said(answer)
        if time.monotonic() > deadline:
            raise Unreachable(f"{client.base_url} is busy. The same command goes on where it stopped.")
        time.sleep(_wait(answer))


def _wait(answer: httpx.Response) -> float:
    given = answer.headers.get("retry-after", "1")
    return min(float(given), 30.0) if given.replace(".", "", 1).isdigit() else 1.0
