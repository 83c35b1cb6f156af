"""Events of our own making."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from csmodels.envelope import Event
from csmodels.ids import EventId, derived_id
from csmodels.internal import ClockTicked, ContactMerged, FeedResumed, FeedStopped, Merge, Resumption, Stop, Tick
from ingest.domain import identity

SOURCE: Final = "ingest"
FAMILIES: Final = ("usage", "tickets", "billing")
FAMILY_OF: Final = {
    "usage.tracked": "usage",
    "ticket.changed": "tickets",
    "contract.changed": "billing",
    "invoice.changed": "billing",
}


def merge_events(merges: Sequence[identity.Merge], now: datetime) -> list[Event]:
    """One event for each account that knew the person who is gone; the same merge has the same ids."""
    return [
        ContactMerged(
            id=EventId(derived_id("contact.merged", merge.gone, merge.into, account)),
            source=SOURCE,
            subject=account,
            time=now,
            receivedtime=now,
            personid=merge.into,
            data=Merge(from_=merge.gone, into=merge.into),
        )
        for merge in merges
        for account in sorted(merge.accounts)
    ]


def tick(hour: datetime, partition: int, now: datetime) -> ClockTicked:
    """The record that says a partition that an hour has come."""
    return ClockTicked(
        id=EventId(f"tick:{_text(hour)}:{partition}"),
        source=SOURCE,
        time=hour,
        receivedtime=now,
        data=Tick(hour=hour),
    )


def feed_stopped(family: str, since: datetime, partition: int, now: datetime) -> FeedStopped:
    """The record that freezes what a family of events feeds."""
    return FeedStopped(
        id=EventId(f"feed.stopped:{family}:{_text(since)}:{partition}"),
        source=SOURCE,
        time=since,
        receivedtime=now,
        data=Stop.model_validate({"family": family, "since": since}),
    )


def feed_resumed(family: str, stopped_since: datetime, at: datetime, partition: int) -> FeedResumed:
    """The record that ends that; its id names the stop that it ends."""
    return FeedResumed(
        id=EventId(f"feed.resumed:{family}:{_text(stopped_since)}:{partition}"),
        source=SOURCE,
        time=at,
        receivedtime=at,
        data=Resumption.model_validate({"family": family, "at": at}),
    )


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
