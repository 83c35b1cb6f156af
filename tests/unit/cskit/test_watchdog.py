"""A consumer that handles nothing of what there is to read is told from one that has nothing to read."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from cskit import watchdog
from cskit.log import Consumer, Log, LogError, Partition
from cskit.progress import Progress
from cskit.watchdog import Stuck, Watchdog

TOPIC = "cs.customer-events"
HERE = Partition(TOPIC, 0)


class Place:
    """A log that ends at `end`, and a consumer that has reached `reached`; an error instead is raised."""

    def __init__(self, end: int | LogError, reached: int | LogError) -> None:
        self.end = end
        self.at = reached
        self.looks = 0

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        self.looks += 1
        if isinstance(self.end, LogError):
            raise self.end
        return {0: self.end}

    async def reached(self) -> Mapping[Partition, int]:
        if isinstance(self.at, LogError):
            raise self.at
        return {HERE: self.at}


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Watch a consumer that has done ten records and none for a minute, for five looks."""
    monkeypatch.setattr(watchdog, "_WATCH_EVERY", 0.001)

    async def watching(place: Place, *, in_hand: bool = False, on_purpose: bool = False) -> Idle:
        progress = Idle()
        dog = Watchdog(
            group="group", topics=[TOPIC], log=cast("Log", place), progress=cast("Progress", progress),
            done=lambda: {HERE: 10}, in_hand=lambda: in_hand,
        )  # fmt: skip
        looking = asyncio.create_task(dog.run(cast("Consumer", place), lags_on_purpose=on_purpose))
        async with asyncio.timeout(30):
            while place.looks < 5 and not looking.done():
                await asyncio.sleep(0.001)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        if not looking.cancelled():
            looking.result()
        return progress

    return watching


class Idle:
    """Nothing has been handled for a minute."""

    beats = 0

    def beat(self) -> None:
        self.beats += 1

    def idle(self) -> float:
        return 60.0


@pytest.mark.parametrize("reached", [0, 10, LogError("this consumer does not know its place")])
async def test_records_to_read_and_none_handled_is_stuck(watch: Callable[..., Any], reached: int | LogError) -> None:
    with pytest.raises(Stuck, match="2 records"):
        await watch(Place(end=12, reached=reached))


async def test_a_batch_in_hand_that_is_read_to_the_end_is_still_to_be_handled(watch: Callable[..., Any]) -> None:
    with pytest.raises(Stuck, match="2 records"):
        await watch(Place(end=12, reached=12), in_hand=True)


@pytest.mark.parametrize(
    ("place", "beats"),
    [
        (Place(end=10, reached=10), True),  # all is done
        (Place(end=12, reached=12), True),  # what is beyond are markers
        (Place(end=LogError("no answer"), reached=0), False),
    ],
)
async def test_nothing_to_read_is_not_stuck(watch: Callable[..., Any], place: Place, beats: bool) -> None:
    progress = await watch(place)

    assert (progress.beats > 0) is beats


async def test_who_lags_on_purpose_is_left_alone(watch: Callable[..., Any]) -> None:
    assert (await watch(Place(end=12, reached=0), on_purpose=True)).beats == 0
