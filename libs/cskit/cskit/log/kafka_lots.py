"""Records as they lie in what Kafka's broker sent, by columns: nothing is made of each.

aiokafka makes an object of each record. What is here takes the place of three of its names, for those consumers that
ask for it by a deserializer that is Lots; it is written for the versions that it knows, and with another one records
are made as ever. The format is that of Kafka's documentation, "Record Batch", magic 2.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from struct import Struct
from typing import Any, Final, overload

import aiokafka
import numpy as np
from aiokafka import codec
from aiokafka.consumer import fetcher as _fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import util

from cskit.log.base import Headers, Records
from cskit.slices import PADDING, Ints, Slices

_VERSIONS: Final = ("0.14.0",)
# base offset, length, leader epoch, magic, crc, attributes, last offset delta, first and max timestamp,
# producer id and epoch, base sequence, records
_HEADER: Final = Struct(">qiibIhiqqqhii")
_BEFORE_LENGTH: Final = 12  # bytes that the length does not count
_BEFORE_ATTRIBUTES: Final = 21  # bytes that the checksum does not count
_MAGIC: Final = 2
_COMPRESSION, _APPEND_TIME, _CONTROL = 0x07, 0x08, 0x20
_POLL: Final = 128 << 20  # bytes: what is unpacked waits in memory for the end of its transaction
_DECODERS: Final = {1: codec.gzip_decode, 2: codec.snappy_decode, 3: codec.lz4_decode, 4: codec.zstd_decode}


class Lots:
    """A consumer that is given this for its values gets a Lot of each partition instead of a list of records.

    room: how many records the poll asks for that is under way; 0 before the first. left: how many bytes it may unpack.
    """

    room = 0
    left = _POLL

    def ask(self, records: int) -> None:
        """A poll for so many begins."""
        self.room, self.left = records, _POLL

    def __call__(self, value: bytes | None) -> bytes | None:
        return value


class Lot:
    """Records of one partition. append_time: whether their times are the log's own."""

    __slots__ = ("append_time", "records")

    def __init__(self, records: Records, *, append_time: bool) -> None:
        self.records = records
        self.append_time = append_time

    def __len__(self) -> int:
        return len(self.records)


fetcher: Any = _fetcher


def install() -> bool:
    """Have aiokafka give lots to those who ask; False where this version of it is not known."""
    if aiokafka.__version__ not in _VERSIONS:
        return False
    fetcher.MemoryRecords = _Sent
    fetcher.PartitionRecords = _partition_records
    fetcher.FetchResult = _Fetched
    return True


_CRC: Final[Callable[[memoryview], int]] = util.calc_crc32c  # type: ignore[assignment]
_MEMORY_RECORDS: Final[Any] = fetcher.MemoryRecords
_PARTITION_RECORDS: Final[Any] = fetcher.PartitionRecords


class _Sent:
    """In place of MemoryRecords: it keeps the bytes at hand."""

    def __init__(self, sent: bytes) -> None:
        self.sent = sent
        self._records = _MEMORY_RECORDS(sent)
        self.size_in_bytes = self._records.size_in_bytes
        self.has_next = self._records.has_next
        self.next_batch = self._records.next_batch


def _partition_records(
    tp: Any, records: _Sent, aborted: Any, offset: int, key: Any, value: Any, check_crcs: bool, isolation: int
) -> Any:
    """In place of PartitionRecords."""
    headers = _headers_of(records.sent) if isinstance(value, Lots) else None
    if headers is None:
        return _PARTITION_RECORDS(tp, records, aborted, offset, key, value, check_crcs, isolation)
    return _Batches(tp, records.sent, headers, offset, value)


class _Fetched(_fetcher.FetchResult):
    """In place of FetchResult."""

    def getall(self, max_records: int | None = None) -> Any:
        batches = self._partition_records
        if not isinstance(batches, _Batches):
            return super().getall(max_records)  # type: ignore[no-untyped-call]
        result: Any = self
        if not result.check_assignment(self._topic_partition) or not result.has_more() or batches.waits(max_records):
            return []
        lot = batches.take(max_records)
        result._update_position()
        if batches.ended:
            self._partition_records = None
        return lot if len(lot) else []


