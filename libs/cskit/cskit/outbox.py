"""The outbox relay: rows become records of the log, in their order per shard (topic, partition).

Any replica may send a shard; it claims it by raising its epoch, holds it by a lease on the wall clock, and deletes
the rows only while the epoch is its own. A relay that lost its lease may repeat records; consumers drop them by id.
Rows are deleted by id, never by `id <= last`: a sequence is not commit order.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, select, tuple_, update

from cskit import failpoints
from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable, Tx
from cskit.db.plumbing import Plumbing
from cskit.dead_letters import TOO_LARGE, DeadLetter, forget_old, put_aside
from cskit.headers import unpacked
from cskit.log import Log, LogError, MessageTooLarge, NewRecord, Partition, Record
from cskit.messages import UnitOfWork
from cskit.observability import DEAD_LETTERS, RELAY_FAILURES, RELAY_PENDING, RELAY_ROWS, RELAY_SECONDS, get_logger

log = get_logger()

_LEASE: Final = timedelta(seconds=15)
_ROWS: Final = 2_000
_ROWS_A_SHARD: Final = 200  # at least, where more wait than one lot holds
_BACKOFF: Final = 1.0
_LONGEST_IDLE: Final = 0.25  # where `idle` is shorter, and looks found nothing for a while
_FINISH_WITHIN: Final = 10.0
_TIDY_EVERY: Final = 3_600.0
_COUNT_EVERY: Final = 15.0


@dataclass(slots=True)
class _Shard:
    epoch: int
    leased_until: datetime


class Relay:
    """Sends the outbox of one service. `idle` is how often it looks for rows that other replicas wrote, in seconds;
    less often as long as a look finds none.
    """

    def __init__(
        self, *, service: str, log: Log, database: Database, plumbing: Plumbing, clocks: Clocks, owner: str, idle: float
    ) -> None:
        self.name = f"relay:{service}"
        self.wake = asyncio.Event()
        self._service = service
        self._log = log
        self._database = database
        self._plumbing = plumbing
        self._clocks = clocks
        self._owner = owner
        self._idle = idle
        self._shards: dict[Partition, _Shard] = {}
        self._tidied_at = 0.0
        self._counted_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`, then send what is there and give the shards back."""
        self._shards.clear()
        stopping = asyncio.create_task(stop.wait())
        idle = self._idle
        try:
            while not stop.is_set():
                woken = self.wake.is_set()
                self.wake.clear()
                try:
                    await self._count()
                    sent = await self._send()
                    await self._tidy()
                except (LogError, DatabaseUnavailable) as error:
                    log.warning("relay.waits", service=self._service, reason=str(error), seconds=_BACKOFF)
                    await asyncio.wait((stopping,), timeout=_BACKOFF)
                    continue
                if not sent:
                    idle = max(self._idle, min(_LONGEST_IDLE, 1.2 * idle))
                elif not woken:
                    idle = self._idle  # others write, too
                if sent < _ROWS_A_SHARD:  # that was all, but for what was written since
                    waking = asyncio.create_task(self.wake.wait())
                    await asyncio.wait((stopping, waking), timeout=idle, return_when=asyncio.FIRST_COMPLETED)
                    waking.cancel()
            await self._finish()
        finally:
            stopping.cancel()

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(_FINISH_WITHIN):
                while await self._send():
                    pass
                await self._release()
        except (LogError, DatabaseUnavailable, TimeoutError) as error:
            # the rows stay: the next start, or another replica, sends them
            log.warning("relay.unsent", service=self._service, reason=str(error))

    async def _send(self) -> int:
        """Send one lot of rows; how many."""
        outbox = self._plumbing.outbox
        shards = await self._database.fetch(select(outbox.c.topic, outbox.c.partition).distinct())
        if not shards:
            return 0
        mine = await self._claim([Partition(row.topic, row.partition) for row in shards])
        if not mine:
            return 0
        rows = await self._rows(mine)
        if not rows:
            return 0
        with RELAY_SECONDS.labels(self._service).time():
            failpoints.hit(failpoints.RELAY_BEFORE_SEND)
            appending = asyncio.gather(*(self._append(shard) for shard in rows.values()), return_exceptions=True)
            while not (await asyncio.wait((appending,), timeout=_LEASE.total_seconds() / 3))[0]:
                with suppress(DatabaseUnavailable):
                    await self._claim(list(rows))  # a slow log is no reason for another relay to send the same
            results = appending.result()
            failpoints.hit(failpoints.RELAY_AFTER_ACK)
            await self._sent([row for sent in results if not isinstance(sent, BaseException) for row in sent])
        failed = [(shard, one) for shard, one in zip(rows, results, strict=True) if isinstance(one, BaseException)]
        for shard, _ in failed:
            RELAY_FAILURES.labels(self._service, *shard).inc()
        if failed:
            raise failed[0][1]  # what the other partitions took is deleted; this one's rows stay in their places
        return sum(len(shard) for shard in rows.values())

    async def _rows(self, shards: Sequence[Partition]) -> Mapping[Partition, Sequence[Row[Any]]]:
        """The oldest rows of these shards, each shard's in order; a shard that cannot be sent leaves room to others.
        One that is alone has all of it.
        """
        outbox = self._plumbing.outbox
        found: dict[Partition, list[Row[Any]]] = defaultdict(list)
        among = tuple_(outbox.c.topic, outbox.c.partition)
        statement = select(outbox).where(among.in_([tuple(each) for each in shards])).order_by(outbox.c.id)
        lot = await self._database.fetch(statement.limit(_ROWS))
        if len(lot) == _ROWS and len(shards) > 1:
            share = max(_ROWS_A_SHARD, _ROWS // len(shards))
            lot = [
                row
                for shard in shards
                for row in await self._database.fetch(
                    select(outbox).where(among == tuple_(*shard)).order_by(outbox.c.id).limit(share)
                )
            ]
        for row in lot:
            found[Partition(row.topic, row.partition)].append(row)
        return found

    async def _append(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """Append one shard's rows; those that the log has. A row it can never take is put aside."""
        try:
            await self._log.append([_record(row) for row in rows])
        except MessageTooLarge as error:
            await self._put_aside(rows[error.index], str(error))
            return []
        return rows

    async def _claim(self, shards: Sequence[Partition]) -> list[Partition]:
        """Those of the shards that this relay owns, after claiming what is free or about to lapse."""
        now = self._clocks.wall.now()
        wanted = [
            shard
            for shard in sorted(shards)
            if shard not in self._shards or self._shards[shard].leased_until < now + _LEASE / 3
        ]
        if wanted:
            for shard in wanted:
                self._shards.pop(shard, None)
            async with self._database.write() as tx:
                self._shards.update(await self._take(tx, wanted, now))
        return [shard for shard in shards if shard in self._shards]

    async def _take(self, tx: Tx, wanted: Sequence[Partition], now: datetime) -> dict[Partition, _Shard]:
        table = self._plumbing.outbox_shards
        free = {"epoch": 0, "owner": "", "leased_until": now}
        tx.insert(table, [{"topic": each.topic, "partition": each.number, **free} for each in wanted], ignore=True)
        among = tuple_(table.c.topic, table.c.partition).in_([tuple(each) for each in wanted])
        await tx.fetch(select(table).where(among).order_by(table.c.topic, table.c.partition).with_for_update())
        until = now + _LEASE
        statement = (
            update(table)
            .where(among, (table.c.leased_until <= now) | (table.c.owner == self._owner))
            .values(epoch=table.c.epoch + 1, owner=self._owner, leased_until=until)
            .returning(table.c.topic, table.c.partition, table.c.epoch)
        )
        rows = await tx.fetch(statement)
        return {Partition(row.topic, row.partition): _Shard(row.epoch, until) for row in rows}

    async def _sent(self, rows: Sequence[Row[Any]]) -> None:
        """Delete what the log has, for the shards that are still this relay's; the others' owner will repeat it."""
        if not rows:
            return
        outbox = self._plumbing.outbox
        async with self._database.write() as tx:
            held = await self._held(tx, {Partition(row.topic, row.partition) for row in rows})
            ids = [row.id for row in rows if Partition(row.topic, row.partition) in held]
            await tx.execute(delete(outbox).where(outbox.c.id.in_(ids)))
        for topic, count in Counter(row.topic for row in rows).items():
            RELAY_ROWS.labels(self._service, topic).inc(count)

    async def _held(self, tx: Tx, shards: set[Partition]) -> set[Partition]:
        """Lock these shards and drop those that another relay has claimed since."""
        table = self._plumbing.outbox_shards
        among = tuple_(table.c.topic, table.c.partition).in_([tuple(each) for each in sorted(shards)])
        locked = await tx.fetch(select(table).where(among).order_by(table.c.topic, table.c.partition).with_for_update())
        for row in locked:
            shard = Partition(row.topic, row.partition)
            if shard not in self._shards or row.epoch != self._shards[shard].epoch:
                log.warning("relay.lost_shard", service=self._service, topic=row.topic, partition=row.partition)
                self._shards.pop(shard, None)
        return {shard for shard in shards if shard in self._shards}

    async def _put_aside(self, row: Row[Any], reason: str) -> None:
        """A row that the log can never take is a defect of that row: it must not hold up the others."""
        record = Record(row.topic, row.partition, row.id, 0, row.key, row.value, unpacked(row.headers))
        letter = DeadLetter(f"outbox:{self._service}", record, TOO_LARGE, reason, self._clocks.world.now())
        async with self._database.write() as tx:
            put_aside(UnitOfWork(tx, self._plumbing), self._plumbing, [letter])
            await tx.execute(delete(self._plumbing.outbox).where(self._plumbing.outbox.c.id == row.id))
        DEAD_LETTERS.labels(letter.group, letter.code).inc()
        log.error("relay.too_large", service=self._service, topic=row.topic, reason=reason)

    async def _release(self) -> None:
        if not self._shards:
            return
        table = self._plumbing.outbox_shards
        async with self._database.write() as tx:
            await tx.execute(
                update(table).where(table.c.owner == self._owner).values(leased_until=self._clocks.wall.now())
            )
        self._shards.clear()

    async def _count(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._counted_at and now - self._counted_at < _COUNT_EVERY:
            return
        self._counted_at = now
        (row,) = await self._database.fetch(select(func.count().label("rows")).select_from(self._plumbing.outbox))
        RELAY_PENDING.labels(self._service).set(row.rows)

    async def _tidy(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._tidied_at and now - self._tidied_at < _TIDY_EVERY:
            return
        self._tidied_at = now
        async with self._database.write() as tx:
            await forget_old(tx, self._plumbing, self._clocks.world.now())


def _record(row: Row[Any]) -> NewRecord:
    return NewRecord(row.topic, row.partition, row.key, row.value, unpacked(row.headers))
