"""Accounts as lines of NDJSON or CSV. Pure."""

import csv
import io
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec

from scoring.encoding import encode

BOM: Final = "\ufeff"
_GZIP: Final = zlib.MAX_WBITS | 16
_LEVEL: Final = 3
# What a spreadsheet takes for a formula, also in full width; a tab or a line break lets it begin in the next cell.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_PER_MEASURE: Final = "contributions"


class Format(Protocol):
    """One way to write accounts."""

    media_type: str

    def head(self) -> str:
        """What comes before the first account."""

    def lines(self, accounts: Sequence[Mapping[str, Any]]) -> bytes:
        """Some accounts, as scoring.encoding.summary_of gives them."""


class Ndjson:
    """A JSON object a line, as the list has it."""

    media_type = "application/x-ndjson"

    def head(self) -> str:
        return ""

    def lines(self, accounts: Sequence[Mapping[str, Any]]) -> bytes:
        return b"".join(encode(account) + b"\n" for account in accounts)


class Csv:
    """RFC 4180. Contributions have a column per measure, named contribution.<measure>; lists are joined by a blank.

    A text that a spreadsheet would take for a formula begins with an apostrophe, unless it is asked for `raw`.
    """

    media_type = "text/csv; charset=utf-8"

    def __init__(
        self, fields: Sequence[str], measures: Sequence[str], *, bom: bool, headed: bool, raw: bool = False
    ) -> None:
        self._fields = [name for name in fields if name != _PER_MEASURE]
        self._measures = measures if _PER_MEASURE in fields else ()
        self._bom = bom
        self._headed = headed
        self._raw = raw

    def head(self) -> str:
        if not self._headed:
            return ""
        out = io.StringIO()
        csv.writer(out).writerow([*self._fields, *(f"contribution.{measure}" for measure in self._measures)])
        return (BOM if self._bom else "") + out.getvalue()

    def lines(self, accounts: Sequence[Mapping[str, Any]]) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out)
        for account in accounts:
            told = {one.measure: one.contribution for one in account.get(_PER_MEASURE, ())} if self._measures else {}
            writer.writerow(
                [
                    *(cell(account[name], raw=self._raw) for name in self._fields),
                    *(cell(told.get(measure)) for measure in self._measures),
                ]
            )
        return out.getvalue().encode()


def cell(value: Any, *, raw: bool = False) -> str:
    """A value as a cell of CSV: nothing for null, times in RFC 3339, numbers unrounded."""
    match value:
        case None:
            return ""
        case str():
            return value if raw or not _is_formula(value) else f"'{value}"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case float() | int():
            return repr(value)
        case msgspec.Raw():  # a list of codes
            return " ".join(msgspec.json.decode(value))
        case _:  # adjustments
            return " ".join(f"{one.kind}:{one.reason}:{one.points!r}" for one in value)


def text_of(written: str) -> str:
    """The text that was written into a cell."""
    return written[1:] if written.startswith("'") and _is_formula(written) else written


def _is_formula(text: str) -> bool:
    """Also with apostrophes in front, so that what is written can be told back."""
    return text.lstrip("'").startswith(_FORMULA)


async def gzipped(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The parts packed while they come."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    async for part in parts:
        if packed := packer.compress(part):
            yield packed
    yield packer.flush()
