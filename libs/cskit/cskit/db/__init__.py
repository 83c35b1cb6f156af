"""The database of one service: transactions, bulk writes and claims, the same on SQLite and PostgreSQL."""

from cskit.db.base import Database, DatabaseUnavailable, Tx, Values
from cskit.db.types import Instant, Json, JsonText

__all__ = ["Database", "DatabaseUnavailable", "Instant", "Json", "JsonText", "Tx", "Values"]
