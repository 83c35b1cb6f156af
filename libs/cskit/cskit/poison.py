"""Poison: records that can never be handled. What they are is a function of the log alone, so all readers agree."""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Final

from cskit.log import Partition
from cskit.messages import append_time
from csmodels.catalogue import parse
from csmodels.envelope import Event
from csmodels.errors import InvalidEvent
from csmodels.internal import ClockTicked
from csmodels.partitioning import partition_of
from csmodels.topics import CONTROL_KEY

NULL_KEY: Final = "null_key"  # the record has no key, so it belongs to no account
EMPTY: Final = "empty"  # the record has no value
WRONG_PARTITION: Final = "wrong_partition"  # its key belongs to another partition, whose owner would not know of it
AHEAD_OF_LOG: Final = "ahead_of_log"  # it came, or tells of an hour that comes, long after the log took it

AHEAD: Final = timedelta(days=1)  # of its append time that a record may be: a machine may take local time for UTC

Reason = tuple[str, str]  # code and sentence
Refused = Mapping[tuple[Partition, int], Reason]  # by partition and offset

_CONTROL: Final = CONTROL_KEY.encode()

_home = lru_cache(1 << 16)(partition_of)


def event_of(
    partition: Partition, appended_ms: int, key: bytes | None, value: bytes | None
) -> tuple[Event | None, Reason | None]:
    """The event of a record, or why it is poison."""
    if key is None:
        return None, (NULL_KEY, "The record has no key: it belongs to no account.")
    if value is None:
        return None, (EMPTY, "The record has no value.")
    try:
        event = parse(partition.topic, value, key)
    except InvalidEvent as error:
        return None, (error.code, error.message)
    if key != _CONTROL and (home := _home(key)) != partition.number:
        return None, (WRONG_PARTITION, f"The record's key belongs to partition {home}: its writer divides otherwise.")
    latest = max(event.receivedtime, event.data.hour) if isinstance(event, ClockTicked) else event.receivedtime
    if latest - append_time(appended_ms) > AHEAD:
        return None, (AHEAD_OF_LOG, "The event lies more than a day beyond its append time: a clock stood ahead.")
    return event, None
