"""Requests and answers of /v1/imports."""

from typing import Annotated, Any, Literal

from pydantic import Field

from csmodels.api import ItemStatus, Model
from csmodels.fields import UtcTime
from ingest.domain.imports.kinds import Kind

MOST_ROWS = 1_000  # of a slice
MOST_LINES = 1_100_000  # a million rows, and some empty lines
MOST_COLUMNS = 200
_SOURCE = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"

Mode = Literal["backfill", "live"]
Line = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
FieldName = Annotated[str, Field(min_length=1, max_length=100, strict=True)]
Header = Annotated[str, Field(max_length=10_000, strict=True)]
Source = Annotated[str, Field(pattern=_SOURCE, strict=True)]


class Reading(Model):
    """Which column is which field (`custom.X` and `properties.X` too), and how a column writes 1/2/2026."""

    kind: Kind
    columns: Annotated[dict[FieldName, Header], Field(min_length=1, max_length=MOST_COLUMNS)]
    days_first: Annotated[dict[FieldName, bool], Field(max_length=MOST_COLUMNS)] = Field(default_factory=dict)


class NewImport(Reading):
    """POST /v1/imports. `lines` is the file's last line; `mode` is decided here if left out."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", strict=True)]
    lines: Annotated[int, Field(ge=1, le=MOST_LINES, strict=True)]
    mode: Mode | None = None
    source: Source | None = None


class FileRow(Model):
    """A row's line in the file, and its cells by field as they are written there."""

    line: Line
    cells: Annotated[dict[FieldName, str], Field(max_length=MOST_COLUMNS)]


class Slice(Model):
    """POST /v1/imports/{id}/rows: rows in the order of the file. `from_line` follows on what was acknowledged."""

    from_line: Line
    rows: Annotated[list[FileRow], Field(min_length=1, max_length=MOST_ROWS)]


class Trial(Reading):
    """POST /v1/imports/preview: rows that are looked at and not taken; the first `show` are answered as events."""

    rows: Annotated[list[FileRow], Field(max_length=MOST_ROWS)]
    show: Annotated[int, Field(ge=0, le=100, strict=True)] = 10


class RowProblem(Model):
    """Why a row is refused: our field, the file's column, a code, and a sentence."""

    line: int
    field: str
    column: str | None
    code: str
    message: str


class RowResult(Model):
    """What became of a row; the problems of one that was refused."""

    line: int
    status: ItemStatus
    problems: list[RowProblem] = Field(default_factory=list)


class SliceAnswer(Model):
    """What became of a slice; every line up to `acknowledged` is answered for."""

    acknowledged: int
    accepted: int
    waiting: int
    refused: int
    rows: list[RowResult]


class TrialItem(Model):
    """A row as the item of /v1/events that it would be."""

    line: int
    item: dict[str, Any]


class TrialAnswer(Model):
    """What would become of the rows."""

    items: list[TrialItem]
    accepted: int
    refused: int
    problems: list[RowProblem]


class Import(Model):
    """An import and how far it is. Rows later than `live_after` are live; null: all are backfill."""

    id: str
    source: str
    kind: Kind
    sha256: str
    mode: Mode
    columns: dict[str, str]
    status: Literal["open", "done"]
    lines: int
    acknowledged: int
    accepted: int
    refused: int
    newest: UtcTime | None
    live_after: UtcTime | None
    created_at: UtcTime
    changed_at: UtcTime
