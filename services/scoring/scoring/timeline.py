"""cs.playbook-events -> the timeline: tasks, runs and emails stand there beside what befell the account.

What an account's erasure leaves behind on that topic (tasks that are dropped, runs that end with it) is not kept: by
then the account has no row any more, and is known to be erased.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cskit.log import Partition
from cskit.messages import Message, UnitOfWork, Wanted
from csmodels.api import TimelineKind
from csmodels.envelope import Event
from scoring.store import timeline as store

GROUP: Final = "scoring-timeline"
_KINDS: Final[Mapping[str, TimelineKind]] = {"task": "task", "run": "run", "email": "email"}
_LEFT_OUT: Final = frozenset({"trigger"})  # an event's id with its source: nothing to show


def told_of(type_: str) -> TimelineKind | None:
    """The kind of the entry that an event of a type makes; None if it makes none."""
    return _KINDS.get(type_.partition(".")[0])


class TimelineHandler:
    """Keeps task.*, run.* and email.* per account. It has nothing in memory."""

    async def wanted(self) -> Wanted | None:
        """Those it keeps."""
        return lambda type_: told_of(type_) is not None

    async def on_assigned(self, partitions: frozenset[Partition]) -> None:
        """See Handler.on_assigned."""

    def forget(self) -> None:
        """See Handler.forget."""

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        """Keep each event once, unless its account was erased."""
        gone = await store.erased(uow.tx, {message.event.subject for message in messages})
        rows = [
            _row(message.event, kind)
            for message in messages
            if message.event.subject not in gone and (kind := told_of(message.event.type)) is not None
        ]
        store.keep(uow.tx, rows)


def _row(event: Event, kind: TimelineKind) -> dict[str, Any]:
    data: dict[str, Any] = event.model_dump(mode="json", by_alias=True, exclude_none=True)["data"]
    told = {name: value for name, value in data.items() if name not in _LEFT_OUT}
    return {
        "account": event.subject,
        "id": f"{kind}/{event.source}/{event.id}"[: store.LONGEST_ID],
        "at": event.time,
        "kind": kind,
        "data": {"what": event.type.partition(".")[2], **told},
    }
