"""Who reads a partition, and from where: rows of the database decide, not the log.

A claim raises the epoch of a row; every batch locks its rows and checks that epoch and next offset are still its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Table, select, tuple_, update

from cskit.db import Database, Tx
from cskit.db.plumbing import Plumbing
from cskit.log import Partition

RESOLVED: Final = "doctor"  # the owner of rows that say since a `kizashi doctor --resolve` where to read on


class Fenced(Exception):
    """Another worker has claimed a partition since: nothing of this batch may be written, and this consumer must
    end.
    """


class TopicRecreated(Exception):
    """The topic is not the one that the stored offsets are about; an operator must say where to read on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker knows of a partition it owns."""

    partition: Partition
    topic_id: UUID
    epoch: int
    next_offset: int
    append_clock_ms: int  # the running maximum of append times


class Claims:
    """The rows of one consumer group, as one worker uses them. `fenced=False` is for the test that proves the fence."""

    def __init__(self, table: Table, group: str, owner: str, *, fenced: bool = True) -> None:
        self._table = table
        self._group = group
        self._owner = owner
        self._fenced = fenced

    async def claim(
        self,
        tx: Tx,
        partitions: Iterable[Partition],
        topic_ids: Mapping[str, UUID],
        begins: Mapping[Partition, int] | None = None,
    ) -> dict[Partition, Claim]:
        """Take over these partitions: raise their epochs and learn where to read on. Raises TopicRecreated.

        `begins` are the first records of the log, for a group that can do without those before: a partition of which it
        has read none yet is read from there, also if the log has let go of more since it was first claimed.
        """
        wanted = sorted(partitions)
        begins = begins or {}
        first = [Claim(each, topic_ids[each.topic], 0, begins.get(each, 0), 0) for each in wanted]
        tx.insert(self._table, [self._row(claim) for claim in first], ignore=True)
        before = await tx.fetch(self._locked(wanted))
        unread = {
            Partition(row.topic, row.partition) for row in before if not row.append_clock_ms or row.owner == RESOLVED
        }
        statement = (
            update(self._table)
            .where(self._are(wanted))
            .values(epoch=self._table.c.epoch + 1, owner=self._owner)
            .returning(*self._table.c)
        )
        claims = {claim.partition: claim for claim in map(_claim, await tx.fetch(statement))}
        late = [claims[each] for each in sorted(unread) if claims[each].next_offset < begins.get(each, 0)]
        late = [replace(claim, next_offset=begins[claim.partition]) for claim in late]
        if late:
            self.move(tx, late)
            claims |= {claim.partition: claim for claim in late}
        for partition, claim in claims.items():
            if claim.topic_id != topic_ids[partition.topic]:
                raise TopicRecreated(
                    f"topic {partition.topic} was made anew (its id is {topic_ids[partition.topic]}, the offsets of "
                    f"group "
                    f"{self._group} are about {claim.topic_id}); say where to read on: kizashi doctor --resolve "
                    f"{self._group} {partition.topic} --from earliest|latest|OFFSET"
                )
        return claims

    async def claim_again(self, tx: Tx, claims: Mapping[Partition, Claim]) -> dict[Partition, Claim]:
        """Take over once more what is still this worker's, after a transaction of unknown end. Raises Fenced."""
        rows = await tx.fetch(self._locked(sorted(claims)))
        owners = {Partition(row.topic, row.partition): row.owner for row in rows}
        for now in map(_claim, rows):
            lost = now.epoch != claims[now.partition].epoch
            if lost and owners[now.partition] != self._owner:  # a claim of mine may have committed without my knowing
                raise Fenced(
                    f"{now.partition.topic}:{now.partition.number} of group {self._group} was claimed by another worker"
                )
        return await self.claim(tx, claims, {each.partition.topic: each.topic_id for each in claims.values()})

    async def hold(self, tx: Tx, claims: Sequence[Claim]) -> None:
        """Lock the rows of these claims until the transaction ends. Raises Fenced if one is no longer this worker's."""
        rows = await tx.fetch(self._locked([claim.partition for claim in claims]))
        if not self._fenced:
            return
        found = {claim.partition: claim for claim in map(_claim, rows)}
        for mine in claims:
            now = found.get(mine.partition)
            if now is None or (now.epoch, now.next_offset) != (mine.epoch, mine.next_offset):
                raise Fenced(
                    f"{mine.partition.topic}:{mine.partition.number} of group {self._group} was claimed by another "
                    f"worker (mine: epoch {mine.epoch}, offset {mine.next_offset}; now: {now})"
                )

    def move(self, tx: Tx, claims: Sequence[Claim]) -> None:
        """Write the next offsets of claims that this transaction holds."""
        tx.upsert(self._table, [self._row(claim) for claim in claims])

    def _row(self, claim: Claim) -> dict[str, Any]:
        return {
            "consumer_group": self._group,
            "topic": claim.partition.topic,
            "partition": claim.partition.number,
            "topic_id": str(claim.topic_id),
            "next_offset": claim.next_offset,
            "epoch": claim.epoch,
            "owner": self._owner,
            "append_clock_ms": claim.append_clock_ms,
        }

    def _locked(self, partitions: Sequence[Partition]) -> Any:
        return (
            select(self._table)
            .where(self._are(partitions))
            .order_by(self._table.c.topic, self._table.c.partition)
            .with_for_update()
        )

    def _are(self, partitions: Sequence[Partition]) -> ColumnElement[bool]:
        where = tuple_(self._table.c.topic, self._table.c.partition).in_([tuple(each) for each in partitions])
        return (self._table.c.consumer_group == self._group) & where


def _claim(row: Any) -> Claim:
    return Claim(
        Partition(row.topic, row.partition), UUID(row.topic_id), row.epoch, row.next_offset, row.append_clock_ms
    )


def moved(claim: Claim, next_offset: int, append_clock_ms: int) -> Claim:
    """The claim after a batch."""
    return replace(claim, next_offset=next_offset, append_clock_ms=max(claim.append_clock_ms, append_clock_ms))


async def read_offsets(database: Database, plumbing: Plumbing, group: str) -> Mapping[Partition, int]:
    """The next offsets of a group as the database has them."""
    table = plumbing.consumer_offsets
    async with database.read() as tx:
        rows = await tx.fetch(select(table).where(table.c.consumer_group == group))
    return {Partition(row.topic, row.partition): row.next_offset for row in rows}
