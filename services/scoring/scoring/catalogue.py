"""The scorecards that a process knows: each version is compiled once, loaded when it is first asked for."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any, Final

from cskit.db import Tx
from cskit.observability import get_logger
from scoring.account import Rules
from scoring.domain.document import InvalidDocument
from scoring.domain.money import Rates
from scoring.domain.precedence import Applied, Segmental, ordered
from scoring.domain.scorecard import Scorecard, canonical_text
from scoring.engine.feeds import Stopped
from scoring.expressions import parsed, segmental
from scoring.rates import KnownRates
from scoring.store import scorecards as store

log = get_logger()

_SHIPPED: Final = "kizashi"  # who made and applied what comes with the installation


class UnknownScorecard(LookupError):
    """A version that is in force is not known: what is missing, and what to do."""


class Catalogue:
    """Versions never change once they were applied, so what was loaded stays.

    built_in are known without a database; the first of them is in force where nothing was applied.
    """

    def __init__(self, built_in: Sequence[Scorecard]) -> None:
        self._built_in = tuple(built_in)
        self._cards: dict[str, Scorecard] = {}
        self._segmental: dict[str, Segmental] = {}
        self._rules: dict[tuple[tuple[str, int], ...], Rules] = {}
        for card in built_in:
            self.add(card)

    @property
    def cards(self) -> Mapping[str, Scorecard]:
        """Those known, by name."""
        return self._cards

    @property
    def first(self) -> Applied:
        """What is in force where nothing was ever applied."""
        return {self._built_in[0].id: self._built_in[0].version}

    def add(self, card: Scorecard) -> None:
        """Make a scorecard known. InvalidDocument if an expression in it is wrong."""
        compiled = segmental(card)
        if compiled is not None:
            self._segmental[card.name] = compiled
        self._cards[card.name] = card

    async def load(self, tx: Tx, names: Collection[str]) -> None:
        """Make these known, as far as they are stored. One that cannot be read is logged and stays unknown."""
        missing = set(names) - self._cards.keys()
        for name, version in (await store.named(tx, missing) if missing else {}).items():
            try:
                self.add(parsed(json.loads(version.document), stored=True))
            except InvalidDocument as error:
                log.error("scorecard.unreadable", scorecard=name, reason=str(error))

    def with_card(self, card: Scorecard) -> "Catalogue":
        """A catalogue with one more, which this one does not come to know."""
        more = Catalogue(self._built_in)
        more._cards.update(self._cards)
        more._segmental.update(self._segmental)
        more.add(card)
        return more

    def forget(self, name: str) -> None:
        """Load this one again when it is asked for: what is known of it is not what was applied."""
        if name not in {card.name for card in self._built_in}:
            self._cards.pop(name, None)
            self._segmental.pop(name, None)

    def unknown(self, applied: Applied) -> list[str]:
        """The names of those in force that are not known."""
        return [name for name in names_of(applied) if name not in self._cards]

    def rules(self, applied: Applied, zone: tzinfo, rates: Rates, stopped: Stopped) -> Rules:
        """The rules under these scorecards. Raises UnknownScorecard for one that was not loaded or is not stored."""
        key = tuple(sorted(applied.items()))
        if key not in self._rules:
            self._rules[key] = self._made(applied, zone, rates)
        return replace(self._rules[key], stopped=stopped, rates=rates)

    def _made(self, applied: Applied, zone: tzinfo, rates: Rates) -> Rules:
        if missing := self.unknown(applied):
            raise UnknownScorecard(
                f"The scorecard {missing[0]} is in force, and not in scoring's table scorecards (or this version of "
                "Kizashi cannot read it). Restore that row, or the version."
            )
        names = names_of(applied)
        others = ordered({name: self._segmental[name] for name in names if name in self._segmental})
        (default,) = (self._cards[name] for name in names if name not in self._segmental)
        return Rules(default, zone, rates, {}, others, _folding(default, others) if others else None)

    async def current(self, tx: Tx, zone: tzinfo, rates: Rates) -> Rules:
        """The rules that were applied last, though partitions may not have come so far; no feed counts as stopped."""
        applied = await self.applied(tx)
        await self.load(tx, names_of(applied))
        return self.rules(applied, zone, rates, {})

    async def applied(self, tx: Tx) -> Applied:
        """What was applied last."""
        return await store.newest_in_force(tx) or self.first

    async def seed(self, tx: Tx, now: datetime) -> None:
        """Store what comes with the installation, if it is not there: its scorecards, and which one it begins with."""
        store.add(tx, [_shipped(card, now) for card in self._built_in], ignore=True)
        card = self._built_in[0]
        begun = store.Application(
            number=0,
            id="",
            kind="shipped",
            scorecard=card.id,
            version=card.version,
            sha256=card.sha256,
            in_force=self.first,
            at=now,
            actor=_SHIPPED,
            note=None,
        )
        store.apply(tx, [begun], ignore=True)


class ReadingRules:
    """The rules for whoever reads: scores that are computed when they are asked for. No feed counts as stopped."""

    def __init__(self, catalogue: Catalogue, zone: tzinfo, currency: str) -> None:
        self._catalogue = catalogue
        self.zone = zone
        self._rates = KnownRates(currency)

    async def now(self, tx: Tx) -> Rules:
        """Those that were applied last, and the newest exchange rates."""
        return await self._catalogue.current(tx, self.zone, await self._rates.newest(tx))

    async def of(self, tx: Tx, scorecard: str) -> Rules:
        """Those of one version alone, whatever it applies to; those of now if it is not known any more."""
        await self._catalogue.load(tx, [scorecard])
        card = self._catalogue.cards.get(scorecard)
        return await self.now(tx) if card is None else Rules(card, self.zone, await self._rates.newest(tx), {})


def names_of(applied: Applied) -> list[str]:
    """The names ("id@version") of scorecards in force."""
    return [f"{id_}@{version}" for id_, version in applied.items()]


def _folding(default: Scorecard, others: Sequence[Segmental]) -> Scorecard:
    """By which facts are folded: the default, and the key features of all."""
    cards = (default, *(each.card for each in others))
    named = dict.fromkeys(name for card in cards for name in card.actions.key_features)
    return replace(default, actions=replace(default.actions, key_features=tuple(named)))


def _shipped(card: Scorecard, now: datetime) -> store.Version:
    return store.Version(
        scorecard=card.id,
        version=card.version,
        sha256=card.sha256,
        written_sha256=written_sha256(card.document),
        document=stored_text(card.document),
        at=now,
        author=_SHIPPED,
        note=None,
    )


def stored_text(document: Mapping[str, Any]) -> str:
    """A document as it is stored: JSON in the order in which it was written, which is that of the measures."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def written_sha256(document: Mapping[str, Any]) -> str:
    """The hash of a document whatever version it names: by it a document is known that was stored already."""
    content = {name: value for name, value in document.items() if name != "version"}
    return hashlib.sha256(canonical_text(content).encode()).hexdigest()
