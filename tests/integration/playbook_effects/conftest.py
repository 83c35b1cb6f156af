"""Webhooks on both databases, and a receiver."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.playbook_effects.stack import Receiver, Stack, opened, receiving

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
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one
