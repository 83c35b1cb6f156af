"""The message edge: what is erased or merged elsewhere is erased and merged here."""

from collections.abc import Sequence

from cskit.log import Partition
from cskit.messages import Message, UnitOfWork, Wanted
from csmodels.envelope import Event
from survey import store
from survey.domain.people import CONCERNING, changes, continued


class Handlers:
    """The handler of the group `survey` on cs.customer-events. Keeps nothing in memory."""

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """Forget what was erased and re-point what was merged, a few statements for the whole batch."""
        found = changes([message.event for message in messages])
        await store.forget_accounts(uow.tx, found.accounts)
        await store.forget_people(uow.tx, found.erased)
        ends = await store.ends_of(uow.tx, set(found.merged.values()))
        erased, merged = continued(found.merged, ends)
        await store.forget_people(uow.tx, erased)
        await store.merge_people(uow.tx, merged)

    async def wanted(self) -> Wanted:
        """Erasures and merges."""
        return CONCERNING.__contains__

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """Nothing to load."""

    def forget(self) -> None:
        """Nothing to forget."""
