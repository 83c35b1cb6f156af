"""CSV and Excel files as headers and rows of text. Nothing is guessed about what they mean.

Text is read by its byte order mark, else as UTF-8, else as Shift_JIS (CP932, as Windows and Excel write it).
"""

import csv
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import charset_normalizer
import python_calamine as calamine

MAX_BYTES: Final = 64 * 1024 * 1024
MAX_UNPACKED: Final = 512 * 1024 * 1024
MAX_ROWS: Final = 1_000_000
MAX_COLUMNS: Final = 200
MAX_CELL: Final = 10_000  # characters; longer cells are refused by the server, with their line
_BLOCK: Final = 1024 * 1024
_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


class BadFile(Exception):
    """The file cannot be read; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its line in the file (of a sheet: its row number), and its cells as text, as many as there are headers."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """A file's first sheet. `last` is the line of its last row."""

    sha256: str
    encoding: str  # or "excel"
    headers: Sequence[str]
    lines: Sequence[Line]

    @property
    def last(self) -> int:
        return self.lines[-1].number if self.lines else 1


def read(path: Path) -> Table:
    """The file's rows; empty ones are left out. BadFile if it is no table, or beyond the limits."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadFile(f"{path} has more than {MAX_BYTES // _BLOCK} MB. Split it.")
        content = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}.") from error
    digest = hashlib.sha256(content).hexdigest()
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        encoding, rows = "excel", _sheet(content, path)
    else:
        encoding, text = decoded(content, path)
        rows = _csv(text, path)
    headers: list[str] | None = None
    lines: list[Line] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if headers is None:
            headers = _headers(cells, path)
            continue
        if any(cell.strip() for cell in cells[len(headers) :]):
            raise BadFile(
                f"{path}, line {number}: it has more cells than there are headers ({len(headers)}). Is a quote missing?"
            )
        lines.append(Line(number, [*cells[: len(headers)], *[""] * (len(headers) - len(cells))]))
        if len(lines) > MAX_ROWS:
            raise BadFile(f"{path} has more than {MAX_ROWS:,} rows. Split it.")
    if headers is None:
        raise BadFile(f"{path} is empty: the first row holds the headers.")
    return Table(digest, encoding, headers, lines)


def decoded(content: bytes, path: Path) -> tuple[str, str]:
    """The encoding and the text. BadFile if it is no text in an encoding we know."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            try:
                return encoding, content.decode(encoding)
            except UnicodeDecodeError as error:
                raise BadFile(
                    f"{path} begins as {encoding}, but byte {error.start} is not. Save it as UTF-8."
                ) from error
    for encoding in ("utf-8", "cp932"):
        try:
            return encoding, content.decode(encoding)
        except UnicodeDecodeError:
            continue  # the next one; what none can read is refused below
    best = charset_normalizer.from_bytes(content[:_BLOCK]).best()
    if best is not None:
        try:
            return best.encoding, content.decode(best.encoding)
        except UnicodeDecodeError:
            best = None
    raise BadFile(f"{path} is text neither in UTF-8 nor in Shift_JIS. Save it as UTF-8.")


def _headers(cells: Sequence[str], path: Path) -> list[str]:
    headers = [cell.strip() for cell in cells]
    while headers and not headers[-1]:
        headers.pop()
    if len(headers) > MAX_COLUMNS:
        raise BadFile(f"{path} has {len(headers)} columns, more than {MAX_COLUMNS}.")
    return headers


def _csv(text: str, path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",\t;", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise BadFile(f"{path}, line {begins}: it is no CSV ({error}).") from error
        yield begins, cells
        begins = reader.line_num + 1


def _sheet(content: bytes, path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    if content.startswith(b"PK"):
        _check_unpacked(content, path)
    try:
        book = calamine.load_workbook(io.BytesIO(content))
        rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (calamine.CalamineError, OSError, IndexError) as error:
        raise BadFile(f"{path} is no Excel file that can be read: {error}. Save it as CSV (UTF-8).") from error
    for number, row in enumerate(rows, start=1):
        yield number, [_text(cell) for cell in row]


def _check_unpacked(content: bytes, path: Path) -> None:
    """BadFile for a book whose parts are larger than a table can be, whatever they declare."""
    large = BadFile(f"{path} unpacks to more than {MAX_UNPACKED // _BLOCK} MB. Save it as CSV.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            if sum(part.file_size for part in book.infolist()) > MAX_UNPACKED:
                raise large
            total = 0
            for part in book.infolist():
                part.file_size = MAX_UNPACKED + 1  # read to the end of what is there, not of what is declared
                with book.open(part) as unpacked:
                    while block := unpacked.read(_BLOCK):
                        total += len(block)
                        if total > MAX_UNPACKED:
                            raise large
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        raise BadFile(f"{path} is no Excel file that can be read: {error}. Save it as CSV (UTF-8).") from error


def _text(cell: object) -> str:
    """A cell as a person would write it."""
    match cell:
        case bool():
            return "true" if cell else "false"
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case float():
            return format(Decimal(repr(cell)), "f")
        case datetime():
            return cell.strftime("%Y-%m-%d") if cell.time() == time() else cell.isoformat(" ", timespec="seconds")
        case date() | time() | timedelta():
            return str(cell)
        case _:
            return str(cell)
