"""What could not be handled: kept with its bytes in the service's table, and told on cs.dead-letters with its
reason.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, select, update

from cskit.db import Tx
from cskit.db.plumbing import Plumbing
from cskit.errors import Conflict
from cskit.headers import packed, unpacked
from cskit.log import NewRecord, Record
from cskit.messages import Message, UnitOfWork
from cskit.peek import received_at
from cskit.poison import EMPTY, NULL_KEY, WRONG_PARTITION
from csmodels.envelope import Event
from csmodels.ids import PersonId
from csmodels.internal import AccountErased, PersonErased
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, DEAD_LETTERS

KEPT: Final = timedelta(days=30)
REPEATS_KNOWN: Final = timedelta(hours=70)  # of the 72 in which the services that took an event know its copy
_OF_ALL: Final = (NULL_KEY, EMPTY, WRONG_PARTITION)  # poison for every service
_BODIES_AT_ONCE: Final = 200
TOO_LARGE: Final = "too_large"  # an outbox row is beyond what the log takes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was put aside: `code` for machines, `reason` a sentence for people."""

    group: str
    record: Record
    code: str
    reason: str
    at: datetime

    @property
    def origin(self) -> str:
        return f"{self.record.topic}:{self.record.partition}:{self.record.offset}"


def put_aside(uow: UnitOfWork, plumbing: Plumbing, letters: Sequence[DeadLetter]) -> None:
    """Keep the letters and tell of them, in the transaction that moves past their records."""
    uow.insert(
        plumbing.dead_letters,
        [
            {
                "id": f"{letter.group}:{letter.origin}",
                "consumer_group": letter.group,
                "topic": letter.record.topic,
                "partition": letter.record.partition,
                "offset": letter.record.offset,
                "key": letter.record.key,
                "value": letter.record.value,
                "headers": packed(letter.record.headers),
                "code": letter.code,
                "reason": letter.reason,
                "at": letter.at,
                "replayed_at": None,
            }
            for letter in letters
        ],
        ignore=True,
    )
    uow.send([_notice(letter) for letter in letters])


def _notice(letter: DeadLetter) -> NewRecord:
    body = letter.record.value or b""
    notice = {
        "group": letter.group,
        "topic": letter.record.topic,
        "partition": letter.record.partition,
        "offset": letter.record.offset,
        "code": letter.code,
        "reason": letter.reason,
        "at": letter.at.isoformat(),
        "length": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return NewRecord(DEAD_LETTERS, partition_of(letter.origin), letter.origin.encode(), json.dumps(notice).encode(), ())


async def listed(tx: Tx, plumbing: Plumbing, *, before: tuple[datetime, str] | None, limit: int) -> Sequence[Row[Any]]:
    """The newest letters first, from `before` (at, id) on, without their bodies."""
    table = plumbing.dead_letters
    columns = [column for column in table.c if column.name not in ("value", "headers")]
    statement = select(*columns).order_by(table.c.at.desc(), table.c.id.desc()).limit(limit)
    if before is not None:
        at, letter_id = before
        statement = statement.where((table.c.at < at) | ((table.c.at == at) & (table.c.id < letter_id)))
    return await tx.fetch(statement)


async def found(tx: Tx, plumbing: Plumbing, letter_id: str) -> Row[Any] | None:
    """One letter with its body, or None."""
    rows = await tx.fetch(select(plumbing.dead_letters).where(plumbing.dead_letters.c.id == letter_id))
    return rows[0] if rows else None


async def replay(uow: UnitOfWork, plumbing: Plumbing, letter_id: str, now: datetime) -> bool:
    """Append the original bytes once more, by the outbox, where they lay or, if that was wrong, where they belong;
    False if it was replayed before or does not exist.

    Raises Conflict for an event that all but one service took so long ago that they would take the copy for another.
    """
    table = plumbing.dead_letters
    statement = (
        update(table)
        .where(table.c.id == letter_id, table.c.replayed_at.is_(None))
        .values(replayed_at=now)
        .returning(*table.c)
    )
    rows = await uow.tx.fetch(statement)
    for row in rows:
        shared = row.topic == CUSTOMER_EVENTS and row.code not in _OF_ALL  # others may have taken it
        if shared and now - (received_at(row.value) or row.at) > REPEATS_KNOWN:
            raise Conflict(
                "too_late_to_replay",
                f"The event of dead letter {letter_id} came more than {REPEATS_KNOWN // timedelta(hours=1)} hours ago: "
                f"the services that took it would count the copy as one more. For scores, run `kizashi rebuild` once "
                f"Kizashi is repaired: it folds the original.",
            )
        partition = partition_of(row.key) if row.code == WRONG_PARTITION else row.partition
        uow.send([NewRecord(row.topic, partition, row.key, row.value or b"", unpacked(row.headers))])
    return bool(rows)


async def forget_old(tx: Tx, plumbing: Plumbing, now: datetime) -> int:
    """Delete what is older than 30 days; the number of letters gone."""
    return await tx.execute(delete(plumbing.dead_letters).where(plumbing.dead_letters.c.at < now - KEPT))


async def forget_erased(tx: Tx, plumbing: Plumbing, messages: Sequence[Message[Event]]) -> None:
    """Delete the letters that are about people and accounts whom these messages erase: of an account those from before,
    of other topics all.
    """
    table = plumbing.dead_letters
    people = {message.event.data.person for message in messages if isinstance(message.event, PersonErased)}
    if people:
        await forget_people(tx, plumbing, people)
    for message in messages:
        if isinstance(message.event, AccountErased):
            before = (table.c.topic != message.topic) | (table.c.offset < message.offset)
            await tx.execute(delete(table).where(table.c.key == message.event.key, before))


async def forget_people(tx: Tx, plumbing: Plumbing, people: Collection[PersonId]) -> int:
    """Delete the letters whose bodies name one of these people by their random id; how many.

    Their notices on cs.dead-letters stay: a place, a reason, a length and a hash. The bodies are read in portions and
    searched here: neither database searches bytes in the other's words, and erasures and letters are rare.
    """
    table = plumbing.dead_letters
    wanted = [person.encode() for person in people]
    gone, last = 0, ""
    while wanted:
        portion = select(table.c.id, table.c.value).where(table.c.id > last).order_by(table.c.id).limit(_BODIES_AT_ONCE)
        rows = await tx.fetch(portion)
        if not rows:
            break
        last = rows[-1].id
        named = [row.id for row in rows if any(person in (row.value or b"").lower() for person in wanted)]
        if named:
            gone += await tx.execute(delete(table).where(table.c.id.in_(named)))
    return gone
