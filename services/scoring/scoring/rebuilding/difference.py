"""Which accounts differ between the live tables and the shadow, both as of the same offsets."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import Row, select

from cskit.db import Tx
from scoring.engine.codec import decode_month, decode_slow, encode_month, encode_slow
from scoring.tables import account_months, account_slow, live

_PAGE: Final = 500
_SHOWN: Final = 10
_SAME: Final = 1e-6  # points: sums of doubles in another order

Facts = dict[str, bytes]  # the month, or "" for the slow row -> its bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """An account in both: None where it is not."""

    account: str
    live: Row[Any] | None
    rebuilt: Row[Any] | None
    facts_differ: bool

    @property
    def moved(self) -> float:
        """By how many points the score differs: only where both were scored as of one moment or from other facts.

        Batches end elsewhere in a rebuild, so that an account may have been scored a moment later; the next hour ends
        that, and it is no difference.
        """
        if self.live is None or self.rebuilt is None:
            return 0.0
        if self.live.at != self.rebuilt.at and not self.facts_differ and self.live.scorecard == self.rebuilt.scorecard:
            return 0.0
        by: float = self.rebuilt.score - self.live.score
        return by if abs(by) > _SAME else 0.0

    @property
    def differs(self) -> bool:
        """Whether a swap changes anything of it."""
        return self.facts_differ or self.moved != 0.0 or (self.live is None) != (self.rebuilt is None)


@dataclass(slots=True)
class Difference:
    """What a swap would change. `biggest` are those whose scores move the most."""

    accounts: int = 0
    facts: int = 0
    scores: int = 0
    bands: int = 0
    only_live: int = 0
    only_rebuilt: int = 0
    biggest: list[dict[str, Any]] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        """Count an account."""
        self.accounts += 1
        self.facts += pair.facts_differ
        self.only_live += pair.rebuilt is None
        self.only_rebuilt += pair.live is None
        if not pair.moved or pair.live is None or pair.rebuilt is None:
            return
        self.scores += 1
        self.bands += pair.live.band != pair.rebuilt.band
        shown = {
            "account": pair.account,
            "live": pair.live.score,
            "rebuilt": pair.rebuilt.score,
            "band_live": pair.live.band,
            "band_rebuilt": pair.rebuilt.band,
        }
        ranked = sorted([*self.biggest, shown], key=lambda one: (-abs(one["rebuilt"] - one["live"]), one["account"]))
        self.biggest = ranked[:_SHOWN]

    def as_json(self) -> dict[str, Any]:
        """For rows and answers."""
        return asdict(self)


async def all_ids(one: Tx, other: Tx) -> AsyncIterator[list[str]]:
    """The ids of all accounts of both, page by page: those of one, then what only the other has.

    Each database goes by its own order, which may be another than the other's or Python's.
    """
    async for page in _pages(one):
        yield page
    async for page in _pages(other):
        there = {row.account for row in await one.fetch(select(live.c.account).where(live.c.account.in_(page)))}
        if only := [id_ for id_ in page if id_ not in there]:
            yield only


async def _pages(tx: Tx) -> AsyncIterator[list[str]]:
    after = ""
    while True:
        statement = select(live.c.account).where(live.c.account > after).order_by(live.c.account).limit(_PAGE)
        page = [row.account for row in await tx.fetch(statement)]
        if not page:
            return
        yield page
        after = page[-1]


async def pairs(one: Tx, other: Tx, ids: Sequence[str]) -> list[Pair]:
    """The accounts of these ids that are in the live tables (one) or in the shadow (other)."""
    rows = [await _rows(tx, ids) for tx in (one, other)]
    facts = [await _facts(tx, ids) for tx in (one, other)]
    return [
        Pair(id_, rows[0].get(id_), rows[1].get(id_), not _equal(facts[0].get(id_, {}), facts[1].get(id_, {})))
        for id_ in ids
        if id_ in rows[0] or id_ in rows[1]
    ]


async def touched_since(tx: Tx, offsets: Mapping[int, int]) -> set[str]:
    """The accounts that were scored at one of these offsets or later, by partition."""
    found: set[str] = set()
    for number, offset in offsets.items():
        statement = select(live.c.account).where(live.c.partition == number, live.c.offset >= offset)
        found |= {row.account for row in await tx.fetch(statement)}
    return found


async def _rows(tx: Tx, ids: Sequence[str]) -> dict[str, Row[Any]]:
    return {row.account: row for row in await tx.fetch(select(live).where(live.c.account.in_(ids)))}


async def _facts(tx: Tx, ids: Sequence[str]) -> dict[str, Facts]:
    found: dict[str, Facts] = {}
    for row in await tx.fetch(select(account_months).where(account_months.c.account.in_(ids))):
        found.setdefault(row.account, {})[row.month] = bytes(row.body)
    for row in await tx.fetch(select(account_slow).where(account_slow.c.account.in_(ids))):
        found.setdefault(row.account, {})[""] = bytes(row.body)
    return found


def _equal(one: Facts, other: Facts) -> bool:
    """Equal facts give equal bytes; bytes of an older format are read and written once."""
    return one == other or _renewed(one) == _renewed(other)


def _renewed(facts: Facts) -> Facts:
    return {
        name: encode_month(decode_month(body)) if name else encode_slow(decode_slow(body))
        for name, body in facts.items()
    }
