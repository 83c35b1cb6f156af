"""Tells on the terminal what has just happened: health changes and the tasks they caused, as the streams bring them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
from httpx_sse import ServerSentEvent

from allinone.demo.story import Given, Standing, Story
from allinone.demo.tally import NotDone, checked
from cskit.clock import Clock
from cskit.http.following import follow
from cskit.observability import get_logger

log = get_logger()

HEALTH_STREAM: Final = "/v1/health/stream"
PLAYBOOK_STREAM: Final = "/v1/playbook/stream"
_LOOK_EVERY: Final = 0.1  # seconds


def standing_of(score: float, band: str, contributions: Mapping[str, float], adjustments: Iterable[Any]) -> Standing:
    """A health as the story compares it."""
    parts = dict(contributions)
    for each in adjustments:
        parts[each["reason"]] = parts.get(each["reason"], 0.0) + each["points"]
    return Standing(score, band, parts)


class Narrator:
    """Follows both streams. `say` prints a line; `on_task` is told each new task and its account."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        story: Story,
        world: Clock,
        zone: ZoneInfo,
        *,
        say: Callable[[str], None],
        on_task: Callable[[str, str], None],
    ) -> None:
        self._client = client
        self._story = story
        self._world = world
        self._zone = zone
        self._say = say
        self._on_task = on_task
        self._given: dict[str, Given] = {}  # by task

    async def look_around(self, accounts: Iterable[str], at_once: int = 4) -> None:
        """Learn how the accounts are before anything happens. Raises httpx.HTTPError, NotDone."""
        rest = iter(list(accounts))

        async def look() -> None:
            for account in rest:
                answer = await self._client.get(f"/v1/accounts/{account}/health")
                if answer.status_code == 404:
                    continue  # the past knows nothing of it yet
                health = checked(answer).json()
                contributions = {each["measure"]: each["contribution"] for each in health["contributions"]}
                standing = standing_of(health["score"], health["band"], contributions, health["adjustments"])
                self._story.known(account, standing)

        await asyncio.gather(*(look() for _ in range(at_once)))

    async def run(self, joined: asyncio.Event) -> None:
        """Tell until cancelled; `joined` is set once nothing is missed any more."""
        health, playbook = asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(HEALTH_STREAM, self._on_health, health))
            group.create_task(self._follow(PLAYBOOK_STREAM, self._on_playbook, playbook))
            await health.wait()
            await playbook.wait()
            joined.set()
            while True:
                for line in self._story.lines(time.monotonic()):
                    self._say(line)
                await asyncio.sleep(_LOOK_EVERY)

    async def _follow(
        self, path: str, on_event: Callable[[str, dict[str, Any]], Awaitable[None]], joined: asyncio.Event
    ) -> None:
        async def heard(event: ServerSentEvent) -> None:
            await on_event(event.event, event.json())

        def standing(joins: bool) -> None:
            if joins:
                joined.set()

        try:
            await follow(self._client, path, heard, standing)
        except httpx.HTTPStatusError as error:
            raise NotDone(f"{path} cannot be followed: the server answered {error.response.status_code}.") from error

    def answered(self, account: str, role: str, score: int) -> None:
        """Somebody has answered a survey on its page."""
        self._story.answer(account, role, score, time.monotonic(), self._now())

    def _now(self) -> datetime:
        return self._world.now().astimezone(self._zone)

    async def _on_health(self, type_: str, event: dict[str, Any]) -> None:
        if type_ != "health.changed":
            return
        data = event["data"]
        standing = standing_of(data["score"], data["band"], data["contributions"], data["adjustments"])
        self._story.health(event["subject"], standing, time.monotonic(), self._now())

    async def _on_playbook(self, type_: str, event: dict[str, Any]) -> None:
        if type_ == "task.created":
            account, task = event["subject"], event["data"]["task"]
            self._on_task(task, account)
            self._story.task(account, await self._of(event["data"]), time.monotonic(), self._now())
        elif type_ == "task.completed":
            given = await self._of(event["data"])
            outcome = event["data"]["outcome"] or ""
            self._story.completed(event["subject"], given, outcome, time.monotonic(), self._now())

    async def _of(self, data: Mapping[str, Any]) -> Given:
        """Which playbook a task is of; the event names only its run."""
        task = data["task"]
        if task not in self._given:
            try:
                found = checked(await self._client.get(f"/v1/tasks/{task}")).json()
                self._given[task] = Given(found["playbook"] or found["title"].get("en", ""), data["owner"])
            except (httpx.HTTPError, NotDone) as error:
                log.warning("demo.failed", act="narrate", reason=str(error) or type(error).__name__)
                return Given("?", data["owner"])
        return self._given[task]
