"""Records as Parquet and back. The value is the record's own bytes; the rest is for who queries files."""

import io
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec

from cskit.log import Record
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.files import ArchiveDamaged, ArchiveFile
from scoring.archive.place import Place

ROWS_AT_ONCE: Final = 2_000
_NEEDED: Final = ("offset", "appended_at", "key", "value")


class ArchivedRecord(NamedTuple):
    """A record of cs.customer-events as the log had it, poison and repeats included. timestamp_ms is the append time.

    csmodels.catalogue.parse(CUSTOMER_EVENTS, value, key) gives the event.
    """

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None

    def as_record(self) -> Record:
        """As a consumer would have read it, without headers."""
        return Record(CUSTOMER_EVENTS, self.partition, self.offset, self.timestamp_ms, self.key, self.value, ())


class _Envelope(msgspec.Struct):
    """What has a column of its own; null where the record is none of ours."""

    subject: str | None = None
    source: str | None = None
    id: str | None = None
    type: str | None = None
    time: datetime | None = None
    receivedtime: datetime | None = None
    personid: str | None = None
    backfill: bool | None = None


_decode: Final = msgspec.json.Decoder(_Envelope).decode
_NOTHING: Final = _Envelope()


@cache
def _schema() -> Any:
    import pyarrow as pa  # type: ignore[import-untyped]

    moment = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("offset", pa.int64(), nullable=False),
            pa.field("appended_at", pa.timestamp("ms", tz="UTC"), nullable=False),
            pa.field("account", pa.string()),
            pa.field("source", pa.string()),
            pa.field("id", pa.string()),
            pa.field("type", pa.string()),
            pa.field("time", moment),
            pa.field("received_at", moment),
            pa.field("person", pa.string()),
            pa.field("backfill", pa.bool_()),
            pa.field("key", pa.binary()),
            pa.field("value", pa.binary()),
        ]
    )


def encoded(records: Sequence[ArchivedRecord]) -> bytes:
    """The records of one file, offsets ascending, zstd. Equal records give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    envelopes = [_envelope(record.value) for record in records]
    columns = [
        [record.offset for record in records],
        [record.timestamp_ms for record in records],
        [each.subject or _text(record.key) for each, record in zip(envelopes, records, strict=True)],
        [each.source for each in envelopes],
        [each.id for each in envelopes],
        [each.type for each in envelopes],
        [each.time for each in envelopes],
        [each.receivedtime for each in envelopes],
        [each.personid for each in envelopes],
        [bool(each.backfill) if each.type else None for each in envelopes],
        [record.key for record in records],
        [record.value for record in records],
    ]
    arrays = [pa.array(values, type=field.type) for values, field in zip(columns, _schema(), strict=True)]
    out = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=_schema()),
        out,
        compression="zstd",
        use_dictionary=["account", "source", "type"],
        row_group_size=10 * ROWS_AT_ONCE,
        write_page_checksum=True,
    )
    return out.getvalue()


def decoded(place: Place, file: ArchiveFile, from_offset: int = 0) -> Iterator[ArchivedRecord]:
    """The records of a file from an offset on. ArchiveDamaged, naming the file, if it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(place.source(file), page_checksum_verification=True) as opened:
            for batch in opened.iter_batches(batch_size=ROWS_AT_ONCE, columns=list(_NEEDED)):
                offsets = batch.column("offset").to_pylist()
                if not offsets or offsets[-1] < from_offset:
                    continue
                stamps = batch.column("appended_at").cast(pa.int64()).to_pylist()
                keys, values = batch.column("key").to_pylist(), batch.column("value").to_pylist()
                for offset, stamp, key, value in zip(offsets, stamps, keys, values, strict=True):
                    if offset >= from_offset:
                        yield ArchivedRecord(file.partition, offset, stamp, key, value)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(place, file) from error


def accounts_in(place: Place, file: ArchiveFile, asked: Collection[str]) -> set[str]:
    """Which of these accounts have records in a file; reads one column. ArchiveDamaged as above."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(place.source(file), page_checksum_verification=True) as opened:
            found = opened.read(columns=["account"]).column("account").unique().to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        raise _damaged(place, file) from error
    return set(asked) & set(found)


def account_of(record: ArchivedRecord) -> str | None:
    """Whose record it is: its subject; of one that cannot be read, its key."""
    return _envelope(record.value).subject or _text(record.key)


def _text(key: bytes | None) -> str | None:
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return None


def _envelope(value: bytes | None) -> _Envelope:
    try:
        return _decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _NOTHING


def _damaged(place: Place, file: ArchiveFile) -> ArchiveDamaged:
    return ArchiveDamaged(
        f"{place.where}: the file {file.name} is damaged and cannot be read. Put it back from a copy of the archive."
    )
