"""Feeds that are stopped: family -> since when. Partition state, folded from control records in the log's order."""

from collections.abc import Mapping
from datetime import datetime

from csmodels.fields import Family
from csmodels.internal import FeedResumed, FeedStopped

Stopped = Mapping[Family, datetime]


def fold_feed(stopped: Stopped, event: FeedStopped | FeedResumed) -> Stopped:
    """The stopped feeds after a control record. A family that is stopped already keeps its earlier moment."""
    family = event.data.family
    if isinstance(event, FeedResumed):
        return {name: since for name, since in stopped.items() if name != family}
    return {**stopped, family: min(event.data.since, stopped.get(family, event.data.since))}
