"""Notes and the audit: what people wrote and did."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select

from cskit.db import Tx
from playbook.store.lists import After
from playbook.tables import audit, notes


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody did something to something."""

    id: str
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


def note(tx: Tx, task: str, account: str, author: str, text: str, at: datetime) -> None:
    """Keep the note of a task; a later one replaces it."""
    tx.upsert(notes, [{"task": task, "account": account, "author": author, "text": text, "at": at}])


def record(tx: Tx, entry: Entry) -> None:
    """Keep an entry; the same id is kept once."""
    tx.insert(audit, [asdict(entry)], ignore=True)


async def recorded(tx: Tx, id_: str) -> bool:
    """Whether there is an entry of this id."""
    return bool(await tx.fetch(select(audit.c.id).where(audit.c.id == id_)))


async def entries(tx: Tx, after: After | None, limit: int) -> Sequence[Entry]:
    """Entries, the newest first."""
    table = audit.c
    statement = select(audit)
    if after is not None:
        statement = statement.where(or_(table.at < after.moment, and_(table.at == after.moment, table.id > after.id)))
    rows = await tx.fetch(statement.order_by(table.at.desc(), table.id).limit(limit))
    return [Entry(**row._mapping) for row in rows]
