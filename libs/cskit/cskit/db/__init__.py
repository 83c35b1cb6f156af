"""The database of one service: transactions, bulk writes and claims, the same on SQLite and PostgreSQL."""

from cskit.db.base import Database, DatabaseUnavailable, Tx, ValueRefused, Values
from cskit.db.reading import LookUp
from cskit.db.types import Instant, Json, JsonDocument, JsonText

__all__ = [
    "Database",
    "DatabaseUnavailable",
    "Instant",
    "Json",
    "JsonDocument",
    "JsonText",
    "LookUp",
    "Tx",
    "ValueRefused",
    "Values",
]
