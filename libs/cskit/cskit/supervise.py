"""Keeping workers running: embedded rebuilds one that failed, alone; clustered ends the process and lets it be
restarted.
"""

import asyncio
from collections.abc import Sequence

from cskit.observability import get_logger
from cskit.service import Worker

log = get_logger()

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_CALM_AFTER = 60.0  # seconds of work after which a failure counts as the first again


async def run_workers(workers: Sequence[Worker], stop: asyncio.Event, *, rebuild: bool) -> None:
    """Run all workers until `stop`. A failure is logged; without `rebuild` it stops the others and is raised."""
    tasks = [asyncio.create_task(_kept(each, stop, rebuild=rebuild), name=each.name) for each in workers]
    try:
        await asyncio.gather(*tasks)
    finally:
        stop.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for task, result in zip(tasks, ended, strict=True):
            if isinstance(result, Exception):
                log.error("worker.ended", worker=task.get_name(), reason=f"{type(result).__name__}: {result}")


async def _kept(worker: Worker, stop: asyncio.Event, *, rebuild: bool) -> None:
    wait = _FIRST_WAIT
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        started = clock()
        try:
            await worker.run(stop)
        except Exception as error:
            if not rebuild:
                stop.set()
                raise
            wait = _FIRST_WAIT if clock() - started > _CALM_AFTER else min(wait * 2, _LONGEST_WAIT)
            log.error("worker.failed", worker=worker.name, again_in=wait, exc_info=error)
            await _stopped(stop, wait)


async def _stopped(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
