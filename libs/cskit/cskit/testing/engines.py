"""The two platforms for tests, each test with topics and databases of its own."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.engine import make_url

KAFKA = "KIZASHI_TEST_KAFKA"
DATABASE = "KIZASHI_TEST_DATABASE_URL"


def missing_engines() -> str | None:
    """Why the clustered platform cannot be tested here, or None if it can."""
    absent = [name for name in (KAFKA, DATABASE) if not os.environ.get(name)]
    return f"{' and '.join(absent)} not set" if absent else None


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """The URL of a new, empty PostgreSQL database, dropped at the end."""
    server = os.environ[DATABASE]
    name = f"kizashi_test_{secrets.token_hex(6)}"
    admin = await asyncpg.connect(server)  # type: ignore[no-untyped-call]
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await admin.close()
