"""Starting, stopping and killing `kizashi` processes; each writes what it says to a file of its own."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

KIZASHI = str(Path(sys.executable).parent / "kizashi")
READY_SECONDS = 90.0


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without its KIZASHI_ variables, plus `settings`."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KIZASHI_")}
    return {**plain, **settings}


@dataclass
class Process:
    """One `kizashi serve`."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    said: Path
    port: int = field(default_factory=free_port)
    _running: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._running is not None and self._running.returncode is None

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    async def start(self, **settings: str) -> None:
        """Start it, with further settings for this life."""
        with self.said.open("ab") as out:
            self._running = await asyncio.create_subprocess_exec(
                KIZASHI,
                *("serve", *self.arguments, "--port", str(self.port)),
                env=clean_environment({**self.environment, **settings}),
                stdout=out,
                stderr=out,
            )

    async def ready(self) -> None:
        """Wait until it says that it is ready."""
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            while True:
                assert self._running is not None
                assert self._running.returncode is None, f"ended with {self._running.returncode}:\n{self.tail()}"
                assert time.monotonic() < deadline, f"not ready after {READY_SECONDS:.0f} s:\n{self.tail()}"
                try:
                    answer = await client.get(f"{self.url}/readyz")
                    if answer.status_code == 200:
                        return
                except httpx.HTTPError:
                    pass  # not listening yet
                await asyncio.sleep(0.05)

    async def ended(self, seconds: float = 60) -> int:
        """Wait for its end; the exit status (negative: the signal)."""
        assert self._running is not None
        return await asyncio.wait_for(self._running.wait(), seconds)

    def signal(self, number: signal.Signals) -> None:
        assert self._running is not None
        self._running.send_signal(number)

    async def stop(self) -> None:
        """Ask for a stop in good order; kill what does not follow within 30 s."""
        if self._running is None or self._running.returncode is not None:
            return
        self._running.send_signal(signal.SIGCONT)
        self._running.terminate()
        try:
            await self.ended(30)
        except TimeoutError:
            self._running.kill()
            await self._running.wait()
            raise AssertionError(f"did not stop within 30 s:\n{self.tail()}") from None

    async def kill(self) -> None:
        """kill -9."""
        assert self._running is not None
        if self._running.returncode is None:
            self._running.kill()
        await self._running.wait()

    def tail(self, length: int = 4_000) -> str:
        """The end of what it said."""
        return self.said.read_text(errors="replace")[-length:]


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    status: int
    out: str
    err: str


async def ended(*arguments: str, environment: Mapping[str, str]) -> Ended:
    """Run a `kizashi` command to its end, whatever that is."""
    process = await asyncio.create_subprocess_exec(
        KIZASHI,
        *arguments,
        env=clean_environment(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def command(*arguments: str, environment: Mapping[str, str]) -> str:
    """Run a `kizashi` command to its end; what it printed. AssertionError with what it said if it fails."""
    done = await ended(*arguments, environment=environment)
    assert done.status == 0, f"kizashi {' '.join(arguments)} ended with {done.status}:\n{done.err}"
    return done.out
