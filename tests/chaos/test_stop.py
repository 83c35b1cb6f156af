"""A worker that is stopped beyond its session and continued: overtaken meanwhile, it writes nothing."""

import asyncio
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from tests.chaos.snapshot import looking
from tests.chaos.trials import SECONDS, Trial, trial, uninterrupted

from cskit import failpoints
from cskit.claims import read_offsets
from cskit.log import Partition
from cskit.testing.engines import missing_engines
from scoring.tables import PLUMBING

pytestmark = [pytest.mark.chaos, pytest.mark.kafka, pytest.mark.postgres, pytest.mark.timeout(400)]


@pytest.fixture(autouse=True)
def engines() -> None:
    if reason := missing_engines():
        pytest.skip(reason)


async def until_stopped(one: Trial, name: str) -> None:
    """Wait until the process has stopped itself at its failpoint."""
    deadline = time.monotonic() + SECONDS
    process = psutil.Process(one.system.processes[name].pid)
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, one.system.processes[name].tail()
        await asyncio.sleep(0.05)


async def offsets(one: Trial) -> Mapping[Partition, int]:
    async with looking(one.system.environment) as platform:
        return await read_offsets(platform.database("scoring"), PLUMBING, "scoring")


async def stop_overtake_continue(one: Trial, failpoint: str, **settings: str) -> Mapping[Partition, int]:
    """One replica stops itself in the middle of a batch; another takes over and ends the work; the first goes on."""
    await one.start("scoring", KIZASHI_TEST_FAILPOINT=f"{failpoint}:3:stop", **settings)
    await until_stopped(one, "scoring")
    one.workers = ("scoring-2", "playbook")
    for name in one.workers:
        await one.start(name)
    await one.until_done()
    done = await offsets(one)
    one.system.processes["scoring"].signal(signal.SIGCONT)
    return done


async def overtaken_writes_nothing(failpoint: str, folder: Path, **settings: str) -> None:
    """The law; with the epoch check switched off by a setting it does not hold."""
    async with trial("clustered", folder / "stopped") as one:
        done = await stop_overtake_continue(one, failpoint, **settings)
        stopped = one.system.processes["scoring"]

        deadline = time.monotonic() + SECONDS
        while stopped.runs:
            assert await offsets(one) == done, "the fence did not stop it"
            assert time.monotonic() < deadline, stopped.tail()
            await asyncio.sleep(0.2)
        assert await stopped.ended(SECONDS) != 0
        assert "claimed by another worker" in stopped.tail(20_000), "the fence did not stop it"
        assert await offsets(one) == done, "the fence did not stop it"
        left = await one.finish()
    expected = await uninterrupted(folder / "undisturbed", one.log)

    assert left == expected


@pytest.mark.parametrize("failpoint", [failpoints.RUNNER_AFTER_POLL, failpoints.RUNNER_BEFORE_COMMIT])
async def test_a_worker_that_was_stopped_and_overtaken_writes_nothing_and_ends(failpoint: str, tmp_path: Path) -> None:
    await overtaken_writes_nothing(failpoint, tmp_path)


async def test_with_the_epoch_check_switched_off_that_test_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="the fence did not stop it"):
        await overtaken_writes_nothing(failpoints.RUNNER_AFTER_POLL, tmp_path, KIZASHI_TEST_UNFENCED="1")
