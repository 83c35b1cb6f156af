"""How PostgreSQL is to store the rows of a table, for migrations; SQLite has no such choice."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import ExecutableDDLElement


class Storage(ExecutableDDLElement):
    """Store a table's rows like this from now on.

    room: percent of a page left free, so that a new version of a row finds its place beside the old one and, if no
    indexed column changed, needs no entry in an index. texts: columns that become JsonDocument. long: columns that may
    be large, compressed by lz4 where the server has it (a third of the default's cost).
    """

    def __init__(self, table: str, *, room: int = 0, texts: Sequence[str] = (), long: Sequence[str] = ()) -> None:
        self.table = table
        self.room = room
        self.texts = texts
        self.long = long


@compiles(Storage)
def _nothing(_: Storage, __: Any, **___: Any) -> str:
    return "SELECT 1"


@compiles(Storage, "postgresql")
def _altered(wanted: Storage, _: Any, **__: Any) -> str:
    alter = f'ALTER TABLE "{wanted.table}"'
    steps = [f"{alter} SET (fillfactor = {100 - wanted.room})"]
    if wanted.long:
        compressed = ", ".join(f'ALTER "{column}" SET COMPRESSION lz4' for column in wanted.long)
        has_lz4 = "SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
        steps.append(f"IF EXISTS ({has_lz4}) THEN {alter} {compressed}; END IF")
    if wanted.texts:
        changes = ", ".join(f'ALTER "{column}" TYPE text USING "{column}"::text' for column in wanted.texts)
        steps.append(f"{alter} {changes}")
    return f"DO $$ BEGIN {' '.join(f'{step};' for step in steps)} END $$"
