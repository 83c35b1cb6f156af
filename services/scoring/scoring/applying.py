"""Scorecards are stored as versions, applied and rolled back. Each application is a row and, by the outbox, a control
record for every partition in one transaction: the document is in the database before its record is on the log.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from cskit.auth import Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Conflict, NotFound
from cskit.http import WriteIds
from cskit.messages import UnitOfWork, UnitOfWorks
from cskit.observability import get_logger
from csmodels.ids import EventId
from csmodels.internal import ScorecardApplied, ScorecardVersion
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.catalogue import Catalogue, names_of, stored_text, written_sha256
from scoring.domain.calendar import local_day, months_back
from scoring.domain.changes import FieldChange, changes
from scoring.domain.precedence import Applied, NoDefault, applying
from scoring.domain.scorecard import Scorecard
from scoring.engine.names import counted, most_used
from scoring.expressions import parsed
from scoring.settings import ScoringSettings
from scoring.store import folding
from scoring.store import scorecards as store
from scoring.store.scorecards import Application, Kind, Version

log = get_logger()

SOURCE: Final = "scoring"
_COUNTED: Final = 300  # accounts of a partition whose names are counted for key features
_COUNTED_AT_ONCE: Final = 50  # of them in one transaction, so that others get their turn
_COUNTED_MONTHS: Final = 2
_LOOK_EVERY: Final = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Stored:
    """A version, whether it was made by this call, and what is new in it against the version before."""

    version: Version
    new: bool
    changes: Sequence[FieldChange]


@dataclass(frozen=True, slots=True)
class Done:
    """What applying came to. changed: False if that was in force already. folded: every partition is there.

    key_features are those that were written into the version just now.
    """

    name: str
    sha256: str
    application: str | None
    changed: bool
    in_force: Applied
    key_features: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """A scorecard that is not stored, under the version that it would have, and what is new in it against the version
    of its id that is in force. key_features are those that would be written into it.
    """

    card: Scorecard
    changes: Sequence[FieldChange]
    key_features: tuple[str, ...]


class Scorecards:
    """The versions of scorecards and what is in force."""

    def __init__(
        self,
        *,
        units: UnitOfWorks,
        database: Database,
        catalogue: Catalogue,
        settings: ScoringSettings,
        clocks: Clocks,
    ) -> None:
        self._units = units
        self._database = database
        self._catalogue = catalogue
        self._settings = settings
        self._clocks = clocks

    async def begin(self) -> None:
        """Store what comes with the installation, if it is not there."""
        async with self._units() as uow:
            await self._catalogue.seed(uow.tx, self._clocks.world.now())

    async def store(self, document: Mapping[str, Any], by: Principal, note: str | None = None) -> Stored:
        """Keep a valid document as the next version of its id, whatever version it names.

        A document that is stored already is that version. Raises InvalidDocument.
        """
        scorecard = parsed({**document, "version": 1}).id
        written, now = written_sha256(document), self._clocks.world.now()
        async with self._units() as uow:
            await self._begin(uow, now)
            known = await store.versions(uow.tx, scorecard)
            same = next((each for each in known if written in (each.written_sha256, _written(each))), None)
            if same is not None:
                return Stored(same, new=False, changes=())
            newest = known[-1] if known else None
            numbered = {**document, "version": newest.version + 1 if newest else 1}
            card = parsed(numbered)
            text = stored_text(numbered)
            version = Version(card.id, card.version, card.sha256, written, text, now, _actor(by), note)
            store.add(uow.tx, [version])
        before = json.loads(newest.document) if newest else {}
        log.info("scorecard.stored", scorecard=version.name, sha256=version.sha256, author=version.author)
        return Stored(version, new=True, changes=changes(before, numbered))

    async def apply(self, name: str, by: Principal, ids: WriteIds, note: str | None = None) -> Done:
        """Put a version in force, and wait for the fold, at most two seconds.

        If it names no key features, those used most are written into it; that happens once, before it is first in
        force. NotFound; Conflict if no scorecard without a condition would be left. A repeat with the same
        Idempotency-Key applies nothing again.
        """
        counts = await self._counts(name)
        return await self._put_in_force(name, by, ids, note, "apply", counts)

    async def roll_back(
        self, scorecard: str, to: int | None, by: Principal, ids: WriteIds, note: str | None = None
    ) -> Done:
        """Put a version of a scorecard that was in force before into force again: that number, or what came before.

        Before the first version of a default another scorecard was the default: then that one. NotFound; Conflict if
        nothing came before.
        """
        async with self._database.read() as tx:
            done = await store.applications(tx)
            conditions = {name for name, card in (await self._known(tx, done)).items() if card.applies_to is not None}
        if (repeated := _repeated(done, ids)) is not None:
            return await self._folded(_done(repeated, changed=True))
        target = f"{scorecard}@{to}" if to is not None else _before(done, scorecard, conditions)
        if to is not None and not any(each.name == target for each in done):
            raise Conflict(
                "scorecard_never_applied", f"{target} was never in force, so there is no way back to it. Apply it."
            )
        return await self._put_in_force(target, by, ids, note, "rollback", Counter())

    async def draft(self, document: Mapping[str, Any]) -> Draft:
        """What a document would be once it is stored and applied; nothing is stored. Raises InvalidDocument."""
        scorecard = parsed({"version": 1, **document}).id
        written = written_sha256(document)
        await self.begin()
        async with self._database.read() as tx:
            known = await store.versions(tx, scorecard)
            applied = {each.name for each in await store.applications(tx)}
            current = await self._catalogue.applied(tx)
        same = next((each for each in known if written in (each.written_sha256, _written(each))), None)
        before = next((each for each in known if each.version == current.get(scorecard)), known[-1] if known else None)
        number = same.version if same else known[-1].version + 1 if known else 1
        if same is not None and same.name in applied:
            concrete: Mapping[str, Any] = json.loads(same.document)
        else:
            numbered = {**document, "version": number}
            card = parsed(numbered)
            concrete = _concrete(card, numbered, await self.counts() if not card.actions.key_features else Counter())
        features = tuple(concrete["usage"]["key_features"])
        named = tuple(parsed({"version": 1, **document}).actions.key_features)
        return Draft(
            parsed(concrete),
            changes(json.loads(before.document) if before else {}, concrete),
            features if features != named else (),
        )

    async def counts(self) -> Counter[str]:
        """How often names are used lately, of some accounts of every partition; in short transactions."""
        today = local_day(self._clocks.world.now(), self._settings.tzinfo)
        months = frozenset(months_back(today, _COUNTED_MONTHS))
        total: Counter[str] = Counter()
        for partition in range(PARTITIONS):
            async with self._database.read() as tx:
                ids = await folding.accounts_of(tx, partition, "", _COUNTED)
            for start in range(0, len(ids), _COUNTED_AT_ONCE):
                async with self._database.read() as tx:
                    found = await folding.load(tx, dict.fromkeys(ids[start : start + _COUNTED_AT_ONCE], months))
                total += counted(account.facts for account in found.values())
                await asyncio.sleep(0)
        return total

    async def _counts(self, name: str) -> Counter[str]:
        """The counts, if this version may need them."""
        async with self._database.read() as tx:
            version = (await store.named(tx, [name])).get(name)
            used = any(each.name == name for each in await store.applications(tx))
        if version is None or used or parsed(json.loads(version.document), stored=True).actions.key_features:
            return Counter()
        return await self.counts()

    async def _put_in_force(
        self, name: str, by: Principal, ids: WriteIds, note: str | None, kind: Kind, counts: Counter[str]
    ) -> Done:
        return await self._folded(await self._recorded(name, by, ids, note, kind, counts))

    async def _recorded(
        self, name: str, by: Principal, ids: WriteIds, note: str | None, kind: Kind, counts: Counter[str]
    ) -> Done:
        """The application and its control records, in one transaction."""
        now = self._clocks.world.now()
        async with self._units() as uow:
            await self._begin(uow, now)
            done = await store.applications(uow.tx)
            if (repeated := _repeated(done, ids)) is not None:
                return _done(repeated, changed=True)
            version = (await store.named(uow.tx, [name])).get(name)
            if version is None:
                raise unknown(name)
            version, features = await self._settled(uow, version, done, counts)
            card = parsed(json.loads(version.document), stored=True)
            current = done[-1].in_force
            await self._catalogue.load(uow.tx, names_of(current))
            after = after_applying(current, card, self._catalogue)
            if after == current and not ids.repeatable:
                return Done(name, version.sha256, None, changed=False, in_force=current)
            number = done[-1].number + 1
            application = Application(
                number, ids("application"), kind, card.id, card.version, version.sha256, after, now, _actor(by), note
            )
            store.apply(uow.tx, [application])
            if after != current:
                _tell(uow, application)
        self._catalogue.add(card)
        log.info("scorecard.applied", scorecard=name, kind=kind, actor=application.actor, sha256=version.sha256)
        return _done(application, changed=after != current, features=features)

    async def _begin(self, uow: UnitOfWork, now: datetime) -> None:
        await self._catalogue.seed(uow.tx, now)
        await uow.tx.flush()
        await store.lock(uow.tx)

    async def _settled(
        self, uow: UnitOfWork, version: Version, done: Sequence[Application], counts: Counter[str]
    ) -> tuple[Version, tuple[str, ...]]:
        """The version as it will be for ever, and the key features that were written into it now."""
        if any(each.name == version.name for each in done):
            return version, ()
        document = json.loads(version.document)
        card = parsed(document)
        concrete = _concrete(card, document, counts)
        if concrete is document:
            return version, ()
        settled = parsed(concrete)
        version = replace(version, document=stored_text(concrete), sha256=settled.sha256)
        await store.settle(uow.tx, version)
        return version, settled.actions.key_features

    async def _known(self, tx: Any, done: Sequence[Application]) -> Mapping[str, Scorecard]:
        await self._catalogue.load(tx, {name for each in done for name in names_of(each.in_force)})
        return self._catalogue.cards

    async def _folded(self, done: Done) -> Done:
        """With whether every partition is there within the time that a write waits."""
        try:
            async with asyncio.timeout(self._settings.fold_within):
                while True:
                    if await self.is_folded(done.in_force):
                        return replace(done, folded=True)
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            return done

    async def is_folded(self, in_force: Applied) -> bool:
        """Whether this is in force in every partition."""
        async with self._database.read() as tx:
            found = await store.in_partitions(tx)
        return sum(applied == in_force for applied in found.values()) == PARTITIONS


def unknown(name: str) -> NotFound:
    """There is no such version."""
    return NotFound(
        "scorecard_not_found", f"There is no scorecard “{name}”. Name it like default@1; GET /v1/scorecards lists all."
    )


def after_applying(current: Applied, card: Scorecard, catalogue: Catalogue) -> Applied:
    """What is in force once a scorecard is applied. Conflict if it cannot be."""
    if missing := catalogue.unknown(current):
        raise Conflict("scorecard_missing", f"{missing[0]} is in force, but not stored. Restore the database first.")
    try:
        after = applying(current, card, catalogue.cards)
    except NoDefault:
        raise Conflict(
            "no_default_left",
            f"{card.name} has a condition (applies_to), and {card.id} is the default at the moment: no scorecard would "
            "be left for all others. Apply another one without a condition first, or give this one another id.",
            field="applies_to",
        ) from None
    return dict(sorted(after.items()))


def _tell(uow: UnitOfWork, application: Application) -> None:
    """A control record for every partition; its id names the application, so that no other one is taken for it."""
    for partition in range(PARTITIONS):
        event = ScorecardApplied(
            id=EventId(f"scorecard.applied:{application.id}:{partition}"),
            source=SOURCE,
            time=application.at,
            receivedtime=application.at,
            data=ScorecardVersion(
                scorecard=application.scorecard, version=application.version, sha256=application.sha256
            ),
        )
        uow.publish_control(CUSTOMER_EVENTS, event, partition)


def trail(done: Sequence[Application], scorecard: str) -> list[Application]:
    """The way back of one scorecard: the last application of each version of it, and of each time it was not in force,
    the newest last. A rollback takes away what came after its target; what others do is no step of it.
    """
    kept: list[Application] = []
    for each in done:
        version = each.in_force.get(scorecard)
        places = [n for n, one in enumerate(kept) if one.in_force.get(scorecard) == version]
        if places and (each.kind == "rollback" or places[-1] == len(kept) - 1):
            del kept[places[-1] :]
        kept.append(each)
    return kept


def _before(done: Sequence[Application], scorecard: str, conditions: set[str]) -> str:
    """The name of what to go back to from what is in force of a scorecard."""
    kept = trail(done, scorecard)
    if not kept or scorecard not in kept[-1].in_force:
        names = ", ".join(names_of(kept[-1].in_force)) if kept else ""
        raise Conflict(
            "scorecard_not_in_force",
            f"No version of “{scorecard}” is in force: there is nothing to undo. In force: {names}. If one of these "
            "took its place, roll that one back.",
        )
    now = f"{scorecard}@{kept[-1].in_force[scorecard]}"
    if len(kept) > 1:
        before = kept[-2].in_force
        if scorecard in before:
            return f"{scorecard}@{before[scorecard]}"
        if now not in conditions:  # another one was the default
            return next(name for name in names_of(before) if name not in conditions)
    raise Conflict(
        "nothing_before",
        f"Nothing came before {now}. Apply another version; if it is to count for nobody, one with "
        "applies_to: 'false'.",
    )


def _concrete(card: Scorecard, document: Mapping[str, Any], counts: Counter[str]) -> Mapping[str, Any]:
    """The document with the key features written into it, if it names none and so many names are in use.

    With fewer it stays as it is: a list made too early would be too short for ever, and what is used stands in.
    """
    features = () if card.actions.key_features else most_used(counts, card.actions)
    if len(features) < card.actions.key_feature_count:
        return document
    return {**document, "usage": {**document["usage"], "key_features": list(features)}}


def _repeated(done: Sequence[Application], ids: WriteIds) -> Application | None:
    id_ = ids("application")
    return next((each for each in done if each.id == id_), None) if ids.repeatable else None


def _done(application: Application, *, changed: bool, features: tuple[str, ...] = ()) -> Done:
    return Done(application.name, application.sha256, application.id, changed, application.in_force, features)


def _written(version: Version) -> str:
    return written_sha256(json.loads(version.document))


def _actor(by: Principal) -> str:
    return by.actor or by.name
