"""The log: append, and read as a consumer group. Two engines behind one contract (sqlite.py, kafka.py)."""

from cskit.log.base import (
    Consumer,
    Listener,
    Log,
    LogError,
    MessageTooLarge,
    NewRecord,
    NewRecords,
    OffsetOutOfRange,
    Partition,
    Reader,
    Record,
    Records,
    TopicMismatch,
)

__all__ = [
    "Consumer",
    "Listener",
    "Log",
    "LogError",
    "MessageTooLarge",
    "NewRecord",
    "NewRecords",
    "OffsetOutOfRange",
    "Partition",
    "Reader",
    "Record",
    "Records",
    "TopicMismatch",
]
