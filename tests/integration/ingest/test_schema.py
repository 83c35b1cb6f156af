"""The migrations and the tables say the same."""

from typing import Any

from cskit.migrate import differences
from ingest.tables import metadata


async def test_the_migrated_database_is_what_the_tables_say(each_ingest: Any) -> None:
    found = await each_ingest.service.database.migrate(lambda connection: differences(connection, metadata))

    assert found == []
