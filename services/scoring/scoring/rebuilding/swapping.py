"""The shadow's facts and scores become the live ones, in one transaction that fences the live workers.

Swapped are the accounts that differ, with their facts and their live rows. Kept are history, and with it what each
account has published: the next evaluation of an account (its next event, or the next hour) compares the rebuilt score
with what was published last and publishes the change in the log's order, as always.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import delete, select

from cskit.claims import Claims
from cskit.db import Tx
from cskit.db.plumbing import speak
from cskit.log import Partition
from csmodels.health import MAX_CAUSE_EVENTS
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.rebuilding.difference import Difference, Pair, pairs, touched_since
from scoring.rebuilding.shadow import Shadow
from scoring.store import portfolio, rebuilds
from scoring.store.folding import stored_base
from scoring.tables import (
    PLUMBING,
    account_months,
    account_slow,
    erased_accounts,
    history,
    live,
    overrides,
    partitions,
    portfolio_books,
    portfolio_tickets,
)

T = TypeVar("T")

# Tables with a row or more per account that the fold alone writes.
FACTS: Final = (account_months, account_slow, portfolio_books, portfolio_tickets, overrides)
_LOT: Final = 200
_SPEAK_EVERY: Final = 1.0  # seconds; PostgreSQL ends a transaction that is idle for five


async def swap(
    tx: Tx, shadow: Shadow, group: str, suspects: set[str], since: dict[int, int], rebuild: str
) -> Difference:
    """Bring the shadow to the offset where the live workers of `group` are stopped, and write what differs.

    suspects are the accounts that differed when both were at the offsets `since`. Within `tx`, a write transaction of
    the live database; nothing counts before it commits. Returns what was changed.
    """
    wanted = [Partition(CUSTOMER_EVENTS, number) for number in range(PARTITIONS)]
    claims = Claims(PLUMBING.consumer_offsets, group, f"rebuild:{rebuild}"[:128])
    topic_id = await shadow.log.topic_id(CUSTOMER_EVENTS)
    held = await claims.claim(tx, wanted, {CUSTOMER_EVENTS: topic_id})
    until = {partition.number: claim.next_offset for partition, claim in held.items()}
    await shadow.define(tx)
    await meanwhile(tx, shadow.fold(until, asyncio.Event(), _quiet))
    await forget_erased(tx, shadow)
    difference = Difference()
    async with shadow.database.read() as rebuilt:
        ids = sorted(suspects | await touched_since(tx, since) | await touched_since(rebuilt, since))
        for start in range(0, len(ids), _LOT):
            lot = await pairs(tx, rebuilt, ids[start : start + _LOT])
            for pair in lot:
                difference.add(pair)
            await _write(tx, rebuilt, [pair for pair in lot if pair.differs], rebuild)
            await tx.flush()
        states = [dict(row._mapping) for row in await rebuilt.fetch(select(partitions))]
        tx.upsert(partitions, states)
    await portfolio.renew(tx)
    return difference


async def forget_erased(tx: Tx, shadow: Shadow) -> None:
    """Let the shadow, at the offsets of the live tables, forget accounts that are erased there and have not come back.

    It has one if an event from before the erasure was sent again after it, and the archive lacks the first.
    """
    async with shadow.database.read() as rebuilt:
        ids = sorted(await rebuilds.kept_erased(tx, rebuilt))
    async with shadow.database.write() as forgetting:
        for start in range(0, len(ids), _LOT):
            for table in (*FACTS, live, history):
                await forgetting.execute(delete(table).where(table.c.account.in_(ids[start : start + _LOT])))


async def _write(tx: Tx, rebuilt: Tx, changed: Sequence[Pair], rebuild: str) -> None:
    ids = [pair.account for pair in changed]
    if not ids:
        return
    for table in FACTS:
        await tx.execute(delete(table).where(table.c.account.in_(ids)))
        rows = await rebuilt.fetch(select(table).where(table.c.account.in_(ids)))
        tx.insert(table, [dict(row._mapping) for row in rows])
    gone = [pair for pair in changed if pair.rebuilt is None]
    if gone:
        await tx.execute(delete(live).where(live.c.account.in_([pair.account for pair in gone])))
        reached = [{"account": each.account, "version": each.live.version} for each in gone if each.live is not None]
        tx.upsert(erased_accounts, [row for row in reached if row["version"]])
    new = [pair.account for pair in changed if pair.live is None]
    erased = await tx.fetch(select(erased_accounts).where(erased_accounts.c.account.in_(new))) if new else []
    first = await stored_base(tx, PLUMBING) or 0
    bases = {row.account: max(row.version, first) for row in erased}
    tx.upsert(
        live, [_row(pair, bases.get(pair.account, first), rebuild) for pair in changed if pair.rebuilt is not None]
    )


def _row(pair: Pair, base: int, rebuild: str) -> dict[str, Any]:
    """The rebuilt row with what was published live: versions go on without a gap, and the next one tells the change."""
    assert pair.rebuilt is not None
    row = dict(pair.rebuilt._mapping)
    known = pair.live
    causes = dict(known.causes if known is not None else row["causes"])
    events = [*causes.get("events", ()), f"rebuild:{rebuild}"]
    return row | {
        "verdict": row["verdict"] | {"published": known.verdict["published"] if known is not None else None},
        "version": known.version if known is not None else base,
        "version_base": known.version_base if known is not None else base,
        "causes": causes | {"events": events[-MAX_CAUSE_EVENTS:]},
    }


async def meanwhile(tx: Tx, work: Coroutine[Any, Any, T]) -> T:
    """Do this while the transaction has nothing to say, and let the database know that it is at work."""
    running = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait((running,), timeout=_SPEAK_EVERY))[0]:
            await speak(tx, PLUMBING)
        return running.result()
    finally:  # if the transaction ends before it: what it works with may be gone next
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _quiet(folded: int) -> None:
    """Progress that nobody follows."""
