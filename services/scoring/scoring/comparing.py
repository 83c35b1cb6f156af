"""What a scorecard would change: every account by today's facts, under what is in force and under the new document."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select

from cskit.clock import Clocks
from cskit.db import Database, Tx
from csmodels.fields import Band
from csmodels.topics import PARTITIONS
from scoring.account import Account, Rules
from scoring.applying import after_applying
from scoring.catalogue import Catalogue, names_of
from scoring.domain.scorecard import Scorecard
from scoring.domain.verdict import Verdict, judge
from scoring.engine.facts import Facts
from scoring.engine.features import assess, months_needed
from scoring.engine.profile import profile
from scoring.planning import PartitionState
from scoring.rates import KnownRates
from scoring.settings import ScoringSettings
from scoring.store import folding
from scoring.tables import live

_LOT: Final = 100  # accounts that are read in one transaction
_BREATH: Final = 10  # accounts after which others get their turn
NOTHING: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Side:
    """A score under one set of scorecards; its band by the plain boundaries."""

    scorecard: str
    score: float
    band: Band


@dataclass(frozen=True, slots=True)
class Compared:
    """An account under what is in force, and under what would be."""

    account: str
    name: str | None
    segment: str | None
    owner: str | None
    mrr: Decimal | None
    before: Side
    after: Side

    @property
    def changes_band(self) -> bool:
        """Whether its band would be another one."""
        return self.before.band != self.after.band


@dataclass(frozen=True, slots=True)
class Move:
    """How many accounts go from one band to another, and their MRR as far as it is known."""

    accounts: int = 0
    mrr: Decimal = NOTHING


@dataclass(slots=True)
class Totals:
    """Of all accounts: how many there are, whose scorecard or score would be another one, and who changes band.

    unpriced are accounts that change band and whose MRR is not known.
    """

    accounts: int = 0
    mrr: Decimal = NOTHING
    rescored: int = 0
    unpriced: int = 0
    moves: dict[tuple[Band, Band], Move] = field(default_factory=dict)

    def add(self, one: Compared) -> None:
        """Count an account."""
        self.accounts += 1
        self.mrr += one.mrr or NOTHING
        self.rescored += one.before.score != one.after.score
        if one.changes_band:
            key = one.before.band, one.after.band
            move = self.moves.get(key, Move())
            self.moves[key] = Move(move.accounts + 1, move.mrr + (one.mrr or NOTHING))
            self.unpriced += one.mrr is None

    @property
    def changing(self) -> Move:
        """All that change band together."""
        moves = self.moves.values()
        return Move(sum(each.accounts for each in moves), sum((each.mrr for each in moves), NOTHING))


@dataclass(frozen=True, slots=True)
class Lot:
    """How far it has come, and those of a lot that change band."""

    done: int
    of: int
    moved: tuple[Compared, ...]


class Comparing:
    """Compares a scorecard with what is in force."""

    def __init__(self, *, database: Database, catalogue: Catalogue, settings: ScoringSettings, clocks: Clocks) -> None:
        self._database = database
        self._catalogue = catalogue
        self._settings = settings
        self._rates = KnownRates(settings.currency)
        self._clocks = clocks

    async def compare(self, card: Scorecard, totals: Totals) -> AsyncIterator[Lot]:
        """Count every account in `totals`, lot by lot, each read in a short transaction of its own.

        All are scored as of the present moment, or of the newest score where that is later. Raises Conflict before the
        first lot if the scorecard could not be applied.
        """
        now = self._clocks.world.now()
        async with self._database.read() as tx:
            first = await self._catalogue.applied(tx)
            states = await folding.load_states(tx, range(PARTITIONS), first)
            rates = await self._rates.newest(tx)
            await self._catalogue.load(tx, {name for state in states.values() for name in names_of(state.applied)})
            count = (await tx.fetch(select(func.count()).select_from(live)))[0][0]
        after = {number: after_applying(state.applied, card, self._catalogue) for number, state in states.items()}
        known = self._catalogue.with_card(card)
        for number, state in sorted(states.items()):
            zone, stopped = self._settings.tzinfo, state.stopped
            before = self._catalogue.rules(state.applied, zone, rates, stopped)
            then = known.rules(after[number], zone, rates, stopped)
            place: str | None = ""
            while place is not None:
                async with self._database.read() as tx:
                    accounts, place = await self._lot(tx, state, place, now)
                moved = []
                for done, account in enumerate(accounts, 1):
                    one = _compared(account, now, before, then)
                    totals.add(one)
                    if one.changes_band:
                        moved.append(one)
                    if done % _BREATH == 0:
                        await asyncio.sleep(0)
                if accounts:
                    yield Lot(totals.accounts, max(count, totals.accounts), tuple(moved))

    async def _lot(self, tx: Tx, state: PartitionState, after: str, now: datetime) -> tuple[list[Account], str | None]:
        """The next accounts with the months that their scores need, and where to go on."""
        ids = await folding.accounts_of(tx, state.partition, after, _LOT)
        reached = [moment for moment in (state.at, state.hour) if moment is not None]
        months = frozenset().union(
            *(months_needed(moment, self._settings.tzinfo, state.stopped) for moment in (now, *reached))
        )
        found = await folding.load(tx, dict.fromkeys(ids, months)) if ids else {}
        scored = [account for id_ in ids if (account := found[id_]).standing is not None]
        return scored, ids[-1] if len(ids) == _LOT else None


def _compared(account: Account, now: datetime, before: Rules, after: Rules) -> Compared:
    at = max(now, account.standing.at) if account.standing else now
    known = profile(account.facts, at, before.zone, before.rates)
    return Compared(
        account=account.id,
        name=known.name,
        segment=known.segment,
        owner=known.owner,
        mrr=known.mrr,
        before=_side(account.facts, at, before),
        after=_side(account.facts, at, after),
    )


def _side(facts: Facts, at: datetime, rules: Rules) -> Side:
    card = rules.card_of(facts, at)
    score = assess(facts, at, card, rules.zone, rules.stopped)
    verdict, _ = judge(Verdict(), score, moment=at, closing=False, backfill=True, card=card)
    return Side(card.name, score.value, verdict.band)
