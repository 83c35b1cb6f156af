"""What a message handler is given, and how it answers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Executable, Row, Table

from cskit.columns import UsageColumns
from cskit.db import Tx, Values
from cskit.db.plumbing import Plumbing, speak
from cskit.headers import packed
from cskit.log import NewRecord, Partition, Records
from cskit.log.base import Headers
from cskit.observability import is_traceparent
from cskit.slices import Ints
from csmodels.catalogue import parse
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from csmodels.topics import CONTROL_KEY

E_co = TypeVar("E_co", bound=Event, covariant=True)

_SILENCE: Final = 0.03  # seconds of work without a statement; then others get their turn, too


@dataclass(frozen=True, slots=True)
class Message(Generic[E_co]):
    """An event that was read from the log, with its place there."""

    event: E_co
    topic: str
    partition: int
    offset: int
    appended_at: datetime
    headers: Headers

    @property
    def traceparent(self) -> str | None:
        """The W3C traceparent the record carried, if it is one."""
        return traceparent_of(self.headers)


class Usage:
    """Usage events that were read from one partition, by columns: see cskit.columns. offsets and appended_ms (append
    times, milliseconds since 1970) are columns like those.
    """

    __slots__ = ("appended_ms", "columns", "offsets", "records")

    def __init__(self, records: Records, columns: UsageColumns, offsets: Ints, appended_ms: Ints) -> None:
        self.records = records
        self.columns = columns
        self.offsets = offsets
        self.appended_ms = appended_ms

    @classmethod
    def of(cls, records: Records, columns: UsageColumns) -> "Usage":
        """What was read of these records."""
        return cls(records, columns, records.offsets[columns.places], records.timestamps[columns.places])

    def __len__(self) -> int:
        return len(self.columns)

    def accounts(self) -> list[str]:
        """The accounts, each once."""
        accounts = self.columns.accounts
        return [accounts.texts[number] for number in np.unique(accounts.numbers).tolist()]

    def until(self, offset: int | None, start: int = 0) -> "Usage":
        """From one place of the columns on those before an offset; None: all the rest."""
        end = len(self) if offset is None else int(np.searchsorted(self.offsets, offset))
        if start == 0 and end == len(self):
            return self
        part = slice(start, end)
        return Usage(self.records, self.columns.between(start, end), self.offsets[part], self.appended_ms[part])

    def where(self, chosen: NDArray[np.bool_]) -> "Usage":
        """Those that are chosen."""
        return Usage(self.records, self.columns.where(chosen), self.offsets[chosen], self.appended_ms[chosen])

    def message(self, number: int) -> Message[Event]:
        """One of them as a message."""
        place = int(self.columns.places[number])
        return message_of(self.records, place, parse(self.records.topic, self.records.values[place] or b""))

    def traceparent(self, number: int) -> str | None:
        """The W3C traceparent of one of them."""
        headers = self.records.headers[int(self.columns.places[number])]
        return traceparent_of(headers) if headers else None


class InvalidMessage(Exception):
    """This message can never be handled: it goes to the dead letters with its reason, and the rest of its batch goes
    on.

    Raised by a handler in the middle of a batch: the transaction is rolled back and the batch is handled again
    without it.
    """

    def __init__(self, message: Message[Event], code: str, reason: str) -> None:
        super().__init__(reason)
        self.message = message
        self.code = code
        self.reason = reason


class Retry(Exception):
    """Not now: the batch is rolled back, keeps its place and is handled again after `after` seconds (wall clock)."""

    def __init__(self, after: float, reason: str) -> None:
        super().__init__(reason)
        self.after = after


class UnitOfWork:
    """One transaction of a service with its outbox: what is published leaves if and only if the transaction commits."""

    def __init__(self, tx: Tx, plumbing: Plumbing) -> None:
        self.tx = tx
        self._plumbing = plumbing
        self._after_commit: list[Callable[[], None]] = []
        self._spoke = monotonic()
        self.publishes = False  # whether anything was put into the outbox

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[tuple[object, ...]]]:
        """See Tx.fetch."""
        return await self.tx.fetch(statement, values)

    async def execute(self, statement: Executable, values: Values | None = None) -> int:
        """See Tx.execute."""
        return await self.tx.execute(statement, values)

    def insert(self, table: Table, rows: Sequence[Values], *, ignore: bool = False) -> None:
        """See Tx.insert."""
        self.tx.insert(table, rows, ignore=ignore)

    def upsert(self, table: Table, rows: Sequence[Values]) -> None:
        """See Tx.upsert."""
        self.tx.upsert(table, rows)

    async def speak(self) -> None:
        """Send the database a statement if this did not for a while; it changes nothing of what is written.

        For work between statements that may take seconds. PostgreSQL ends a transaction that is idle for five (so that
        a stopped zombie cannot hold its locks), and the runner's watchdog takes one without statements for stuck. While
        it waits, the process answers others.
        """
        if monotonic() - self._spoke >= _SILENCE:
            await speak(self.tx, self._plumbing)
            self._spoke = monotonic()

    def publish(self, topic: str, events: Sequence[Event], *, traceparent: str | None = None) -> None:
        """Put events into the outbox, each for the partition of its subject (its account id)."""
        self.send([event_record(topic, event, traceparent=traceparent) for event in events])

    def publish_control(self, topic: str, event: Event, partition: int) -> None:
        """Put a control record for one partition into the outbox."""
        self.send([NewRecord(topic, partition, CONTROL_KEY.encode(), event.to_bytes())])

    def send(self, records: Sequence[NewRecord]) -> None:
        """Put ready-made records into the outbox."""
        self.publishes = self.publishes or bool(records)
        self.tx.insert(
            self._plumbing.outbox,
            [
                {
                    "topic": record.topic,
                    "partition": record.partition,
                    "key": record.key,
                    "value": record.value,
                    "headers": packed(record.headers),
                }
                for record in records
            ],
        )

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have `call` called once the transaction has committed, and never if it is rolled back.

        For waking workers of this process: a crash in between loses the call, so it must not raise nor matter.
        """
        if call not in self._after_commit:
            self._after_commit.append(call)

    def committed(self) -> None:
        """For who opened the unit of work: its transaction has committed."""
        for call in self._after_commit:
            call()


