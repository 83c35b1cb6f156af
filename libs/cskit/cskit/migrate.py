"""Alembic for each service on its own: one version table per service, in the service's own file or schema."""

from dataclasses import dataclass
from importlib import resources
from typing import Any

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData

from cskit.db import Database
from cskit.first_plumbing import create_plumbing

__all__ = ["SchemaNewer", "SchemaState", "create_plumbing", "differences", "run_env", "state", "upgrade"]

_VERSION_TABLE = "schema_version"


class SchemaNewer(Exception):
    """The database of a service was migrated by a newer version than this."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """What a database has and what the code wants, as Alembic revisions."""

    current: str | None
    wanted: str

    @property
    def is_current(self) -> bool:
        return self.current == self.wanted


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(database: Database, package: str) -> SchemaState:
    """Bring the database of a service (its package's name) to the newest revision; safe when replicas do it at once.

    Raises SchemaNewer.
    """

    def work(connection: Connection) -> None:
        config = _config(package)
        _refuse_newer(ScriptDirectory.from_config(config), _revision(connection), package)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    await database.migrate(work)
    return await state(database, package)


async def state(database: Database, package: str) -> SchemaState:
    """Which revision the database of a service has, and which one the code wants."""

    head = ScriptDirectory.from_config(_config(package)).get_current_head()
    assert head is not None, f"{package} has no migrations"
    return SchemaState(await database.migrate(_revision), head)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": _VERSION_TABLE}).get_current_revision()


def _refuse_newer(known: ScriptDirectory, current: str | None, package: str) -> None:
    if current is not None and current not in {each.revision for each in known.walk_revisions()}:
        raise SchemaNewer(
            f"The database of {package} is at revision {current}, which this version does not know: a newer one has "
            "migrated it. Run that one, or put back a copy from before."
        )


def run_env() -> None:
    """The whole of a service's migrations/env.py."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, version_table=_VERSION_TABLE, transactional_ddl=False)
    context.run_migrations()


def differences(connection: Connection, metadata: MetaData) -> list[str]:
    """Where the database differs from the metadata, one sentence each: missing or extra tables, columns and indexes."""
    found = sa.inspect(connection)
    have = {name for name in found.get_table_names() if name != _VERSION_TABLE}
    problems = [f"table {name} is missing" for name in sorted(metadata.tables.keys() - have)]
    problems += [f"table {name} is not in the metadata" for name in sorted(have - metadata.tables.keys())]
    for name in sorted(have & metadata.tables.keys()):
        problems += _column_differences(found, metadata.tables[name])
        problems += _index_differences(found, metadata.tables[name])
    return problems


def _column_differences(found: Any, table: sa.Table) -> list[str]:
    dialect = found.dialect
    have = {column["name"]: column for column in found.get_columns(table.name)}
    problems = [f"{table.name}.{name} is missing" for name in table.columns.keys() - have.keys()]
    problems += [f"{table.name}.{name} is not in the metadata" for name in have.keys() - table.columns.keys()]
    for name in have.keys() & table.columns.keys():
        wanted = table.columns[name]
        kinds = have[name]["type"].compile(dialect), wanted.type.compile(dialect)
        if kinds[0] != kinds[1]:
            problems.append(f"{table.name}.{name} is {kinds[0]}, should be {kinds[1]}")
        if bool(have[name]["nullable"]) != bool(wanted.nullable) and not wanted.primary_key:
            problems.append(f"{table.name}.{name} differs in being nullable")
    keys = set(found.get_pk_constraint(table.name)["constrained_columns"])
    if keys != {column.name for column in table.primary_key}:
        problems.append(f"{table.name} has the primary key {sorted(keys)}")
    return problems


def _index_differences(found: Any, table: sa.Table) -> list[str]:
    have = {tuple(index["column_names"]): bool(index["unique"]) for index in found.get_indexes(table.name)}
    for unique in found.get_unique_constraints(table.name):
        have[tuple(unique["column_names"])] = True
    wanted = {tuple(column.name for column in index.columns): bool(index.unique) for index in table.indexes}
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            wanted[tuple(column.name for column in constraint.columns)] = True
    problems = [f"{table.name} lacks the index on {columns}" for columns in wanted.keys() - have.keys()]
    problems += [f"{table.name} has an index on {columns} too many" for columns in have.keys() - wanted.keys()]
    problems += [
        f"index on {c} of {table.name}: unique differs" for c in wanted.keys() & have.keys() if wanted[c] != have[c]
    ]
    return problems
