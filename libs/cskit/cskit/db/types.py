"""Column types that mean the same on both databases."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """A moment: an aware datetime in UTC, to the microsecond. On SQLite microseconds since 1970, so it sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant needs a time zone: {value!r}")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def bound(self, values: list[Any], dialect: Dialect) -> list[Any]:
        """Many values at once, as the driver takes them."""
        if dialect.name == "sqlite" or any([value is not None and value.tzinfo is None for value in values]):
            return [self.process_bind_param(value, dialect) for value in values]
        return values

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + int(value) * _MICROSECOND
        moment: datetime = value  # asyncpg gives the first and the last moment without a zone
        if moment.tzinfo is UTC:
            return moment
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def Json() -> JSON:
    """A JSON value; `none` stands for SQL NULL, numbers stay doubles."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def JsonDocument() -> JSON:
    """A JSON value that is written often and only ever read as a whole: PostgreSQL keeps its text, unparsed."""
    return JSON(none_as_null=True).with_variant(_AsText(), "postgresql")


class _AsText(TypeDecorator[Any]):
    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def is_json(kind: TypeEngine[Any]) -> bool:
    """Whether it is Json or JsonDocument."""
    return isinstance(kind, JSON)


class JsonText(str):
    """JSON as text for a Json or JsonDocument column of a row that is inserted or upserted: it is written as it is."""

    __slots__ = ()
