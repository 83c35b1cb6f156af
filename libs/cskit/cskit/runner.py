"""The exactly-once runner: a consumer whose place on the log is a row of its own database.

One batch is one transaction: the claims are held, duplicates and poison are taken out, the handler folds, and its
rows, the outbox, the fingerprints and the next offsets commit together. What is in memory is thrown away whenever
that fails. A batch of which nothing is wanted needs no transaction: its offsets commit with a later one. One that the
handler fails for is handled in halves, until the event is found that is to blame.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from functools import partial
from time import monotonic

from cskit import defects, failpoints
from cskit.batches import FEWEST, MOST, MOST_BY_COLUMNS, SECONDS, BatchSize
from cskit.claims import Claim, Claims, Fenced
from cskit.clock import Clocks
from cskit.cuts import until_cut
from cskit.db import Database, DatabaseUnavailable, Tx
from cskit.db.plumbing import Plumbing
from cskit.dead_letters import forget_erased, put_aside
from cskit.dedup import Dedup
from cskit.defects import Batch
from cskit.log import Consumer, Log, OffsetOutOfRange, Partition, Record, Records
from cskit.messages import ColumnHandler, Handler, InvalidMessage, Retry, UnitOfWork, Wanted
from cskit.observability import (
    DEAD_LETTERS,
    RUNNER_AGE,
    RUNNER_BATCH_SECONDS,
    RUNNER_CLAIMS,
    RUNNER_DUPLICATES,
    RUNNER_EVENTS,
    RUNNER_FENCED,
    RUNNER_LAG,
    RUNNER_RETRIES,
    get_logger,
)
from cskit.passing import Passed, changes_nothing
from cskit.poison import Refused
from cskit.progress import BeatingTx, Progress
from cskit.reading import BatchReader, Reading
from cskit.seed import deployment_seed
from cskit.settings import TestHooks
from cskit.watchdog import Stuck, Watchdog
from csmodels.topics import CUSTOMER_EVENTS

log = get_logger()

_POLL_SECONDS = 0.25  # how soon a stop is noticed; records wake a poll at once
_GATHER_SECONDS = 0.05  # after records of which nothing was wanted: more come before the next look
_COMMIT_EVERY = 2.0  # seconds between commits to the log's own group, which only dashboards read
_RETRY_DATABASE = 1.0
_TRIES = 5


class _Stopped(Exception):
    """A stop was asked for while waiting for the database or for a handler's retry."""


