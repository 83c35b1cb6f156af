"""What the migrations make is what the tables say, for each service on both databases."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path

import pytest
import sqlalchemy as sa

from cskit.db import Database
from cskit.db.postgres import PostgresDatabase
from cskit.db.sqlite import SqliteDatabase
from cskit.migrate import SchemaNewer, differences, state, upgrade
from cskit.testing.engines import DATABASE, fresh_database
from playbook import effects_tables

SERVICES = ("ingest", "scoring", "playbook", "survey")
Opened = Callable[[str], Database]  # another connection to the same database of a service


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    if request.param == "postgres" and not os.environ.get(DATABASE):
        pytest.skip(f"{DATABASE} not set")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database()) if request.param == "postgres" else ""

        def another(service: str) -> Database:
            database: Database = PostgresDatabase(url, service) if url else SqliteDatabase(tmp_path / f"{service}.db")
            stack.push_async_callback(database.close)
            return database

        yield another


def tables_of(service: str) -> sa.MetaData:
    """The metadata of a service; that of playbook is whole only with effects_tables, which is imported above."""
    metadata: sa.MetaData = import_module(f"{service}.tables").metadata
    return metadata


async def compared(database: Database, metadata: sa.MetaData) -> list[str]:
    return await database.migrate(lambda connection: differences(connection, metadata))


async def columns_of(database: Database) -> dict[str, list[str]]:
    def look(connection: sa.Connection) -> dict[str, list[str]]:
        found = sa.inspect(connection)
        return {name: [each["name"] for each in found.get_columns(name)] for name in found.get_table_names()}

    return await database.migrate(look)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_migrated_database_is_what_the_tables_say(opened: Opened, service: str) -> None:
    database = opened(service)

    reached = await upgrade(database, service)

    assert reached.is_current
    assert await compared(database, tables_of(service)) == []


def test_the_webhooks_of_playbook_are_compared_too() -> None:
    assert effects_tables.effects.name in tables_of("playbook").tables


async def test_services_side_by_side_do_not_see_each_other(opened: Opened) -> None:
    databases = {service: opened(service) for service in SERVICES}

    for service, database in databases.items():
        await upgrade(database, service)

    for service, database in databases.items():
        assert await compared(database, tables_of(service)) == [], service


@pytest.mark.parametrize("service", SERVICES)
async def test_a_narrowed_copy_of_the_tables_is_found_different(opened: Opened, service: str) -> None:
    database = opened(service)
    await upgrade(database, service)

    for narrowed, said in narrowed_copies(tables_of(service)):
        assert await compared(database, narrowed) == [said]


def narrowed_copies(metadata: sa.MetaData) -> list[tuple[sa.MetaData, str]]:
    """Copies of the metadata that each lack one thing or have it otherwise, and what is to be said of them."""
    copies = []

    copy = copied(metadata)
    copy.remove(copy.tables["outbox_shards"])
    copies.append((copy, "table outbox_shards is not in the metadata"))

    copy = copied(metadata)
    sa.Table("extra", copy, sa.Column("id", sa.Integer, primary_key=True))
    copies.append((copy, "table extra is missing"))

    copy = copied(metadata)
    without_column(copy, "dead_letters", "reason")
    copies.append((copy, "dead_letters.reason is not in the metadata"))

    copy = copied(metadata)
    copy.tables["dead_letters"].append_column(sa.Column("extra", sa.Integer))
    copies.append((copy, "dead_letters.extra is missing"))

    copy = copied(metadata)
    copy.tables["dead_letters"].c.code.type = sa.String(32)
    copies.append((copy, "dead_letters.code is VARCHAR(64), should be VARCHAR(32)"))

    copy = copied(metadata)
    copy.tables["dead_letters"].c.reason.nullable = True
    copies.append((copy, "dead_letters.reason differs in being nullable"))

    copy = copied(metadata)
    shard = next(index for index in copy.tables["outbox"].indexes if index.name == "ix_outbox_shard")
    copy.tables["outbox"].indexes.remove(shard)
    copies.append((copy, "outbox has an index on ('topic', 'partition', 'id') too many"))

    copy = copied(metadata)
    sa.Index("ix_extra", copy.tables["dead_letters"].c.code)
    copies.append((copy, "dead_letters lacks the index on ('code',)"))

    copy = copied(metadata)
    next(iter(copy.tables["dead_letters"].indexes)).unique = True
    copies.append((copy, "index on ('at',) of dead_letters: unique differs"))

    return copies


def copied(metadata: sa.MetaData) -> sa.MetaData:
    copy = sa.MetaData()
    for table in metadata.tables.values():
        table.to_metadata(copy)
    return copy


def without_column(metadata: sa.MetaData, table: str, name: str) -> None:
    """Make a table anew without one of its columns."""
    old = metadata.tables[table]
    metadata.remove(old)
    kept = [column for column in old.columns if column.name != name]
    plain = [sa.Column(each.name, each.type, primary_key=each.primary_key, nullable=each.nullable) for each in kept]
    new = sa.Table(table, metadata, *plain)
    for index in old.indexes:
        sa.Index(index.name, *(new.c[column.name] for column in index.columns), unique=index.unique)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_second_upgrade_changes_nothing(opened: Opened, service: str) -> None:
    database = opened(service)
    first = await upgrade(database, service)
    before = await columns_of(database)

    second = await upgrade(database, service)

    assert second == first
    assert await columns_of(database) == before
    assert await compared(database, tables_of(service)) == []


@pytest.mark.parametrize("service", SERVICES)
async def test_two_upgrades_at_once_are_safe(opened: Opened, service: str) -> None:
    reached = await asyncio.gather(*(upgrade(opened(service), service) for _ in range(2)))

    assert [each.is_current for each in reached] == [True, True]
    assert await compared(opened(service), tables_of(service)) == []


async def test_an_empty_database_is_not_current(opened: Opened) -> None:
    found = await state(opened("scoring"), "scoring")

    assert found.current is None
    assert not found.is_current


async def test_a_schema_of_a_newer_version_is_refused_with_a_sentence_and_left_alone(opened: Opened) -> None:
    database = opened("survey")
    await upgrade(database, "survey")
    newer = sa.text("UPDATE schema_version SET version_num = '9999'")
    await database.migrate(lambda connection: connection.execute(newer))

    with pytest.raises(SchemaNewer, match="survey is at revision 9999, which this version does not know"):
        await upgrade(database, "survey")

    assert (await state(database, "survey")).current == "9999"
