"""The message edge: what scoring publishes and what befalls accounts, a batch at a time."""

from collections.abc import Sequence

from cskit.clock import Clock
from cskit.db import Database
from cskit.log import Partition
from cskit.messages import Message, UnitOfWork, Wanted
from csmodels.catalogue import TYPES
from csmodels.envelope import Event
from csmodels.health import HealthChanged
from csmodels.ids import StaffId
from playbook.catalogue import Catalogue, Playbooks
from playbook.domain.views import cause_id
from playbook.ledger import Ledger, Means


class PlaybookHandler:
    """Folds cs.health-events and cs.customer-events into runs. Holds nothing that the database does not."""

    def __init__(self, database: Database, playbooks: Playbooks, means: Means, world: Clock) -> None:
        self._database = database
        self._playbooks = playbooks
        self._means = means
        self._world = world
        self._catalogue: Catalogue | None = None  # the one that tells what is wanted
        self._wanted: Wanted = frozenset[str]().__contains__

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """Let the runs of the batch's accounts hear its events, and start those that they trigger."""
        catalogue = await self._playbooks.catalogue(uow.tx)
        concerning = [message for message in messages if catalogue.concerns(message.event.type)]
        if not concerning:
            return
        events = [message.event for message in concerning]
        ledger = await Ledger.opened(
            uow,
            self._means,
            catalogue,
            {event.account_id for event in events},
            self._world.now(),
            causes=[
                (playbook.definition.id, event.account_id, cause_id(event))
                for event in events
                for playbook in catalogue.started_by(event.type)
            ],
            owners={
                StaffId(event.data.account.owner)
                for event in events
                if isinstance(event, HealthChanged) and event.data.account.owner is not None
            },
        )
        for message in concerning:
            ledger.on_message(message)
            await uow.speak()
        await ledger.save()

    async def wanted(self) -> Wanted:
        """What the playbooks speak of; the rest is not even parsed."""
        catalogue = await self._playbooks.catalogue(self._database)
        if catalogue is not self._catalogue:
            self._catalogue, self._wanted = catalogue, frozenset(filter(catalogue.concerns, TYPES)).__contains__
        return self._wanted

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """The shipped playbooks are there before the first event is handled."""
        await self._playbooks.apply_library()

    def forget(self) -> None:
        """Nothing is kept from batch to batch but compiled versions, which never change."""
