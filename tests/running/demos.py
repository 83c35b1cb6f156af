"""A `kizashi demo` in a process of its own."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.running.processes import KIZASHI, clean_environment, free_port

SECONDS = 90.0


@dataclass
class Demo:
    """A demo that was started, and all that it has said."""

    process: asyncio.subprocess.Process
    said: Path
    data: Path
    url: str

    @property
    def text(self) -> str:
        return self.said.read_text(errors="replace")

    @property
    def link(self) -> str:
        """The link that signs in to its console."""
        found = re.search(r"http://\S+/sign-in\?token=\S+", self.text)
        assert found is not None, self.text
        return found[0]

    def client(self) -> httpx.AsyncClient:
        """A client with the key that commands use."""
        key = json.loads((self.data / "server.json").read_text())["key"]
        headers = {"authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    async def says(self, words: str) -> None:
        """Return once it has said this."""
        deadline = time.monotonic() + SECONDS
        while words not in self.text:
            assert self.process.returncode is None, self.text
            assert time.monotonic() < deadline, f"“{words}” was not said within {SECONDS:.0f} s:\n{self.text}"
            await asyncio.sleep(0.1)

    async def press_ctrl_c(self) -> None:
        """It ends, in good order."""
        self.process.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(self.process.wait(), SECONDS)
        assert status == 0, self.text
        assert "Traceback" not in self.text, self.text


@asynccontextmanager
async def demo(folder: Path, *more: str) -> AsyncIterator[Demo]:
    """The demo of `folder`, made or gone on with; killed at the end if it still runs."""
    said, data, port = folder / f"said-{time.monotonic_ns()}.txt", folder / "demo", free_port()
    with said.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            KIZASHI,
            *("demo", "--port", str(port), "--data", str(data), *more),
            env=clean_environment({}),
            stdout=out,
            stderr=out,
        )
    try:
        yield Demo(process, said, data, f"http://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