def _headers_of(sent: bytes) -> list[tuple[int, tuple[int, ...]]] | None:
    """Where each whole batch begins, and its header; None where one is of an older format."""
    found, at = [], 0
    while at + _HEADER.size <= len(sent):
        header = _HEADER.unpack_from(sent, at)
        if header[3] != _MAGIC:
            return None
        end = at + _BEFORE_LENGTH + header[1]
        if end > len(sent):
            break
        found.append((at, header))
        at = end
    return found


class _Batches:
    """In place of PartitionRecords, for lots: what the broker sent of one partition, batch by batch."""

    def __init__(
        self, tp: Any, sent: bytes, headers: Sequence[tuple[int, tuple[int, ...]]], offset: int, lots: Lots
    ) -> None:
        self.next_fetch_offset = offset
        self._lots = lots
        self._tp = tp
        self._sent = sent
        self._headers = list(reversed(headers))
        self._batch: _Batch | None = None

    @property
    def ended(self) -> bool:
        """Whether there is no more."""
        return not self._headers and self._batch is None

    def waits(self, most: int | None) -> bool:
        """Whether all of it is for the next poll: where this one has unpacked enough, or has too little room for it.
        What would fit there whole is not torn to fill up what is left of this one: the less often an account's records
        are met, the less they cost. The next poll begins with it.
        """
        if self._lots.left <= 0:
            return True
        left = sum([header[-1] for _, header in self._headers]) + (len(self._batch.starts) if self._batch else 0)
        return most is not None and most < left <= self._lots.room

    def take(self, most: int | None) -> Lot:
        """The next records, at most so many, and not many more bytes than are left. Raises CorruptRecordException."""
        taken: list[_Batch] = []
        count, wanted = 0, self.next_fetch_offset
        while self._lots.left > 0 and (most is None or count < most):
            batch = self._batch or self._next()
            if batch is None:
                break
            part, self._batch = batch.cut(None if most is None else most - count)
            if part.starts:
                taken.append(part)
                count += len(part.starts)
                self._lots.left -= len(part.records)
            self.next_fetch_offset = part.next_offset
        return _lot(self._tp, taken, wanted)

    def _next(self) -> "_Batch | None":
        """The next batch that is no control batch, from the offset on that is wanted."""
        while self._headers:
            at, header = self._headers.pop()
            base, length, _, _, crc, attributes, last, first_time, max_time, *_, count = header
            body = memoryview(self._sent)[at : at + _BEFORE_LENGTH + length]
            if _CRC(body[_BEFORE_ATTRIBUTES:]) != crc:
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if attributes & _CONTROL:
                self.next_fetch_offset = base + last + 1
                continue
            packed = body[_HEADER.size :]
            decode = _DECODERS.get(attributes & _COMPRESSION)
            records = bytes(packed) if decode is None else decode(packed)
            of_log = bool(attributes & _APPEND_TIME)
            time = max_time if of_log else first_time
            batch = _Batch(records, _starts(records, count), base, base + last + 1, time, of_log)
            before = self.next_fetch_offset - base
            if before > 0 and last + 1 == count:  # what is before it in a batch with all of its records
                batch.starts = batch.starts[before:]
            return batch
        return None


@dataclass(slots=True)
class _Batch:
    """Records of a batch. starts: where each begins, behind its length. time: of all, or what theirs count from."""

    records: bytes
    starts: "array[int]"
    base: int
    next_offset: int
    time: int
    append_time: bool

    def cut(self, most: int | None) -> "tuple[_Batch, _Batch | None]":
        """At most so many of them, and the rest if there is one."""
        if most is None or most >= len(self.starts):
            return self, None
        _, at = _varint(self.records, self.starts[most] + 1)
        delta, _ = _varint(self.records, at)
        first = replace(self, starts=self.starts[:most], next_offset=self.base + delta)
        return first, replace(self, starts=self.starts[most:])


