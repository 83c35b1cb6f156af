"""Starting drivers and following them: which there are, what each has sent, and how it ended."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.running import node
from tests.running.processes import clean_environment

STRIPE = "stripe"


@dataclass(frozen=True, slots=True)
class Client:
    """A client under a name of its own, which is its source's and begins those of its accounts."""

    name: str
    command: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)


def _python(name: str, module: str, **settings: str) -> Client:
    return Client(name, [sys.executable, "-m", f"tests.clients.{module}"], settings)


def _node(name: str, driver: str, **settings: str) -> Client:
    return Client(name, node.command(driver), settings)


PYTHON = (
    _python("segment-python", "segment_client"),
    _python("rudder-python", "rudder_client"),
    _python("posthog-python", "posthog_client"),
    _python("posthog-python-v1", "posthog_client", POSTHOG_CAPTURE_MODE="v1"),
    _python("cloudevents-python", "cloudevents_client"),
    _python(STRIPE, "stripe_webhooks"),
)
NODE = (
    _node("segment-node", "segment"),
    _node("rudder-node", "rudder"),
    _node("posthog-node", "posthog"),
    _node("posthog-node-v1", "posthog", POSTHOG_CAPTURE_MODE="v1"),
    _node("cloudevents-node", "cloudevents"),
)


@dataclass
class Driver:
    """One client at work."""

    client: Client
    process: asyncio.subprocess.Process
    errors: Path
    ids: list[str] = field(default_factory=list)  # of the events that were handed to the client so far
    _reading: asyncio.Task[None] | None = None

    @property
    def works(self) -> bool:
        return self.process.returncode is None

    async def hand_over(self, events: int, *, last: bool = False) -> None:
        """Let it hand over so many events, those before included; after the last it ends once they are delivered."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"%d\n" % events)
        await self.process.stdin.drain()
        if last:
            self.process.stdin.close()

    def follow(self) -> None:
        """Read along."""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.ids.append(line.decode().strip())

    async def ended(self, seconds: float) -> int:
        """Wait for its end; the exit status. TimeoutError if it still works then."""
        assert self._reading is not None
        async with asyncio.timeout(seconds):
            await self._reading
            return await self.process.wait()

    def said(self) -> str:
        """The end of what it complained of."""
        return f"{self.client.name}:\n{self.errors.read_text(errors='replace')[-3_000:]}"

    async def stop(self) -> None:
        """Kill it if it still works."""
        if self.works:
            self.process.kill()
        await self.process.wait()
        if self._reading is not None:
            await self._reading


@asynccontextmanager
async def driving(client: Client, folder: Path, *, url: str, key: str, pause: float = 0.0) -> AsyncIterator[Driver]:
    """A client that waits for what it has to do; its complaints go to a file in the folder."""
    errors = folder / f"{client.name}.err"
    errand = (url, key, client.name, str(pause))
    with errors.open("wb") as complaints:
        process = await asyncio.create_subprocess_exec(
            *client.command,
            *errand,
            cwd=node.REPOSITORY,
            env=clean_environment({"NO_PROXY": "127.0.0.1", **client.settings}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
        )
    driver = Driver(client, process, errors)
    driver.follow()
    try:
        yield driver
    finally:
        await driver.stop()
