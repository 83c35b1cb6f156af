"""SQLite: one writer at a time per file, in one thread; readers have query-only connections.

SQLAlchemy's own behaviour with aiosqlite loses updates without an error and is 25 times slower: every statement here
is one call in the writer's (or a reader's) thread on the plain sqlite3 driver, and a write transaction starts with
BEGIN IMMEDIATE.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import Connection, Engine, Executable, Row, Table, create_engine, event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import StaticPool

from cskit.db.base import DatabaseUnavailable, ValueRefused, Values
from cskit.db.bulk import Pending
from cskit.db.reading import LookUp

T = TypeVar("T")
_READERS = 2
_write_locks: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()


def _lock_of(path: Path) -> asyncio.Lock:
    """The process-wide write lock of a file, by its resolved path (one per event loop: a lock belongs to its loop)."""
    key = (str(path), id(asyncio.get_running_loop()))
    lock = _write_locks.get(key)
    if lock is None:
        lock = _write_locks[key] = asyncio.Lock()
    return lock


def _engine(path: Path, *, writer: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.create_function("lower", 1, _lower, deterministic=True)  # SQLite's own knows ASCII alone
        connection.execute("PRAGMA secure_delete=ON")  # what is erased is written over, however SQLite was built
        if not writer:
            connection.execute("PRAGMA query_only=ON")
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _lower(value: str | float | bytes | None) -> str | float | bytes | None:
    return value.lower() if isinstance(value, str) else value


class _Worker:
    """One connection and the one thread that uses it."""

    def __init__(self, path: Path, *, writer: bool) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"db-{path.stem}-{'writer' if writer else 'reader'}")
        self.engine = _engine(path, writer=writer)

    async def call(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread. Raises DatabaseUnavailable where the file is locked or the disk refuses, and
        ValueRefused where a row breaks what its table says.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (OperationalError, sqlite3.OperationalError) as error:
            if "locked" in str(error) or "disk" in str(error):
                raise DatabaseUnavailable(f"SQLite cannot write: {getattr(error, 'orig', error)}") from error
            raise
        except (IntegrityError, sqlite3.IntegrityError) as error:
            raise ValueRefused(f"SQLite refuses a row: {getattr(error, 'orig', error)}") from error

    async def finish(self, work: Callable[[], None]) -> None:
        """Run `work` to its end even if the caller is cancelled meanwhile."""
        running = asyncio.ensure_future(self.call(work))
        cancelled: asyncio.CancelledError | None = None
        while not running.done():
            try:
                await asyncio.shield(running)
            except asyncio.CancelledError as error:  # perhaps more than once: the work goes on all the same
                cancelled = error
        running.result()
        if cancelled is not None:
            raise cancelled

    async def close(self) -> None:
        await self.call(self.engine.dispose)
        self._thread.shutdown(wait=True)


class SqliteTx:
    """A transaction on one worker."""

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker
        self._connection: Connection | None = None
        self._pending = Pending()

    async def begin(self) -> None:
        def start() -> None:
            connection = self._worker.engine.connect()
            connection.begin()
            self._connection = connection

        await self._worker.finish(start)

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        if isinstance(statement, LookUp):
            return await self._run(lambda connection: _looked_up(statement, connection))
        return await self._run(lambda connection: connection.execute(statement, values).all())

    async def execute(self, statement: Executable, values: Values | None = None) -> int:
        return await self._run(lambda connection: connection.execute(statement, values).rowcount)

    def insert(self, table: Table, rows: Sequence[Values], *, ignore: bool = False) -> None:
        self._pending.add(table, rows, "ignore" if ignore else "raise")

    def upsert(self, table: Table, rows: Sequence[Values]) -> None:
        self._pending.add(table, rows, "update")

    async def flush(self) -> None:
        await self._run(lambda _: None)

    async def commit(self) -> None:
        def commit(connection: Connection) -> None:
            connection.commit()
            connection.close()
            self._connection = None

        try:
            await self._run(commit)
        except BaseException:
            await self.rollback()
            raise

    async def rollback(self) -> None:
        def rollback() -> None:
            if self._connection is not None:
                self._connection.rollback()
                self._connection.close()
                self._connection = None

        await self._worker.finish(rollback)

    async def _run(self, work: Callable[[Connection], T]) -> T:
        writes = self._pending.take()

        def call() -> T:
            assert self._connection is not None, "the transaction has ended"
            for write in writes:
                marks = ", ".join("?" * len(write.columns))
                sql = f"{write.head()} VALUES ({marks}){write.conflict_clause()}"
                rows = list(zip(*write.bound(self._connection.dialect), strict=True))
                cursor = self._connection.connection.cursor()
                cursor.executemany(sql, rows)
                cursor.close()
            return work(self._connection)

        return await self._worker.call(call)


def _looked_up(asked: LookUp, connection: Connection) -> Sequence[Row[Any]]:
    sql = asked.sql(f"IN ({', '.join('?' * len(values))})" for values in asked.values)
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, [value for values in asked.values for value in values])
        return asked.read(cursor.fetchall(), connection.dialect)
    finally:
        cursor.close()


class SqliteDatabase:
    """The database of one service in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._writer = _Worker(path, writer=True)
        self._readers: asyncio.Queue[_Worker] | None = None
        self._all_readers: list[_Worker] = []
        self._closed = False

    def write(self) -> AbstractAsyncContextManager[SqliteTx]:
        return self._write()

    def read(self) -> AbstractAsyncContextManager[SqliteTx]:
        return self._read()

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        readers = self._reader_queue()
        worker = await readers.get()

        def call() -> Sequence[Row[Any]]:
            with worker.engine.connect() as connection:  # closing rolls back: nothing was changed
                return connection.execute(statement, values).all()

        try:
            return await worker.call(call)
        finally:
            readers.put_nowait(worker)

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[SqliteTx]:
        async with _lock_of(self._path), _ended(SqliteTx(self._writer)) as tx:
            yield tx

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[SqliteTx]:
        readers = self._reader_queue()
        worker = await readers.get()
        try:
            async with _ended(SqliteTx(worker)) as tx:
                yield tx
        finally:
            readers.put_nowait(worker)

    async def migrate(self, work: Callable[[Connection], T]) -> T:
        async with _lock_of(self._path):

            def call() -> T:
                with self._writer.engine.begin() as connection:
                    return work(connection)

            return await self._writer.call(call)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for reader in self._all_readers:
            await reader.close()
        async with _lock_of(self._path):
            await self._writer.close()

    def _reader_queue(self) -> asyncio.Queue[_Worker]:
        if self._readers is None:
            self._readers = asyncio.Queue()
            for _ in range(_READERS):
                worker = _Worker(self._path, writer=False)
                self._all_readers.append(worker)
                self._readers.put_nowait(worker)
        return self._readers


@asynccontextmanager
async def _ended(tx: SqliteTx) -> AsyncIterator[SqliteTx]:
    """Commit at the end of the block, roll back if it raises; never leave a transaction open."""
    try:
        await tx.begin()
        yield tx
    except BaseException:
        await tx.rollback()
        raise
    else:
        await tx.commit()