def _starts(records: bytes, count: int) -> "array[int]":
    """Where each record begins, behind its length."""
    starts, at = array("q"), 0
    for _ in range(count):
        length = records[at]
        if length > 127:
            more = records[at + 1]
            if more > 127:
                length, at = _varint(records, at)
                starts.append(at)
                at += length
                continue
            length += (more << 7) - 128
            at += 2
        else:
            at += 1
        starts.append(at)
        at += length >> 1
    return starts


def _varints(buffer: bytes, at: Ints) -> tuple[Ints, Ints]:
    """The numbers that stand there in zigzag, and where they end."""
    letters = np.frombuffer(buffer, dtype=np.uint8)
    seen = letters[at].astype(np.int64)
    values, at = seen & 127, at + 1
    rows, shift = np.flatnonzero(seen > 127), 7
    while len(rows):
        seen = letters[at[rows]].astype(np.int64)
        values[rows] |= (seen & 127) << shift
        at[rows] += 1
        rows, shift = rows[seen > 127], shift + 7
    return values >> 1 ^ -(values & 1), at


def _lot(tp: Any, batches: Sequence[_Batch], wanted: int) -> Lot:
    """The records of these batches from the wanted offset on."""
    shifts = list(accumulate((len(batch.records) for batch in batches), initial=0))
    counts = [len(batch.starts) for batch in batches]
    buffer = b"".join([*[batch.records for batch in batches], bytes(PADDING)])
    at = np.concatenate([np.empty(0, dtype=np.int64), *[np.frombuffer(batch.starts, np.int64) for batch in batches]])
    at += np.repeat(np.array(shifts[:-1], dtype=np.int64), counts) + 1  # behind the attributes
    later, at = _varints(buffer, at)
    delta, at = _varints(buffer, at)
    key_length, keys = _varints(buffer, at)
    keys_end = keys + key_length
    value_length, values = _varints(buffer, keys + np.maximum(key_length, 0))
    headers = values + np.maximum(value_length, 0)
    offsets = np.repeat(np.array([batch.base for batch in batches], dtype=np.int64), counts) + delta
    times = np.repeat(np.array([batch.time for batch in batches], dtype=np.int64), counts)
    append_time = all([batch.append_time for batch in batches])
    records = Records(
        tp.topic,
        tp.partition,
        offsets,
        times if append_time else times + later,
        Slices(buffer, keys, keys_end),
        Slices(buffer, values, values + value_length),
        _HeadersOf(buffer, headers),
    )
    return Lot(records.between(int(np.searchsorted(offsets, wanted)), len(records)), append_time=append_time)


class _HeadersOf(Sequence[Headers]):
    """The headers of records, read when they are asked for."""

    __slots__ = ("_at", "_buffer")

    def __init__(self, buffer: bytes, at: Ints) -> None:
        self._buffer = buffer
        self._at = at

    def __len__(self) -> int:
        return len(self._at)

    @overload
    def __getitem__(self, at: int) -> Headers: ...
    @overload
    def __getitem__(self, at: slice) -> "_HeadersOf": ...
    def __getitem__(self, at: int | slice) -> "Headers | _HeadersOf":
        if isinstance(at, slice):
            return _HeadersOf(self._buffer, self._at[at])
        return _headers(self._buffer, int(self._at[at]))

    def __iter__(self) -> Iterator[Headers]:
        return (_headers(self._buffer, at) for at in self._at.tolist())


def _headers(buffer: bytes, at: int) -> Headers:
    """The headers that stand there. One without a value has an empty one."""
    count, at = _varint(buffer, at)
    found = []
    for _ in range(count):
        length, at = _varint(buffer, at)
        name, at = buffer[at : at + length].decode(), at + length
        length, at = _varint(buffer, at)
        found.append((name, buffer[at : at + max(length, 0)]))
        at += max(length, 0)
    return tuple(found)


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = buffer[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value >> 1 ^ -(value & 1), at
