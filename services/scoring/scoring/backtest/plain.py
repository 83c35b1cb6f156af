"""An event log and a table of churn dates as people have them: CSV or Parquet, with or without a server.

Columns are known by their names, in any order and in upper or lower case. A time without a zone is in the portfolio's.
"""

import codecs
import csv
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from csmodels.customer import Usage, UsageTracked
from csmodels.ids import AccountId, EventId, PersonId
from scoring.backtest.outcomes import Away, Outcome
from scoring.backtest.running import Past
from scoring.domain.calendar import local_day

EVENT_COLUMNS: Final = ("account", "time", "name", "person")
CHURN_COLUMNS: Final = ("account", "churned_on", "mrr")
LISTED: Final = 20  # bad rows that an error or a report names
_SERIAL: Final = re.compile(r"[2-6]\d{4}(?:\.\d+)?")  # of the years 1954 to 2091
_SHORT: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2})(:\d\d.*))?")
_EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001  # in the zone of the portfolio
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SECONDS: Final = re.compile(r"[0-9]{9,10}\.[0-9]{1,9}")  # since 1970
_SINCE_1970: Final = {9: 1, 10: 1, 12: 10**3, 13: 10**3, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}  # digits: a second
_GROUPED: Final = re.compile(r"(?!0)\d{1,3}(,\d{3})+(\.\d+)?")  # 1,200.50
_DECIMAL_COMMA: Final = re.compile(r"\d+,\d{1,2}|(?!0)\d{1,3}(\.\d{3})+,\d+")  # 1200,50 or 1.200,50
_BLOCK: Final = 1 << 20
_EVERY: Final = 10_000  # rows between two words of how far the reading is

Shown = Callable[[int], None]


class BadFile(ValueError):
    """A file that cannot be used; the text says which, where, and what to do."""


class Problem(NamedTuple):
    """A row that was left out: its line in the file (in Parquet the row's number, from 1), and why."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Churn:
    """When accounts left, and their monthly revenue where the table has it."""

    churned_on: Mapping[str, date]
    mrr: Mapping[str, float]


@dataclass(slots=True)
class EventLog:
    """Usage events, small: numbers of accounts, names and persons, and microseconds since 1970."""

    accounts: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    persons: list[str] = field(default_factory=list)
    account_of: "array[int]" = field(default_factory=lambda: array("l"))
    name_of: "array[int]" = field(default_factory=lambda: array("l"))
    person_of: "array[int]" = field(default_factory=lambda: array("l"))  # -1: nobody is named
    times: "array[int]" = field(default_factory=lambda: array("q"))
    problems: list[Problem] = field(default_factory=list)
    refused: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def span(self) -> tuple[datetime, datetime]:
        """The first and the last event. ValueError without events."""
        return _moment_of(min(self.times)), _moment_of(max(self.times))

    def counts(self, until: datetime) -> Counter[str]:
        """How often each name is there up to a moment."""
        known = np.array(self.times, dtype=np.int64) <= (until - _EPOCH) // _MICROSECOND
        counted = np.bincount(np.array(self.name_of, dtype=np.int64)[known], minlength=len(self.names))
        return Counter({name: int(count) for name, count in zip(self.names, counted, strict=True) if count})

    def pasts(self, churn: Churn, zone: tzinfo) -> Iterator[Past]:
        """Each account's past, by the names of accounts. Events of one day, name and person are one, with their count:
        facts know days only, so they are equal.
        """
        times, accounts = np.array(self.times, dtype=np.int64), np.array(self.account_of, dtype=np.int64)
        order = np.lexsort((times, accounts))
        bounds = np.searchsorted(accounts[order], np.arange(len(self.accounts) + 1))
        for number in sorted(range(len(self.accounts)), key=self.accounts.__getitem__):
            account = self.accounts[number]
            rows = order[bounds[number] : bounds[number + 1]].tolist()
            left = churn.churned_on.get(account)
            yield Past(
                account,
                tuple(self._events(account, rows, zone)),
                Outcome(() if left is None else (Away(left),)),
                churn.mrr.get(account),
                len(rows),
            )

    def _events(self, account: str, rows: Sequence[int], zone: tzinfo) -> Iterator[UsageTracked]:
        """The events of the rows, which rise by time."""
        together: dict[tuple[date, int, int], tuple[int, datetime]] = {}
        for row in rows:
            at = _moment_of(self.times[row])
            key = (local_day(at, zone), self.name_of[row], self.person_of[row])
            together[key] = (together[key][0] + 1 if key in together else 1, at)
        for number, ((_, name, person), (count, at)) in enumerate(together.items()):
            # made without checks: names and ids of a log at home need not be such that may travel
            yield UsageTracked.model_construct(
                id=EventId(str(number)),
                source="events",
                subject=AccountId(account),
                time=at,
                receivedtime=at,
                personid=None if person < 0 else person_id(person),
                data=Usage.model_construct(name=self.names[name], count=count),
            )


def read_events(path: Path, zone: tzinfo, now: datetime, shown: Shown = lambda _: None) -> EventLog:
    """The events of a file. Rows that say nothing usable are left out and told as problems.

    shown is told of rows as they are read. BadFile if it is no table, lacks a column, or has no usable row.
    """
    log = EventLog()
    accounts, names, persons = _Numbers(log.accounts), _Numbers(log.names), _Numbers(log.persons)
    latest = (now - _EPOCH) // _MICROSECOND
    for number, (line, (account, at, name, person)) in enumerate(_rows(path, EVENT_COLUMNS, 3), start=1):
        if number % _EVERY == 0:
            shown(_EVERY)
        try:
            micros = (_moment(at, zone) - _EPOCH) // _MICROSECOND
            if micros > latest:
                raise ValueError(f"time “{_short(at)}” lies in the future")
            if micros < 0:
                raise ValueError(f"time “{_short(at)}” lies before 1970")
            who, what, whom = _text(account, "account"), _text(name, "name"), _plain(person)
        except (ValueError, OverflowError) as error:
            log.refused += 1
            if len(log.problems) < LISTED:
                log.problems.append(Problem(line, str(error)))
            continue
        log.account_of.append(accounts[who])
        log.name_of.append(names[what])
        log.person_of.append(persons[whom] if whom else -1)
        log.times.append(micros)
    if not len(log):
        raise BadFile(f"{path} has no usable row.{_named(log.problems, log.refused)}")
    return log


def read_churn(path: Path, zone: tzinfo) -> Churn:
    """The churn dates of a file: the first day on which an account is no customer any more.

    BadFile if it is no table, lacks a column, or has a row that cannot be read or an account twice: what is missing
    here would be taken for customers that stayed.
    """
    churned_on: dict[str, date] = {}
    mrr: dict[str, float] = {}
    problems: list[Problem] = []
    for line, (account, on, revenue) in _rows(path, CHURN_COLUMNS, 2):
        try:
            who = _text(account, "account")
            day = _day(on, zone)
            if churned_on.setdefault(who, day) != day:
                raise ValueError(f"account “{_short(who)}” is there twice, with another day")
            amount = _amount(revenue) if _plain(revenue) else None
            if amount is not None and mrr.setdefault(who, amount) != amount:
                raise ValueError(f"account “{_short(who)}” is there twice, with another mrr: write their sum once")
        except (ValueError, OverflowError) as error:
            problems.append(Problem(line, str(error)))
    if problems:
        raise BadFile(f"{path} cannot be used.{_named(problems, len(problems))}")
    return Churn(churned_on, mrr)


def person_id(number: int) -> PersonId:
    """The id of a person by number: facts know people by ids as those of the people directory."""
    return PersonId(f"00000000-0000-4000-8000-{number:012x}")


class _Numbers(dict[str, int]):
    """Texts to the places at which they are kept."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, text: str) -> int:
        self[text] = len(self._kept)
        self._kept.append(text)
        return self[text]


