"""PostgreSQL through SQLAlchemy and asyncpg: one schema of its own per service, bulk writes below SQLAlchemy."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, TypeVar

from asyncpg import exceptions as pg
from sqlalchemy import Connection, Executable, Row, Table, func, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction, create_async_engine
from sqlalchemy.schema import CreateSchema

from cskit.db.base import DatabaseUnavailable, ValueRefused, Values
from cskit.db.bulk import Pending
from cskit.db.postgres_bulk import Stages, send
from cskit.db.reading import LookUp
from cskit.observability import get_logger

log = get_logger()
T = TypeVar("T")
_ZOMBIE_MS = 5_000  # a worker that was stopped inside a transaction loses its locks after this
_LOCK_MS = 30_000  # a statement waits so long for a lock
_STOPPED_SECONDS = 15  # a worker that was stopped inside a statement loses its locks after this, if another waits
_PATIENT = "60s"  # of a migration, between two of its statements
_MIGRATION_LOCK = 0x6B697A61736869  # "kizashi"
_STATEMENT_SECONDS = 60.0  # a server that went silent is given up after this
_BREAKS_OFF = (
    pg.PostgresConnectionError,
    pg.IdleInTransactionSessionTimeoutError,
    pg.OperatorInterventionError,
    pg.TransactionRollbackError,
    pg.InterfaceError,
    pg.LockNotAvailableError,
    pg.TooManyConnectionsError,
    PoolTimeout,
    OSError,
    TimeoutError,
)
_REFUSES = (pg.DataError, pg.IntegrityConstraintViolationError)
# between the preparation of a statement and its execution, and within COPY, a transaction is not idle to PostgreSQL,
# and no timeout of its own ends it: only who is kept waiting by it can
_END_STOPPED = text(
    "SELECT pid, pg_terminate_backend(pid) AS ended FROM pg_stat_activity "
    "WHERE application_name = :name AND usename = current_user AND datname = current_database() "
    "AND state = 'active' AND wait_event_type = 'Client' AND wait_event = 'ClientRead' "
    "AND state_change < clock_timestamp() - make_interval(secs => :seconds)"
)


class _LockNotGivenUp(DatabaseUnavailable):
    """A statement waited in vain for a lock that another transaction holds."""


def _broken_by(error: BaseException) -> BaseException | None:
    """What among the causes of an error says that the transaction is lost, and trying again may help."""
    for seen in _causes(error):
        if isinstance(seen, _BREAKS_OFF) or (isinstance(seen, DBAPIError) and seen.connection_invalidated):
            return seen
    return None


def _refuses(error: BaseException) -> bool:
    """Whether a value is what an error is about: the driver says so by a ValueError, the server by its code."""
    return any(
        isinstance(seen, _REFUSES) or (isinstance(seen, pg.InterfaceError) and isinstance(seen, ValueError))
        for seen in _causes(error)
        if not isinstance(seen, pg.ClientConfigurationError)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.orig if isinstance(seen, DBAPIError) and seen.orig is not seen else seen.__cause__


@contextmanager
def _mapped() -> Iterator[None]:
    """DatabaseUnavailable for what a broken connection or server raises, ValueRefused for a value that PostgreSQL does
    not take; around our own calls, never the caller's.
    """
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError, pg.PostgresError, pg.InterfaceError) as error:
        if _refuses(error):
            raise ValueRefused(f"PostgreSQL refuses a value: {type(error).__name__}") from error
        match _broken_by(error):
            case None:
                raise
            case pg.LockNotAvailableError():
                raise _LockNotGivenUp(f"another transaction held a lock for {_LOCK_MS / 1000:g} s") from error
            case cause:
                said = f"PostgreSQL broke off or cannot be reached: {type(cause).__name__}"
                raise DatabaseUnavailable(said) from error


class PostgresTx:
    """A transaction on one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._pending = Pending()
        self._driver: Any = None
        self._stages = Stages.of(connection.info)
        self._turn = asyncio.Lock()  # a connection does one thing at a time
        self.cut_off = (
            False  # whether a task was cancelled in the middle of a statement: nobody knows what became of it
        )

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        async with self._at_work():
            await self._send()
            return await self._fetch(statement, values)

    async def execute(self, statement: Executable, values: Values | None = None) -> int:
        async with self._at_work():
            await self._send()
            return (await self._connection.execute(statement, values)).rowcount

    def insert(self, table: Table, rows: Sequence[Values], *, ignore: bool = False) -> None:
        self._pending.add(table, rows, "ignore" if ignore else "raise")

    def upsert(self, table: Table, rows: Sequence[Values]) -> None:
        self._pending.add(table, rows, "update")

    async def flush(self) -> None:
        async with self._at_work():
            await self._send()

    async def commit(self, transaction: AsyncTransaction) -> None:
        """Send what is collected and commit. Raises DatabaseUnavailable where a statement was cut off: PostgreSQL would
        answer the commit with a rollback.
        """
        if self.cut_off:
            raise DatabaseUnavailable("a statement of this transaction was cut off")
        async with self._at_work():
            await self._send()
            await transaction.commit()
            self._stages.committed()

    @asynccontextmanager
    async def _at_work(self) -> AsyncIterator[None]:
        """The connection, for one statement after the other."""
        async with self._turn:
            try:
                with _mapped():
                    yield
            except asyncio.CancelledError:
                self.cut_off = True
                raise

    async def _fetch(self, statement: Executable, values: Values | None) -> Sequence[Row[Any]]:
        if isinstance(statement, LookUp):
            sql = statement.sql(f"= ANY(${n})" for n in range(1, len(statement.values) + 1))
            rows = await (await self._begun()).fetch(sql, *statement.values)
            return statement.read(rows, self._connection.dialect)
        return (await self._connection.execute(statement, values)).all()

    async def _send(self) -> None:
        writes = self._pending.take()
        if writes:
            await send(await self._begun(), writes, self._connection.dialect, self._stages)

    async def _begun(self) -> Any:
        """The driver's connection, in the transaction."""
        if self._driver is None:
            raw: Any = await self._connection.get_raw_connection()
            adapter = raw.dbapi_connection
            if adapter._transaction is None:  # SQLAlchemy's adapter begins with its own first statement
                await adapter._start_transaction()
            self._driver = raw.driver_connection
        return self._driver


