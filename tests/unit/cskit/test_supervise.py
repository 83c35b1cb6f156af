"""Workers are kept running, or end the process; nothing that hangs keeps a broken process alive."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cskit import supervise
from cskit.supervise import EndedEarly, run_workers


class Scripted:
    """A worker that does what its script says."""

    def __init__(self, name: str, script: Callable[[asyncio.Event], Awaitable[None]]) -> None:
        self.name = name
        self.lives = 0
        self._script = script

    async def run(self, stop: asyncio.Event) -> None:
        self.lives += 1
        await self._script(stop)


async def until_stopped(stop: asyncio.Event) -> None:
    await stop.wait()


async def fails(_: asyncio.Event) -> None:
    raise ZeroDivisionError("a defect")


async def returns(_: asyncio.Event) -> None:
    return


async def hangs(_: asyncio.Event) -> None:
    await asyncio.Event().wait()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "_FINISH_WITHIN", 0.05)
    monkeypatch.setattr(supervise, "_FIRST_WAIT", 0.005)


async def test_a_failed_worker_stops_the_others_and_its_error_is_raised() -> None:
    other = Scripted("other", until_stopped)

    with pytest.raises(ZeroDivisionError):
        await run_workers([Scripted("bad", fails), other], asyncio.Event(), rebuild=False)

    assert other.lives == 1


async def test_a_worker_that_hangs_cannot_keep_a_broken_process_alive() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_workers([Scripted("bad", fails), Scripted("hanging", hangs)], asyncio.Event(), rebuild=False)


async def test_a_worker_that_returns_unasked_has_failed() -> None:
    with pytest.raises(EndedEarly):
        await run_workers([Scripted("quitter", returns)], asyncio.Event(), rebuild=False)


async def test_embedded_a_failed_worker_is_rebuilt_alone() -> None:
    stop = asyncio.Event()
    calm = Scripted("calm", until_stopped)

    async def fails_twice(stop_: asyncio.Event) -> None:
        if shaky.lives < 3:
            raise ZeroDivisionError("a defect")
        stop.set()
        await stop_.wait()

    shaky = Scripted("shaky", fails_twice)

    await run_workers([shaky, calm], stop, rebuild=True)

    assert (shaky.lives, calm.lives) == (3, 1)


async def test_the_last_ones_go_on_until_the_others_have_ended() -> None:
    order: list[str] = []
    stop = asyncio.Event()

    async def finishes_slowly(asked: asyncio.Event) -> None:
        await asked.wait()
        await asyncio.sleep(0.01)
        order.append("consumer")

    async def sends(asked: asyncio.Event) -> None:
        await asked.wait()
        order.append("relay")

    asyncio.get_running_loop().call_later(0.01, stop.set)

    await run_workers([Scripted("consumer", finishes_slowly)], stop, last=[Scripted("relay", sends)], rebuild=True)

    assert order == ["consumer", "relay"]
