"""The days that follow: each act of the world at its moment, by whoever does such things."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, assert_never

import httpx

from allinone.demo.product import Product
from allinone.demo.respondents import Respondents
from allinone.demo.tally import NotDone, Tally, checked
from cskit.clock import Clock
from csworld import Act, Answer, Group, Identify, Send, Track, World

_AT_ONCE: Final = 200  # events of a request
_MOST_WAITING: Final = 2_000  # calls in the SDK's queue; beyond, the machine cannot keep up and the acts are late
_RESPONDENTS: Final = 2  # who answer side by side
_BREATH: Final = 0.01  # seconds

OnAnswer = Callable[[str, str, int], None]  # account, role, score


class Live:
    """Does what the world's people do. `roles` are theirs by user; `on_answer` is told of each answer taken."""

    def __init__(
        self,
        *,
        world: World,
        clock: Clock,
        product: Product,
        ingest: httpx.AsyncClient,
        respondents: Respondents,
        roles: Mapping[str, str],
        on_answer: OnAnswer,
        tally: Tally,
    ) -> None:
        self._world = world
        self._clock = clock
        self._product = product
        self._ingest = ingest
        self._respondents = respondents
        self._roles = roles
        self._on_answer = on_answer
        self._tally = tally
        self._items: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()

    async def run(self) -> None:
        """Live on from the world's present until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._act())
            group.create_task(self._send())
            for _ in range(_RESPONDENTS):
                group.create_task(self._answer())

    async def _act(self) -> None:
        now = self._clock.now()
        day = now.date()
        acts = await self._acts(day)
        while True:
            tomorrow = asyncio.create_task(self._acts(day + timedelta(days=1)))
            try:
                for act in acts:
                    if act.at >= now:
                        await self._in_time(act.at)
                        self._do(act)
                day, acts = day + timedelta(days=1), await tomorrow
            finally:
                tomorrow.cancel()
            await self._clock.sleep_until(datetime(day.year, day.month, day.day, tzinfo=UTC))

    async def _acts(self, day: date) -> list[Act]:
        return await asyncio.to_thread(self._world.acts, day)

    async def _in_time(self, at: datetime) -> None:
        """Return at this moment, or later if the machine cannot keep up."""
        await self._clock.sleep_until(at)
        await asyncio.sleep(0)
        while self._product.waiting > _MOST_WAITING:  # noqa: ASYNC110  the SDK offers no event for this
            await asyncio.sleep(_BREATH)

    def _do(self, act: Act) -> None:
        match act:
            case Track():
                self._product.track(act.account, act.user, act.event, dict(act.properties))
            case Identify():
                self._product.identify(act.user, dict(act.traits))
            case Group():
                self._product.group(act.account, act.user, dict(act.traits))
            case Send():
                self._items.put_nowait(dict(act.item))
            case Answer():
                self._answers.put_nowait(act)
            case _:
                assert_never(act)

    async def _send(self) -> None:
        """Help desk and billing: what came up since the request before, in its order."""
        while True:
            items = [await self._items.get()]
            while len(items) < _AT_ONCE and not self._items.empty():
                items.append(self._items.get_nowait())
            with self._tally.counting("send", len(items)):
                said = checked(await self._ingest.post("/v1/events", json={"events": items})).json()
                refused = [each for each in said["items"] if each["status"] == "refused"]
                if refused:
                    raise NotDone(f"{len(refused)} of {len(items)} events were refused. The first: {refused[0]}")

    async def _answer(self) -> None:
        while True:
            act = await self._answers.get()
            with self._tally.counting("answer"):
                await self._respondents.answer(act.account, act.user, act.score)
                self._on_answer(act.account, self._roles.get(act.user, "other"), act.score)