class Runner:
    """One member of a consumer group, with the handler that folds its batches."""

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        log: Log,
        database: Database,
        plumbing: Plumbing,
        handler: Handler,
        clocks: Clocks,
        owner: str,
        wake_relay: asyncio.Event | None = None,
        hooks: TestHooks | None = None,
        max_records: int = FEWEST,
        batch_seconds: float = SECONDS,
        needs_all: bool = True,
    ) -> None:
        """needs_all: what the log no longer holds cannot be done without; a new group then raises OffsetOutOfRange."""
        self.name = f"runner:{group}"
        self._group = group
        self._topics = tuple(topics)
        self._log = log
        self._database = database
        self._plumbing = plumbing
        self._handler = handler
        self._clocks = clocks
        self._wake_relay = wake_relay or asyncio.Event()
        self._hooks = hooks or TestHooks()
        self._by_columns = isinstance(handler, ColumnHandler)
        self._size = BatchSize(max_records, MOST_BY_COLUMNS if self._by_columns else MOST, batch_seconds)
        self._needs_all = needs_all
        self._claims = Claims(plumbing.consumer_offsets, group, owner, fenced=not self._hooks.unfenced)
        self._dedup: Dedup | None = None
        self._reader: BatchReader | None = None
        self._owned: dict[Partition, Claim] = {}  # as the database has them
        self._passed = Passed()
        DEAD_LETTERS.labels(group, defects.DEFECT)  # a counter that begins at 0 shows its first step
        self._stop = asyncio.Event()
        self._broken_off = 0  # transactions in a row that the database broke off at one place
        self._in_hand = asyncio.Lock()  # a rebalance waits for the batch in hand
        self._progress = Progress()
        self._committed_at = 0.0
        self._watchdog = Watchdog(
            group=group,
            topics=self._topics,
            log=log,
            progress=self._progress,
            done=lambda: {each.partition: self._passed.beyond(each).next_offset for each in self._owned.values()},
            in_hand=self._in_hand.locked,
        )

    @property
    def owned(self) -> frozenset[Partition]:
        """The partitions this worker reads at the moment."""
        return frozenset(self._owned)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; then finish the batch in hand, commit and leave the group.

        Raises Fenced, Stuck, TopicRecreated, OffsetOutOfRange, LogError, and whatever the handler raised.
        """
        self._stop = stop
        self._let_go(frozenset(self._owned))
        if self._dedup is None:
            seed = await deployment_seed(self._database, self._plumbing)
            self._dedup = Dedup(self._plumbing.fingerprints, self._group, seed)
            self._reader = BatchReader(self._group, self._dedup, by_columns=self._by_columns)
        consumer = self._log.consumer(self._group, self._topics)
        self._progress.beat()
        loop = asyncio.create_task(self._consume(consumer, stop), name=self.name)
        watching = self._watchdog.run(consumer, lags_on_purpose=self._hooks.cut is not None)
        watch = asyncio.create_task(watching, name=f"{self.name}:watchdog")
        try:
            await asyncio.wait((loop, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = [task for task in (loop, watch) if task.done() and not task.cancelled()]
            for task in (loop, watch):
                task.cancel()
            await asyncio.gather(loop, watch, return_exceptions=True)
            await self._leave(consumer)
        for task in ended:
            try:
                task.result()
            except _Stopped:
                return
            except OffsetOutOfRange as error:
                raise OffsetOutOfRange(f"{error}; `kizashi doctor` names the command that resolves it") from error

    async def _consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        await consumer.start(self)
        while not stop.is_set():
            polled = await consumer.poll(max_records=self._size.records, timeout=_POLL_SECONDS)
            if not polled:
                if self._passed.is_due:
                    async with self._in_hand:
                        await self._handle(consumer, {})
                continue
            count, began = sum(map(len, polled.values())), monotonic()
            self._progress.beat()
            failpoints.hit(failpoints.RUNNER_AFTER_POLL)
            async with self._in_hand:
                batch, whole = self._cut(consumer, polled), True
                if batch:
                    whole = await self._handle(consumer, batch)
                elif self._hooks.cut is not None:
                    await asyncio.sleep(0.01)  # the rest of the piece is not there yet
            self._size.took(count, monotonic() - began, whole=whole)
            await self._tell(consumer)
            if self._passed:
                await asyncio.sleep(_GATHER_SECONDS)
        async with self._in_hand:
            if self._passed:
                await self._handle(consumer, {})

    # What the log tells of this member's partitions

    async def on_assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Claim the partitions in the database; the offsets to read from."""
        async with self._in_hand:
            await self._claim(partitions)
            return {partition: self._owned[partition].next_offset for partition in partitions}

    async def on_revoked(self, partitions: frozenset[Partition]) -> None:
        """Wait for the batch in hand, then let go."""
        async with self._in_hand:
            self._let_go(partitions)

    def _let_go(self, partitions: frozenset[Partition]) -> None:
        """Forget what was known of partitions that are no longer this worker's."""
        self._passed.forget(partitions)
        for partition in partitions & self._owned.keys():
            del self._owned[partition]
            RUNNER_LAG.remove(self._group, partition.topic, str(partition.number))
        if self._dedup is not None:
            self._dedup.drop(partitions)
        self._handler.forget()

    async def _claim(self, partitions: frozenset[Partition]) -> None:
        topics = {each.topic for each in partitions}
        topic_ids = {topic: await self._log.topic_id(topic) for topic in topics}
        begins: dict[Partition, int] = {}
        if not self._needs_all:
            held = {topic: await self._log.begin_offsets(topic) for topic in topics}
            begins = {each: held[each.topic][each.number] for each in partitions}
        await self._take(lambda tx: self._claims.claim(tx, partitions, topic_ids, begins))

    async def _take(self, claiming: Callable[[Tx], Awaitable[dict[Partition, Claim]]]) -> None:
        """Claim, and read what dedup knows of the claimed partitions; waits for the database as long as it takes."""
        assert self._dedup is not None
        while True:
            try:
                async with self._database.write() as tx:
                    claims = await claiming(tx)
                    await self._dedup.load(tx, [(each.partition, each.append_clock_ms) for each in claims.values()])
                self._handler.forget()
                await self._handler.on_assigned(self.owned | claims.keys())
                break
            except DatabaseUnavailable as error:
                await self._wait(_RETRY_DATABASE, "runner.database_unavailable", error)
        self._owned.update(claims)
        self._passed.forget(claims.keys())
        for partition in claims:
            RUNNER_CLAIMS.labels(self._group, partition.topic).inc()
        self._progress.beat()
        log.info("runner.claimed", group=self._group, partitions=len(claims), owned=len(self._owned))

    # One batch

    def _cut(self, consumer: Consumer, polled: Batch) -> Batch:
        batch = {}
        for partition, records in polled.items():
            claim = self._owned.get(partition)
            if claim is None or not records:
                continue
            every = self._hooks.cut if partition.topic == CUSTOMER_EVENTS else None
            taken, again = until_cut(records, self._passed.beyond(claim).next_offset, every)
            if again is not None:
                consumer.seek(partition, again)
            if taken:
                batch[partition] = taken
        return batch

    async def _handle(self, consumer: Consumer, batch: Batch) -> bool:
        """Handle a batch until it is committed, leaving out what is poison; or put some of it back for later: False."""
        refused: dict[tuple[Partition, int], tuple[str, str]] = {}
        failures = 0
        while True:
            try:
                with RUNNER_BATCH_SECONDS.labels(self._group).time():
                    left = await self._attempt(batch, refused)
                self._seek(consumer, left)
                return not left
            except InvalidMessage as error:
                place = Partition(error.message.topic, error.message.partition), error.message.offset
                refused[place] = error.code, error.reason
                self._handler.forget()
            except Retry as error:
                RUNNER_RETRIES.labels(self._group).inc()
                self._handler.forget()
                await self._wait(error.after, "runner.retry", error)
            except DatabaseUnavailable as error:
                await self._claim_again(consumer, error)
                return False
            except Fenced:
                RUNNER_FENCED.labels(self._group).inc()
                raise
            except Exception as error:
                if not batch or not defects.is_defect(error):
                    raise
                self._handler.forget()
                failures += 1
                if sum(map(len, batch.values())) > 1:
                    break
                if failures == 1:
                    continue  # once more: it may have been no fault of the record's
                ((partition, (record,)),) = batch.items()
                if (partition, record.offset) in refused:
                    raise
                try:
                    refused[partition, record.offset] = await self._blamed(record, error)
                except DatabaseUnavailable as unavailable:
                    await self._claim_again(consumer, unavailable)
                    return False
        one, other = defects.halves(batch)
        if await self._handle(consumer, one):
            return await self._handle(consumer, other)
        self._seek(consumer, other.keys())
        return False

    async def _claim_again(self, consumer: Consumer, error: DatabaseUnavailable) -> None:
        """After a transaction of unknown end: read on from what the database says."""
        self._broken_off += 1
        if self._broken_off >= _TRIES:  # the database answers in between, but never takes this batch
            raise Stuck(f"group {self._group}: the database broke off the same batch {_TRIES} times") from error
        await self._wait(_RETRY_DATABASE, "runner.database_unavailable", error)
        held = dict(self._owned)
        await self._take(partial(self._claims.claim_again, claims=held))
        self._seek(consumer, self._owned.keys())

    def _seek(self, consumer: Consumer, partitions: Set[Partition]) -> None:
        """Read on behind what was handled of these."""
        for partition in partitions:
            consumer.seek(partition, self._passed.beyond(self._owned[partition]).next_offset)

    async def _blamed(self, record: Record, error: Exception) -> tuple[str, str]:
        """Why a record is put aside for which the handler fails; raises the error where it is not to be."""
        room = await defects.room(self._database, self._plumbing, self._group, record.key, self._clocks.world.now())
        if not room or not defects.may_wait(record):
            raise error
        origin = f"{record.topic}:{record.partition}:{record.offset}"
        log.error("message.defect", group=self._group, origin=origin, exc_info=error)
        return defects.DEFECT, defects.told(error)

    async def _attempt(self, batch: Batch, refused: Refused) -> Set[Partition]:
        """Handle a batch in one transaction; the partitions of which some is left for another one."""
        assert self._dedup is not None
        reading = await self._read(batch, refused, await self._handler.wanted())
        if batch and changes_nothing(reading) and self._hooks.cut is None and not self._passed.is_due:
            self._passed.note(reading.claims)
            self._progress.beat()
            self._count(batch, reading)
            return reading.left
        claims = {**self._passed.claims, **{claim.partition: claim for claim in reading.claims}}
        async with self._database.write() as transaction:
            tx = BeatingTx(transaction, self._progress)
            await self._claims.hold(tx, [self._owned[partition] for partition in sorted(claims)])
            uow = UnitOfWork(tx, self._plumbing)
            if reading:
                if isinstance(self._handler, ColumnHandler):
                    await self._handler.on_columns(reading.messages, reading.usage, uow)
                else:
                    await self._handler.on_batch(reading.messages, uow)
            put_aside(uow, self._plumbing, reading.letters)
            await forget_erased(tx, self._plumbing, reading.messages)  # the letters of this batch among them
            await self._dedup.write(tx, reading.taken, claims)
            self._claims.move(tx, list(claims.values()))
            if failpoints.armed(failpoints.RUNNER_BEFORE_COMMIT):
                await tx.flush()
                failpoints.hit(failpoints.RUNNER_BEFORE_COMMIT)
        failpoints.hit(failpoints.RUNNER_AFTER_COMMIT)
        self._broken_off = 0
        self._dedup.applied(reading.taken)
        self._owned.update(claims)
        self._passed.forget(claims.keys())
        if uow.publishes:
            self._wake_relay.set()
        uow.committed()
        self._progress.beat()
        self._count(batch, reading)
        return reading.left

    async def _read(self, batch: Batch, refused: Refused, wanted: Wanted | None) -> Reading:
        """Read the records of each partition; others get their turn in between."""
        assert self._reader is not None
        now = self._clocks.world.now()
        reading = Reading()
        for number, partition in enumerate(sorted(batch)):
            claim, share = self._passed.beyond(self._owned[partition]), len(batch) - number
            await self._reader.read(Records.of(batch[partition]), claim, refused, wanted, now, reading, share)
        return reading

    def _count(self, batch: Batch, reading: Reading) -> None:
        if batch:
            oldest_ms = min(records[0].timestamp_ms for records in batch.values())
            age = self._clocks.world.now().timestamp() - oldest_ms / 1000
            RUNNER_AGE.labels(self._group).observe(max(0.0, age))
        for claim in reading.claims:
            records = batch[claim.partition]
            count = len(records)
            if claim.partition in reading.left:
                count = int(Records.of(records).offsets.searchsorted(claim.next_offset))
            RUNNER_EVENTS.labels(self._group, claim.partition.topic).inc(count)
        if reading.duplicates:
            RUNNER_DUPLICATES.labels(self._group, "all").inc(reading.duplicates)
        for letter in reading.letters:
            DEAD_LETTERS.labels(self._group, letter.code).inc()
            log.warning("message.dead_letter", group=self._group, origin=letter.origin, code=letter.code)

    # Keeping an eye on it

    async def _wait(self, seconds: float, event: str, error: Exception) -> None:
        """Wait with a reason, which is no stall. Raises _Stopped if a stop is asked for meanwhile."""
        log.warning(event, group=self._group, reason=str(error), seconds=seconds)
        self._progress.beat()
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            self._progress.beat()
        else:
            raise _Stopped

    async def _tell(self, consumer: Consumer) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._committed_at >= _COMMIT_EVERY:
            self._committed_at = now
            await consumer.commit({claim.partition: claim.next_offset for claim in self._owned.values()})

    async def _leave(self, consumer: Consumer) -> None:
        if self._owned:
            await consumer.commit({claim.partition: claim.next_offset for claim in self._owned.values()})
        await consumer.stop()
        self._let_go(frozenset(self._owned))
