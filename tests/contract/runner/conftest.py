"""The platforms that the runner's contract runs on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contract.runner.stack import Stack, clustered, embedded

from cskit.testing.engines import missing_engines


@pytest.fixture(
    params=["embedded", pytest.param("clustered", marks=[pytest.mark.kafka, pytest.mark.postgres])],
)
async def stack(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stack]:
    if request.param == "embedded":
        async with embedded(tmp_path) as one:
            yield one
        return
    if reason := missing_engines():
        pytest.skip(reason)
    async with clustered() as one:
        yield one
