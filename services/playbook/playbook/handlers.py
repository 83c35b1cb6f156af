"""The message edge: what scoring publishes and what befalls accounts, a batch at a time."""

from collections.abc import Sequence

from cskit.clock import Clock
from cskit.log import Partition
from cskit.messages import Message, UnitOfWork
from csmodels.envelope import Event
from csmodels.health import HealthChanged
from csmodels.ids import StaffId
from csmodels.internal import AccountErased, PersonErased
from playbook.catalogue import Catalogue, Playbooks
from playbook.domain.views import cause_of
from playbook.ledger import Ledger, Means


class PlaybookHandler:
    """Folds cs.health-events and cs.customer-events into runs. Holds nothing that the database does not."""

    def __init__(self, playbooks: Playbooks, means: Means, world: Clock) -> None:
        self._playbooks = playbooks
        self._means = means
        self._world = world

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """Let the runs of the batch's accounts hear its events, and start those that they trigger."""
        catalogue = await self._playbooks.catalogue(uow.tx)
        concerning = [message for message in messages if _concerns(message.event, catalogue)]
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
                (playbook.definition.id, event.account_id, cause_of(event).id)
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
        await ledger.save()

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """The shipped playbooks are there before the first event is handled."""
        await self._playbooks.apply_library()

    def forget(self) -> None:
        """Nothing is kept from batch to batch but compiled versions, which never change."""


def _concerns(event: Event, catalogue: Catalogue) -> bool:
    """Whether any run could start or change by this event; most of cs.customer-events is passed over here."""
    if event.is_control:
        return False
    if isinstance(event, HealthChanged | AccountErased | PersonErased):
        return True
    return bool(catalogue.started_by(event.type)) or catalogue.exits_see_events()
