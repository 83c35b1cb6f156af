"""What has had a part in a score: what it keeps of the events behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct, structs

from cskit.messages import Message
from csmodels.envelope import Event
from csmodels.health import MAX_CAUSE_EVENTS
from csmodels.internal import OverrideEnded, OverrideSet
from scoring.engine.usage import AccountUsage


class Causes(Struct, frozen=True, gc=False):
    """What has had a part in the score since the last published change; events are the newest ids, oldest first."""

    events: tuple[str, ...] = ()
    more: int = 0
    time: bool = False
    scorecard: str | None = None
    override: str | None = None

    def with_events(self, told: "Told") -> "Causes":
        """These causes and some newer events."""
        ids = (*self.events, *told.ids)
        return structs.replace(
            self,
            events=ids[-MAX_CAUSE_EVENTS:],
            more=self.more + max(0, len(self.events) + told.count - MAX_CAUSE_EVENTS),
            override=told.override or self.override,
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What an account's causes keep of some events: the newest ids of all `count`, when the newest happened and was
    received, the last override that was set or ended.
    """

    ids: Sequence[str]
    count: int
    occurred_at: datetime
    received_at: datetime
    override: str | None = None

    @classmethod
    def by(cls, messages: Sequence[Message[Event]], usage: AccountUsage | None = None) -> "Told":
        """What these messages (offsets ascend) and this usage tell; there is one at least."""
        events = [message.event for message in messages[-MAX_CAUSE_EVENTS:]]
        overrides = [m.event.data.override for m in messages if isinstance(m.event, OverrideSet | OverrideEnded)]
        override = overrides[-1] if overrides else None
        if usage is None:
            ids: Sequence[str] = [event.id for event in events]
            return cls(ids, len(messages), events[-1].time, events[-1].receivedtime, override)
        if not events:
            return cls(usage.ids, usage.count, usage.time, usage.received)
        placed: list[tuple[int, str]] = [(message.offset, message.event.id) for message in messages[-MAX_CAUSE_EVENTS:]]
        placed += zip(usage.offsets, usage.ids, strict=True)
        ids = [id_ for _, id_ in sorted(placed)][-MAX_CAUSE_EVENTS:]
        last = messages[-1]
        if last.offset > usage.offsets[-1]:
            moments = last.event.time, last.event.receivedtime
        else:
            moments = usage.time, usage.received
        return cls(ids, len(messages) + usage.count, *moments, override)