Wanted = Callable[[str], bool]
"""Whether events of a type concern a handler."""


class Handler(Protocol):
    """The message edge of a service."""

    async def wanted(self) -> Wanted | None:
        """Which types concern it at the moment; None: all, and then all that is poison is put aside by it too.

        Asked before each batch. What does not concern it is passed over before it is parsed.
        """

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """Handle a batch in its transaction: offsets per partition ascend; duplicates and poison are gone. Never
        commits.

        May be called again with the same messages after a rollback; `forget` is called in between.
        """

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """These partitions are now this worker's, from a state that is only in the database."""

    def forget(self) -> None:
        """Throw away all that was kept in memory: it may be ahead of the database, or someone else's now."""


@runtime_checkable
class ColumnHandler(Protocol):
    """A handler that takes usage by columns where there is much of it."""

    async def on_columns(self, messages: Sequence[Message[Event]], usage: Mapping[int, Usage], uow: UnitOfWork) -> None:
        """As Handler.on_batch, with the usage that was read by columns, by partition; messages are all else."""


def message_of(records: Records, place: int, event: Event) -> Message[Event]:
    """An event that was read from one of these records."""
    return Message(
        event,
        records.topic,
        records.partition,
        int(records.offsets[place]),
        append_time(int(records.timestamps[place])),
        records.headers[place],
    )


def traceparent_of(headers: Headers) -> str | None:
    """The W3C traceparent that a record carried, if it is one."""
    carried = (value.decode("ascii", "replace") for name, value in headers if name == "traceparent")
    return next((text for text in carried if is_traceparent(text)), None)


def event_record(topic: str, event: Event, *, traceparent: str | None = None) -> NewRecord:
    """The record of an account's event: key and partition by its subject."""
    headers: Headers = (("traceparent", traceparent.encode("ascii")),) if traceparent else ()
    return NewRecord(topic, partition_of(event.subject), event.subject.encode(), event.to_bytes(), headers)


def append_time(timestamp_ms: int) -> datetime:
    """The log's append time as a moment."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)


UnitOfWorks = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
"""Opens a unit of work outside of the runner: it commits at the end of its block, then wakes the relay."""
