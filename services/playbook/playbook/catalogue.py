"""The playbooks that can be run, compiled once in a process and looked up by version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cskit.clock import Clock
from cskit.db import Database, Tx
from cskit.messages import UnitOfWork, UnitOfWorks
from csmodels.catalogue import CONTROL_TYPES
from csmodels.ids import PlaybookId
from playbook.definitions import Compiler, Document, library
from playbook.domain.run import Playbook
from playbook.store import definitions as store
from playbook.store.definitions import Version

_ALWAYS = frozenset({"health.changed", "account.erased", "person.erased"})
SHIPPED = "kizashi"  # who applied the library


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All versions of all playbooks, and which of them start runs, as one transaction saw them."""

    versions: Mapping[tuple[str, int], Playbook]
    active: Mapping[PlaybookId, Playbook]

    def started_by(self, event_type: str) -> Sequence[Playbook]:
        """The active playbooks with this trigger, by id."""
        return [each for _, each in sorted(self.active.items()) if each.definition.trigger.on == event_type]

    def exits_see_events(self) -> bool:
        """Whether the exit of any version speaks of events, so that runs have to hear of all of them."""
        return any(each.exit_sees_events for each in self.versions.values())

    def concerns(self, event_type: str) -> bool:
        """Whether any run could start or change by an event of this type; most of cs.customer-events could not."""
        if event_type in CONTROL_TYPES:
            return False
        return event_type in _ALWAYS or self.exits_see_events() or bool(self.started_by(event_type))


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a document came to: `changed` is False if that very text is active already."""

    version: Version
    changed: bool


class Playbooks:
    """Compiles what the database holds; versions never change, so each is compiled once."""

    def __init__(self, units: UnitOfWorks, world: Clock) -> None:
        self._units = units
        self._world = world
        self._compiler = Compiler()
        self._compiled: dict[tuple[str, int], Playbook] = {}
        self._keys: Sequence[store.Key] = []
        self._catalogue = Catalogue({}, {})
        self._library_applied = False

    async def catalogue(self, source: Tx | Database) -> Catalogue:
        """The catalogue as this transaction sees it, or as it is now; the same object as long as nothing changes."""
        keys = await store.keys(source)
        if keys == self._keys:
            return self._catalogue
        missing = {(key.id, key.version) for key in keys} - self._compiled.keys()
        for key, document in (await store.documents(source, missing)).items():
            self._compiled[key] = self._compiler.compile(document, key[1], stored=True)
        self._catalogue = Catalogue(
            versions={(key.id, key.version): self._compiled[key.id, key.version] for key in keys},
            active={PlaybookId(key.id): self._compiled[key.id, key.version] for key in keys if key.active},
        )
        self._keys = keys
        return self._catalogue

    async def apply_library(self) -> None:
        """Apply the shipped playbooks that were never applied here; once in a process, harmless when replicas do it."""
        if self._library_applied:
            return
        shipped = library()
        async with self._units() as uow:
            there = {key.id for key in await store.keys(uow.tx)}
            now = self._world.now()
            new = [
                Version(id_, 1, document.sha256, document.text, active=True, applied_at=now, applied_by=SHIPPED)
                for id_, document in sorted(shipped.items())
                if id_ not in there
            ]
            store.add(uow.tx, new, ignore=True)
        self._library_applied = True

    async def apply(self, uow: UnitOfWork, text: str, actor: str, *, look_only: bool = False) -> Applied:
        """Make this document the newest version of its playbook, and the active one. Raises InvalidDocument.

        The text of the active version changes nothing; that of the newest version makes it active again. `look_only`
        changes nothing at all, and answers the version that has this text (else the newest) as it stands.
        """
        definition = self._compiler.compile(text, version=1).definition
        document = Document(text)
        while True:
            versions = await store.versions(uow.tx, definition.id, lock=True)
            newest = versions[0] if versions else None
            if look_only and newest is not None:
                same = next((each for each in versions if each.sha256 == document.sha256), newest)
                return Applied(same, changed=False)
            if newest is not None and newest.sha256 == document.sha256:
                if not newest.active:
                    await store.activate(uow.tx, definition.id, newest.version)
                return Applied(replace(newest, active=True), changed=not newest.active)
            number = newest.version + 1 if newest is not None else 1
            await store.activate(uow.tx, definition.id, None)
            made = Version(definition.id, number, document.sha256, text, True, self._world.now(), actor)
            if await store.add_newest(uow.tx, made):
                return Applied(made, changed=True)