# Rows


def _rows(path: Path, columns: Sequence[str], required: int) -> Iterator[tuple[int, Sequence[object]]]:
    """The lines and the cells of those columns, None for a column that is not there; the first `required` are."""
    try:
        with path.open("rb") as file:
            is_parquet = file.read(4) == b"PAR1"
        yield from (_parquet if is_parquet else _csv)(path, columns, required)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}.") from error


def _places(path: Path, headers: Sequence[str], columns: Sequence[str], required: int) -> list[int | None]:
    plain = [header.strip().casefold() for header in headers]
    for name in columns:
        if plain.count(name) > 1:
            raise BadFile(f"{path} has the column {name} {plain.count(name)} times. Leave one.")
    lacking = [name for name in columns[:required] if name not in plain]
    if lacking:
        optional = ", ".join(columns[required:])
        raise BadFile(
            f"{path} has no column {', '.join(lacking)}. Its columns are: {', '.join(headers) or 'none'}. "
            f"Needed are {', '.join(columns[:required])}; may be there: {optional}."
        )
    return [plain.index(name) if name in plain else None for name in columns]


def _csv(path: Path, columns: Sequence[str], required: int) -> Iterator[tuple[int, Sequence[object]]]:
    with path.open(encoding=_encoding(path), newline="") as file:
        head = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(",\t;", key=head.count), strict=True)
        places: list[int | None] | None = None
        begins = 1
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise BadFile(f"{path}, line {begins}: it is no CSV ({error}).") from error
            if cells is None:
                break
            if any(cells):
                if places is None:
                    places = _places(path, cells, columns, required)
                else:
                    count = len(cells)
                    yield begins, [cells[at] if at is not None and at < count else None for at in places]
            begins = reader.line_num + 1
        if places is None:
            raise BadFile(f"{path} is empty: the first row holds the names of the columns.")


