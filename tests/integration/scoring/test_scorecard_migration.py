"""An installation from before scorecards were applied goes on with the one it was scored by."""

from importlib import resources
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import select

from cskit.db.sqlite import SqliteDatabase
from cskit.migrate import upgrade
from scoring.store.scorecards import in_partitions
from scoring.tables import scorecards


def first_schema(connection: sa.Connection) -> None:
    """The schema of the first revision, with a partition and a scorecard in it."""
    config = Config()
    config.set_main_option("script_location", str(resources.files("scoring") / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    rows = "(3, '{}', 'foundation@1'), (4, '{}', 'a@12')"
    connection.execute(sa.text(f"INSERT INTO partitions (partition, feeds, scorecard) VALUES {rows}"))
    connection.execute(sa.text("INSERT INTO scorecards VALUES ('foundation', 1, 'x', '{}', 0)"))


async def test_a_partition_keeps_its_scorecard_and_versions_are_stored_anew(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "scoring.db")
    await database.migrate(first_schema)

    await upgrade(database, "scoring")

    async with database.read() as tx:
        assert await in_partitions(tx) == {3: {"foundation": 1}, 4: {"a": 12}}
        assert await tx.fetch(select(scorecards)) == []
    await database.close()