async def _rolled_back(connection: AsyncConnection, transaction: AsyncTransaction) -> None:
    """Roll back what can be; a connection that is gone has been rolled back by the server."""
    try:
        await transaction.rollback()
    except (DBAPIError, OSError, pg.PostgresError, pg.InterfaceError) as error:
        await connection.invalidate()
        if not _broken_by(error):
            raise


def _is_open(adapter: Any) -> bool:
    """Whether a connection was not closed by either side, as far as is known here: without a round trip."""
    return not adapter.driver_connection.is_closed()


def _address(url: str) -> URL:
    """The URL for the driver, whose word for libpq's `sslmode` is `ssl`, with the same values."""
    address = make_url(url).set(drivername="postgresql+asyncpg")
    mode = address.query.get("sslmode")
    return address.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode}) if mode else address


class PostgresDatabase:
    """The database of one service in the schema `schema` of the database behind `url` (postgresql://...)."""

    def __init__(self, url: str, schema: str, *, pool_size: int = 10) -> None:
        self._schema = schema
        self._name = f"kizashi-{schema}"
        self._engine = create_async_engine(
            _address(url),
            pool_size=pool_size,
            max_overflow=0,  # what is opened beyond the pool is closed after use, and opening costs more than most uses
            pool_use_lifo=True,  # the one used last has its statements and pages at hand
            pool_pre_ping=True,
            hide_parameters=True,  # errors are logged, and parameters are people's data
            connect_args={
                "timeout": 10,
                "command_timeout": _STATEMENT_SECONDS,
                "server_settings": {
                    "search_path": schema,
                    "idle_in_transaction_session_timeout": str(_ZOMBIE_MS),
                    "lock_timeout": str(_LOCK_MS),
                    "application_name": self._name,
                },
            },
        )
        # a ping of SQLAlchemy's is three round trips; a server that goes away closes its connections
        self._engine.dialect.do_ping = _is_open  # type: ignore[assignment, method-assign]
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._fetching = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def write(self) -> AbstractAsyncContextManager[PostgresTx]:
        return self._transaction(reading=False)

    def read(self) -> AbstractAsyncContextManager[PostgresTx]:
        return self._transaction(reading=True)

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        async with self._connected(self._fetching) as connection:
            with _mapped():
                return (await connection.execute(statement, values)).all()

    @asynccontextmanager
    async def _transaction(self, *, reading: bool) -> AsyncIterator[PostgresTx]:
        async with self._connected(self._reading if reading else self._engine) as connection:
            with _mapped():
                transaction = await connection.begin()
            tx = PostgresTx(connection)
            try:
                yield tx
                await tx.commit(transaction)
            except BaseException:
                await _rolled_back(connection, transaction)
                if tx.cut_off:
                    await connection.invalidate()
                raise

    @asynccontextmanager
    async def _connected(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        """A connection of the pool. Who takes one out does not ask whether it is in order, so one that may not be (its
        user was cancelled in the middle of something, or it broke off) is closed and not given back.
        """
        try:
            async with AsyncExitStack() as stack:
                with _mapped():
                    connection = await stack.enter_async_context(engine.connect())
                try:
                    yield connection
                except BaseException as error:
                    if not isinstance(error, Exception) or isinstance(error, DatabaseUnavailable):
                        await connection.invalidate()
                    raise
        except _LockNotGivenUp:
            await self._end_stopped()
            raise

    async def _end_stopped(self) -> None:
        """End the connections of this service's workers that were stopped in the middle of a statement."""
        for row in await self.fetch(_END_STOPPED, {"name": self._name, "seconds": _STOPPED_SECONDS}):
            log.warning("database.ended_stopped", pid=row.pid, ended=row.ended)

    async def migrate(self, work: Callable[[Connection], T]) -> T:
        async with self._engine.begin() as connection:
            # a migration is read from files between its statements; one that was stopped holds others up for so long
            await connection.execute(select(func.set_config("idle_in_transaction_session_timeout", _PATIENT, True)))
            await connection.execute(select(func.set_config("lock_timeout", "0", True)))
            await connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            await connection.execute(CreateSchema(self._schema, if_not_exists=True))
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()
