"""The survey service on SQLite and on PostgreSQL."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.survey.stack import Stack, opened

from cskit.testing.engines import DATABASE, fresh_database


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    if request.param == "sqlite":
        async with opened(tmp_path) as one:
            yield one
        return
    if not os.environ.get(DATABASE):
        pytest.skip(f"{DATABASE} is not set")
    async with fresh_database() as url, opened(tmp_path, database_url=url) as one:
        yield one


@pytest.fixture
async def link(stack: Stack) -> str:
    """The path of a fresh link."""
    return await stack.invite()
