"""One import of a file: begun or found again, its rows taken slice by slice, ended."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Row

from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Conflict, Invalid, NotFound
from cskit.messages import UnitOfWorks
from ingest.domain import native
from ingest.domain.drafts import Arrival, Refusal
from ingest.domain.imports import rows as reading_rows
from ingest.domain.imports.headers import missing
from ingest.domain.imports.kinds import SHAPES
from ingest.domain.imports.rows import Item, Problem
from ingest.imports.models import (
    FileRow,
    Import,
    NewImport,
    Reading,
    RowProblem,
    RowResult,
    Slice,
    SliceAnswer,
    Trial,
    TrialAnswer,
    TrialItem,
)
from ingest.intake import Intake
from ingest.settings import MAX_EVENT_BYTES
from ingest.store import imports as store

_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)  # every row is later
_NO_KEY: Final = b"preview"  # nothing that a preview makes travels

Visible = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Imports:
    """Takes files. A slice is acknowledged after the log has its events; a repeat makes the same events again."""

    intake: Intake
    database: Database
    unit_of_work: UnitOfWorks
    clocks: Clocks
    zone: tzinfo

    async def begin(self, source: str, asked: NewImport) -> Import:
        """The import of this file: new, or where it stopped. Conflict if it is done, or was begun in another way.

        Without a mode, the first rows of a kind from a source are backfill; later files are live for what is newer.
        """
        _check_columns(asked)
        now = self.clocks.world.now()
        async with self.unit_of_work() as uow:
            newest = await store.newest(uow, source, asked.kind)
            mode = asked.mode or ("backfill" if newest is None else "live")
            live_after = None if mode == "backfill" else newest or _ALWAYS
            fresh = {
                "mode": mode,
                "columns": _said(asked, None if live_after is None else live_after.isoformat()),
                "status": "open",
                "lines": asked.lines,
                "acknowledged": 0,
                "accepted": 0,
                "refused": 0,
                "newest": None,
                "created_at": now,
                "changed_at": now,
            }
            identity = {"id": str(uuid.uuid4()), "source": source, "kind": asked.kind, "sha256": asked.sha256}
            row = await store.of_file(uow, {**identity, **fresh})
            if _way(row) != (asked.columns, asked.days_first):
                _check_may_begin_anew(row)
                # What it has taken stays taken, and its newest row is not forgotten: later files are live after it.
                columns = _said(asked, json.loads(row.columns)["live_after"])
                await store.change(uow, row.id, {**fresh, "newest": row.newest, "mode": row.mode, "columns": columns})
                row = await store.of_file(uow, {**identity, **fresh})
            elif row.status == "done":
                raise Conflict(
                    "already_imported",
                    f"This file was imported on {_text(row.changed_at)}: {row.accepted} rows taken, {row.refused} "
                    "refused. Correct the refused rows in a new file and import that.",
                    extra={"id": row.id, "imported_at": _text(row.changed_at)},
                )
            elif asked.mode is not None and asked.mode != row.mode:
                raise Conflict(
                    "other_mode",
                    f"This import was begun as {row.mode} and stands at line {row.acknowledged}. "
                    f"Continue it with --as {row.mode}.",
                    field="mode",
                )
        return told(row)

    async def take(self, import_id: str, part: Slice, visible: Visible) -> SliceAnswer:
        """Take rows and answer for each. Conflict for a gap or an ended import; Unavailable: send the slice again."""
        async with self.database.read() as tx:
            row = _open(await store.one(tx, import_id), import_id, visible)
        _check_order(row, part)
        reading = _reading(row, self.zone)
        read = self._read(part.rows, reading)
        items = [one for one in read if isinstance(one, Item)]
        answer = await self.intake.native(row.source, [one.to_bytes() for one in items]) if items else {"items": []}
        results = _results(part.rows, read, items, answer["items"], reading)
        now = self.clocks.world.now()
        async with self.unit_of_work() as uow:
            row = _open(await store.locked(uow, import_id), import_id, visible)
            new = [one for one in results if one.line > row.acknowledged]
            refused = sum(one.status == "refused" for one in new)
            taken = {one.line for one in results if one.status != "refused"}
            times = [min(one.time, now) for one in items if one.line in taken]
            newest = max([*times, *([row.newest] if row.newest is not None else [])], default=None)
            acknowledged = max(row.acknowledged, part.rows[-1].line)
            values = {
                "acknowledged": acknowledged,
                "accepted": row.accepted + len(new) - refused,
                "refused": row.refused + refused,
                "newest": newest,
                "changed_at": now,
            }
            await store.change(uow, import_id, values)
        return SliceAnswer(
            acknowledged=acknowledged,
            accepted=sum(one.status in ("accepted", "duplicate") for one in results),
            waiting=sum(one.status == "waiting" for one in results),
            refused=sum(one.status == "refused" for one in results),
            rows=results,
        )

    async def end(self, import_id: str, visible: Visible) -> Import:
        """Mark it done, so that the same file is refused from now on. Conflict while lines are missing."""
        async with self.unit_of_work() as uow:
            row = _seen(await store.locked(uow, import_id), import_id, visible)
            if row.status != "done":
                if row.acknowledged < row.lines:
                    raise Conflict(
                        "import_not_finished",
                        f"The import stands at line {row.acknowledged} of {row.lines}. Send the rows after it first.",
                    )
                await store.change(uow, import_id, {"status": "done", "changed_at": self.clocks.world.now()})
                row = _seen(await store.locked(uow, import_id), import_id, visible)
        return told(row)

    async def show(self, import_id: str, visible: Visible) -> Import:
        """The import. NotFound if there is none that the caller may see."""
        async with self.database.read() as tx:
            return told(_seen(await store.one(tx, import_id), import_id, visible))

    def preview(self, asked: Trial) -> TrialAnswer:
        """What would become of the rows. Nothing is kept."""
        _check_columns(asked)
        now = self.clocks.world.now()
        reading = reading_rows.Reading(asked.kind, asked.columns, self.zone, now, asked.days_first)
        items: list[TrialItem] = []
        problems: list[Problem] = []
        refused = 0
        for one in self._read(asked.rows, reading):
            found = _trial(one, reading, now) if isinstance(one, Item) else one
            problems += found
            refused += bool(found)
            if isinstance(one, Item) and not found and len(items) < asked.show:
                items.append(TrialItem(line=one.line, item=dict(one.said)))
        return TrialAnswer(
            items=items,
            accepted=len(asked.rows) - refused,
            refused=refused,
            problems=[_told_problem(problem) for problem in problems],
        )

    def _read(self, rows: Sequence[FileRow], reading: reading_rows.Reading) -> list[Item | Sequence[Problem]]:
        return [reading_rows.item(row.line, row.cells, reading) for row in rows]


def told(row: Row[Any]) -> Import:
    """The row as it is answered."""
    said = json.loads(row.columns)
    return Import(
        id=row.id,
        source=row.source,
        kind=row.kind,
        sha256=row.sha256,
        mode=row.mode,
        columns=said["columns"],
        status=row.status,
        lines=row.lines,
        acknowledged=row.acknowledged,
        accepted=row.accepted,
        refused=row.refused,
        newest=row.newest,
        live_after=said["live_after"],
        created_at=row.created_at,
        changed_at=row.changed_at,
    )


def _said(asked: NewImport, live_after: str | None) -> str:
    """How the file is read, as the row keeps it."""
    said = {"columns": asked.columns, "days_first": asked.days_first, "live_after": live_after}
    return json.dumps(said, ensure_ascii=False)


def _way(row: Row[Any]) -> tuple[dict[str, str], dict[str, bool]]:
    said = json.loads(row.columns)
    return said["columns"], said["days_first"]


def _reading(row: Row[Any], zone: tzinfo) -> reading_rows.Reading:
    columns, days_first = _way(row)
    live_after = json.loads(row.columns)["live_after"]
    return reading_rows.Reading(
        kind=row.kind,
        columns=columns,
        zone=zone,
        moment=row.created_at,
        days_first=days_first,
        live_after=None if live_after is None else datetime.fromisoformat(live_after),
    )


def _check_columns(asked: Reading) -> None:
    shape = SHAPES[asked.kind]
    for name in asked.columns:
        if shape.field(name) is None:
            own = f", and {shape.free}.NAME for a column of your own" if shape.free else ""
            fields = ", ".join(field.name for field in shape.fields)
            raise Invalid(
                "unknown_field",
                f"“{name}” is no field of {asked.kind}. There are: {fields}{own}.",
                field=f"columns.{name}",
            )
    lacking = missing(asked.kind, asked.columns)
    if lacking:
        raise Invalid(
            "missing_column",
            f"No column is named for {', '.join(lacking)}: without it no row of {asked.kind} can be taken. "
            "Name the column with --map.",
            field="columns",
        )


def _check_may_begin_anew(row: Row[Any]) -> None:
    """Other columns are welcome while they can mend something; else the same rows would be told in two ways."""
    if row.accepted and not row.refused:
        raise Conflict(
            "other_columns",
            f"This file was begun with other columns, and {row.accepted} of its rows are taken. "
            "Import it with the columns it was begun with: GET /v1/imports shows them.",
            field="columns",
        )


def _seen(row: Row[Any] | None, import_id: str, visible: Visible) -> Row[Any]:
    if row is None or not visible(row.source):
        raise NotFound("unknown_import", f"There is no import {import_id}. GET /v1/imports lists them.")
    return row


def _open(row: Row[Any] | None, import_id: str, visible: Visible) -> Row[Any]:
    found = _seen(row, import_id, visible)
    if found.status == "done":
        raise Conflict("import_done", f"The import {import_id} ended on {_text(found.changed_at)}.")
    return found


def _check_order(row: Row[Any], part: Slice) -> None:
    lines = [each.line for each in part.rows]
    if lines[0] < part.from_line or any(later <= earlier for earlier, later in pairwise(lines)):
        raise Invalid("lines_out_of_order", "The lines of a slice ascend, beginning at from_line.", field="rows")
    if lines[-1] > row.lines:
        raise Invalid("beyond_the_file", f"The file was said to have {row.lines} lines.", field="rows")
    if part.from_line > row.acknowledged + 1:
        raise Conflict(
            "import_gap",
            f"The import stands at line {row.acknowledged}: send the rows from line {row.acknowledged + 1} on.",
            field="from_line",
            extra={"acknowledged": row.acknowledged},
        )


def _trial(item: Item, reading: reading_rows.Reading, now: datetime) -> Sequence[Problem]:
    raw = item.to_bytes()
    if len(raw) > MAX_EVENT_BYTES:
        message = f"The row is refused: as an event it has {len(raw)} bytes, more than {MAX_EVENT_BYTES}."
        return [Problem(item.line, "", None, "event_too_large", message)]
    found = native.draft(raw, 0, Arrival("preview", now, _NO_KEY))
    if isinstance(found, Refusal):
        return [reading_rows.problem_of(item.line, found.field, found.code, found.message, reading)]
    return []


def _results(
    rows: Sequence[FileRow],
    read: Sequence[Item | Sequence[Problem]],
    items: Sequence[Item],
    answers: Sequence[dict[str, Any]],
    reading: reading_rows.Reading,
) -> list[RowResult]:
    by_line = {item.line: answer for item, answer in zip(items, answers, strict=True)}
    results = []
    for row, one in zip(rows, read, strict=True):
        if not isinstance(one, Item):
            problems = [_told_problem(problem) for problem in one]
            results.append(RowResult(line=row.line, status="refused", problems=problems))
            continue
        said = by_line[row.line]
        problems = []
        if said["status"] == "refused":
            refused = reading_rows.problem_of(row.line, said["field"], said["code"], said["message"], reading)
            problems = [_told_problem(refused)]
        results.append(RowResult(line=row.line, status=said["status"], problems=problems))
    return results


def _told_problem(problem: Problem) -> RowProblem:
    return RowProblem(
        line=problem.line,
        field=problem.field,
        column=problem.column,
        code=problem.code,
        message=problem.message,
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