def _encoding(path: Path) -> str:
    """By the mark at its beginning, else UTF-8, else Shift_JIS as Excel writes it."""
    with path.open("rb") as file:
        start = file.read(4)
        if start.startswith((b"\x1f\x8b", b"PK\x03\x04")):
            raise BadFile(f"{path} is packed (gzip or zip). Unpack it first.")
        for mark, encoding in _MARKS:
            if start.startswith(mark):
                return encoding
        for encoding in ("utf-8", "cp932"):
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)()
            try:
                for block in iter(lambda: file.read(_BLOCK), b""):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                continue  # the next one; what none can read is refused below
            return encoding
    raise BadFile(f"{path} is text neither in UTF-8 nor in Shift_JIS. Save it as UTF-8.")


def _parquet(path: Path, columns: Sequence[str], required: int) -> Iterator[tuple[int, Sequence[object]]]:
    import pyarrow as pa  # type: ignore[import-untyped]  # half a second to load, which CSV does not need
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        headers: list[str] = file.schema_arrow.names
        places = _places(path, headers, columns, required)
        wanted = [headers[at] for at in places if at is not None]
        begins = 1
        for batch in file.iter_batches(columns=wanted):
            cells = [[None] * batch.num_rows if at is None else _values(batch.column(headers[at])) for at in places]
            yield from enumerate(zip(*cells, strict=True), start=begins)
            begins += batch.num_rows
    except (pa.ArrowException, NotImplementedError) as error:
        raise BadFile(f"{path} is no Parquet file that can be read: {error}") from error


def _values(column: Any) -> list[object]:
    """A column's values in Python; moments finer than microseconds are cut, what is not UTF-8 is left as bytes."""
    from pyarrow import timestamp, types

    if types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(timestamp("us", column.type.tz), safe=False)
    try:
        values: list[object] = column.to_pylist()
    except (ValueError, OverflowError):  # of one that Python has not: not UTF-8, or not in the years 1 to 9999
        values = [_value(each) for each in column]
    return values


def _value(scalar: Any) -> object:
    try:
        value: object = scalar.as_py()
    except UnicodeDecodeError:
        return bytes(scalar.cast("binary").as_py())
    except OverflowError:
        return f"{scalar.type} {scalar.value}"
    return value


# Cells


def _named(problems: Iterable[Problem], count: int) -> str:
    shown = list(problems)[:LISTED]
    more = f" And {count - len(shown)} more." if count > len(shown) else ""
    return "".join(f"\n  line {line}: {what}." for line, what in shown) + more


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _plain(value: object) -> str:
    """A cell as text; a whole number as such, however it was stored. ValueError for bytes that are no text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if value != value else str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{_short(value)} is not text in UTF-8") from None
    return str(value).strip()


def _text(value: object, column: str) -> str:
    text = _plain(value)
    if not text:
        raise ValueError(f"{column} is empty")
    return text


def _moment(value: object, zone: tzinfo) -> datetime:
    """A moment: ISO 8601 (also with / for -, without zeros in front, and a day alone is its start), seconds since 1970
    (with decimals or without) or their thousandths, millionths or billionths, or days as Excel counts them.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime.combine(value, time.min, tzinfo=zone)
    text = _plain(value)
    if not text:
        raise ValueError("time is empty")
    if len(text) in _SINCE_1970 and text.isascii() and text.isdigit():
        return _EPOCH + int(text) * 1_000_000 // _SINCE_1970[len(text)] * _MICROSECOND
    if _SECONDS.fullmatch(text):
        return _EPOCH + int(Decimal(text) * 1_000_000) * _MICROSECOND
    if _SERIAL.fullmatch(text):
        return (_EXCEL_EPOCH + timedelta(seconds=round(float(text) * 86_400))).replace(tzinfo=zone)
    text = text.replace("/", "-").removesuffix(" UTC") + ("Z" if text.endswith(" UTC") else "")
    if short := _SHORT.fullmatch(text):  # as Excel writes it: 2026/1/5 8:01
        year, month, day, hour, rest = short.groups()
        text = f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}{rest}" if hour else "")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"time “{_short(text)}” should be such as 2026-01-31T09:05:00+09:00 or 2026-01-31") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _moment_of(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _day(value: object, zone: tzinfo) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if value is None or not _plain(value):
        raise ValueError("churned_on is empty")
    try:
        return local_day(_moment(value, zone), zone)
    except ValueError:
        raise ValueError(f"churned_on “{_short(value)}” should be a day such as 2026-01-31") from None


def _amount(value: object) -> float:
    """An amount; a comma parts thousands from hundreds, or stands before one or two decimals."""
    try:
        text = _plain(value)
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "")
        elif _DECIMAL_COMMA.fullmatch(text):
            text = text.replace(".", "").replace(",", ".")
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < 1e15:
        raise ValueError(f"mrr “{_short(value)}” should be an amount of 0 or more, such as 1200.50")
    return amount
