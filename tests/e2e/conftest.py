"""The systems that the story is told on."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from tests.running.systems import System, clustered_system, embedded_system

from cskit.testing.engines import missing_engines


@pytest.fixture(params=["embedded", pytest.param("clustered", marks=[pytest.mark.kafka, pytest.mark.postgres])])
async def system(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[System]:
    if request.param == "clustered" and (reason := missing_engines()):
        pytest.skip(reason)
    made = embedded_system if request.param == "embedded" else partial(clustered_system, replicas={"console": 1})
    async with made(tmp_path, KIZASHI_WEBHOOK_ALLOW="127.0.0.1") as one:
        await one.start()
        yield one
