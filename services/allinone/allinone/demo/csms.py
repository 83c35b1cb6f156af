"""Members of the staff: each task is completed after the time that its owner takes, and the talk is recorded."""

import asyncio
from datetime import datetime
from typing import Any, Final

import httpx

from allinone.demo.tally import Tally, checked
from cskit.clock import Clock
from csworld import World

_PAGE: Final = 500


class Csms:
    """Each does as the world says. Touches are events of the CRM, sent with the key of `ingest`."""

    def __init__(
        self,
        admin: httpx.AsyncClient,
        ingest: httpx.AsyncClient,
        clock: Clock,
        world: World,
        tally: Tally,
    ) -> None:
        self._admin = admin
        self._ingest = ingest
        self._clock = clock
        self._world = world
        self._tally = tally
        self._new: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._known: set[str] = set()

    def given(self, task: str, account: str) -> None:
        """A task was made."""
        self._new.put_nowait((task, account))

    async def run(self) -> None:
        """Work until cancelled: first on what was open at the start, then on what comes."""
        with self._tally.watching("task"):
            await self._look()
        async with asyncio.TaskGroup() as group:
            while True:
                task, account = await self._new.get()
                if task not in self._known:
                    self._known.add(task)
                    group.create_task(self._complete(task, account))

    async def _look(self) -> None:
        params: dict[str, Any] = {"status": "open", "limit": _PAGE}
        while True:
            page = checked(await self._admin.get("/v1/tasks", params=params)).json()
            for each in page["items"]:
                self.given(each["id"], each["account"])
            if page["next"] is None:
                return
            params["cursor"] = page["next"]

    async def _complete(self, task: str, account: str) -> None:
        reaction = self._world.reaction(task, account)
        if not reaction.outcome:
            return  # it is left lying, until it is overdue
        with self._tally.counting("task"):
            found = checked(await self._admin.get(f"/v1/tasks/{task}")).json()
            created = datetime.fromisoformat(found["created_at"])
            await self._clock.sleep_until(self._world.reacts_at(task, account, created))
            if reaction.touch:
                await self._talk(task, account, reaction.outcome)
            found = checked(await self._admin.get(f"/v1/tasks/{task}")).json()
            if found["status"] in ("open", "snoozed"):  # the playbook may have ended it meanwhile
                checked(await self._admin.post(f"/v1/tasks/{task}/complete", json={"outcome": reaction.outcome}))

    async def _talk(self, task: str, account: str, outcome: str) -> None:
        data = {"kind": "call", "direction": "both", "outcome": outcome}
        event = {"id": f"touch-{task}", "type": "touch.recorded", "account": account, "data": data}
        with self._tally.counting("touch"):
            checked(await self._ingest.post("/v1/events", json={"events": [event]}))
