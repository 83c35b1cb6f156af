"""The search for canaries: in every table, in every topic, in the archive, and in the bytes of every file."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import asyncpg
from pyarrow.parquet import ParquetFile
from tests.running.worlds import read_topic

from cskit.log import Log
from csmodels import topics

_WORD: Final = re.compile(rb"canary[a-z0-9-]*")


def in_sqlite(data: Path) -> dict[str, set[str]]:
    """In which tables (`file.table`) each canary stands, in any column and in either case; not on the log. A file is
    named as its schema in a cluster is.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(data.rglob("*.db")):
        if path.stem == "log" or not path.exists():
            continue
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:  # makes no file that is gone
            connection.text_factory = bytes
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in (name.decode() for name in names):
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    for word in words(b"\x00".join(value for value in row if isinstance(value, bytes))):
                        found[word].add(f"{path.stem.replace('-', '_')}.{table}")
    return found


async def in_postgres(url: str) -> dict[str, set[str]]:
    """The same, in a database whose schemas are named as the embedded files are."""
    found: dict[str, set[str]] = defaultdict(set)
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]
    try:
        tables = await connection.fetch(
            "SELECT table_schema, table_name FROM information_schema.tables "
            "WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table in tables:
            with suppress(asyncpg.UndefinedTableError):  # of a shadow that was dropped meanwhile
                for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"'):
                    values = (value if isinstance(value, bytes) else str(value).encode() for value in row.values())
                    for word in words(b"\x00".join(values)):
                        found[word].add(f"{schema}.{table}")
    finally:
        await connection.close()
    return found


async def in_topics(log: Log) -> set[str]:
    """Which canaries stand on the bus: in the key, the value or a header of a record of any topic."""
    found: set[str] = set()
    for topic in topics.ALL:
        for record in await read_topic(log, topic):
            headers = b"\x00".join(value for _, value in record.headers)
            found |= words(b"\x00".join((record.key or b"", record.value or b"", headers)))
    return found


def in_bytes(folder: Path) -> Mapping[str, set[str]]:
    """Which canaries stand in each file: in what is deleted and not yet written over, too. Two of them that lie side by
    side in a row may look like one.
    """
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.name: found for path in files if (found := words(path.read_bytes()))}


def in_archive(folder: Path) -> set[str]:
    """Which canaries stand in the archive's files once they are unpacked, in any column."""
    found: set[str] = set()
    for path in folder.rglob("*.parquet"):
        with ParquetFile(path) as file:
            for column in file.read().columns:
                for value in column.to_pylist():
                    found |= words(value if isinstance(value, bytes) else str(value).encode())
    return found


def with_shadow(kept: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same tables, and those of scoring's shadow while a rebuild waits for its answer."""
    return {
        word: tables | {table.replace("scoring.", "scoring_shadow.") for table in tables}
        for word, tables in kept.items()
    }


def words(content: bytes) -> set[str]:
    """The canaries in these bytes."""
    return {word.decode() for word in _WORD.findall(content.lower())}
