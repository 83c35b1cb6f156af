"""An event for which a handler fails: found by halving its batch, and put aside, so that nothing else suffers.

Only of a few accounts an hour: where it befalls more, the code is wrong and not the event, and the consumer ends as by
any error.
"""

import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from cskit.db import Database, ValueRefused
from cskit.db.plumbing import Plumbing
from cskit.log import Partition, Record, Records
from cskit.peek import type_of
from csmodels.topics import CONTROL_KEY

DEFECT: Final = "defect"  # code of the dead letters
# within an hour, of one consumer group
ACCOUNTS: Final = 20  # keys of its dead letters
LETTERS: Final = 1_000

# what computing raises; what the log, the database's server and the machine raise is nobody's fault here
_RAISED: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RecursionError,
    TypeError,
    ValueError,
    ValueRefused,
)

_ERASURES: Final = frozenset(("person.erased", "account.erased"))

Batch = Mapping[Partition, Sequence[Record]]


def is_defect(error: Exception) -> bool:
    """Whether an error comes of what was handled, as far as its kind tells."""
    return isinstance(error, _RAISED)


def may_wait(record: Record) -> bool:
    """Whether a record may be put aside: not what concerns all accounts, and no erasure."""
    return record.key != CONTROL_KEY.encode() and type_of(record.value) not in _ERASURES


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """A batch of more than one record as two, in the order in which they are to be handled."""
    partitions = sorted(batch)
    middle = len(partitions) // 2
    if middle:
        return {each: batch[each] for each in partitions[:middle]}, {each: batch[each] for each in partitions[middle:]}
    (partition,) = partitions
    records = Records.of(batch[partition])
    middle = len(records) // 2
    return {partition: records.between(0, middle)}, {partition: records.between(middle, len(records))}


def told(error: Exception) -> str:
    """The kind of an error and where it was raised; not what it says, which may be somebody's data."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: a defect of Kizashi. Please report it."
    )


async def room(database: Database, plumbing: Plumbing, group: str, key: bytes | None, now: datetime) -> bool:
    """Whether one more, of this key, may be put aside within the hour."""
    table = plumbing.dead_letters
    recent = (table.c.consumer_group == group) & (table.c.code == DEFECT) & (table.c.at > now - timedelta(hours=1))
    counts = (
        func.count().label("letters"),
        func.count(table.c.key.distinct()).filter(table.c.key != key).label("others"),
    )
    (row,) = await database.fetch(select(*counts).where(recent))
    return int(row.letters) < LETTERS and int(row.others) < ACCOUNTS
