"""Keeping workers running: embedded rebuilds one that failed, alone; clustered ends the process, to be restarted."""

import asyncio
from collections.abc import Sequence

from cskit.observability import get_logger
from cskit.service import Worker

log = get_logger()

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0
_CALM_AFTER = 60.0  # seconds of work after which a failure counts as the first again
_FINISH_WITHIN = 20.0  # seconds a worker has for what is in hand; then it is cancelled


class EndedEarly(Exception):
    """A worker returned although nobody asked it to stop."""


async def run_workers(
    workers: Sequence[Worker], stop: asyncio.Event, *, last: Sequence[Worker] = (), rebuild: bool
) -> None:
    """Run all workers until `stop`; those of `last` go on until the others have ended (they send what those leave).

    A failure is logged; without `rebuild` it stops everything and is raised. A worker that does not end in time is
    cancelled, so that one that hangs cannot keep a broken process alive.
    """
    end_last = asyncio.Event()
    first_tasks = [asyncio.create_task(_kept(each, stop, rebuild=rebuild), name=each.name) for each in workers]
    last_tasks = [asyncio.create_task(_kept(each, end_last, rebuild=rebuild), name=each.name) for each in last]
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((asked, *first_tasks, *last_tasks), return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        stop.set()
        await _finish(first_tasks)
        end_last.set()
        await _finish(last_tasks)
    for task in (*first_tasks, *last_tasks):
        if not task.cancelled():
            task.result()


async def _finish(tasks: Sequence["asyncio.Task[None]"]) -> None:
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=_FINISH_WITHIN)
    for task in late:
        log.error("worker.does_not_end", worker=task.get_name(), seconds=_FINISH_WITHIN)
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=_FINISH_WITHIN)
    for task in tasks:
        if task.done() and not task.cancelled() and (error := task.exception()):
            log.error("worker.ended", worker=task.get_name(), reason=f"{type(error).__name__}: {error}")


async def _kept(worker: Worker, stop: asyncio.Event, *, rebuild: bool) -> None:
    wait = _FIRST_WAIT
    clock = asyncio.get_running_loop().time
    while not stop.is_set():
        started = clock()
        try:
            await worker.run(stop)
            if not stop.is_set():
                raise EndedEarly(f"{worker.name} ended although nobody asked it to")
        except Exception as error:
            if not rebuild:
                raise
            wait = _FIRST_WAIT if clock() - started > _CALM_AFTER else min(wait * 2, _LONGEST_WAIT)
            log.error("worker.failed", worker=worker.name, again_in=wait, exc_info=error)
            await stopped_within(stop, wait)


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until `stop`; whether that came."""
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False
