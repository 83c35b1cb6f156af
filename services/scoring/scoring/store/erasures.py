"""Which erased accounts the archive is still to let go of."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, tuple_, update

from cskit.db import Tx
from scoring.archive.files import Erased
from scoring.tables import archive_erasures as table


def note(tx: Tx, partition: int, erasures: Sequence[Erased]) -> None:
    """Note them; one that is noted already stays as it is, so that a repeat erases nothing that came between."""
    rows = [{"partition": partition, **each._asdict()} for each in erasures]
    tx.insert(table, rows, ignore=True)


async def waiting(tx: Tx, partition: int) -> list[Erased]:
    """Those of a partition that are not done."""
    statement = select(table).where(table.c.partition == partition, table.c.done_at.is_(None))
    rows = await tx.fetch(statement.order_by(table.c.offset))
    return [Erased(row.account, row.source, row.id, row.offset) for row in rows]


async def again(tx: Tx, partitions: Sequence[int], since: datetime) -> None:
    """What was done since then is to be done once more."""
    these = table.c.partition.in_(partitions), table.c.done_at >= since
    await tx.execute(update(table).where(*these).values(done_at=None))


async def done(tx: Tx, partition: int, erasures: Sequence[Erased], at: datetime) -> None:
    """The archive holds nothing of them any more."""
    keys = [(each.account, each.source, each.id) for each in erasures]
    these = tuple_(table.c.account, table.c.source, table.c.id).in_(keys)
    await tx.execute(update(table).where(table.c.partition == partition, these).values(done_at=at))
