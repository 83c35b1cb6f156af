"""Quix Streams and the bare loop as processes of their own, each through the topic once."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.bench.scoring.costs import Measured

VERSION: Final = "3.28.1"
_SECONDS: Final = 1_800


class Missing(Exception):
    """A peer cannot run here; it says why."""


async def bare(kafka: str, topic: str, events: int) -> Measured:
    """The bare loop."""
    return await _said(sys.executable, "-m", "tests.bench.scoring.bare", kafka, topic, str(events))


async def quix(kafka: str, topic: str, events: int, accounts: int) -> Measured:
    """Quix Streams, in an environment that uv makes beside the project's. Raises Missing."""
    script = str(Path(__file__).with_name("quix.py"))
    with tempfile.TemporaryDirectory(prefix="kizashi-quix-") as folder:
        group = f"quix-{secrets.token_hex(4)}"
        measured = await _said(*_environment(), "python", script, kafka, topic, group, str(events), folder)
    return replace(measured, state_bytes=(measured.state_bytes or 0) / accounts)


async def quix_is_there() -> None:
    """Install it if need be. Raises Missing."""
    process = await asyncio.create_subprocess_exec(
        *(*_environment(), "python", "-c", "import quixstreams"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, err = await process.communicate()
    if process.returncode != 0:
        raise Missing(f"Quix Streams {VERSION} cannot be installed: {err.decode()[-500:].strip()}")


def _environment() -> tuple[str, ...]:
    here = Path(sys.prefix).parent / ".tools" / "bin" / "uv"
    uv = str(here) if here.exists() else shutil.which("uv")
    if uv is None:
        raise Missing("there is no uv to install Quix Streams with")
    return (uv, "run", "--no-project", "--with", f"quixstreams=={VERSION}", "--python", sys._base_executable)


async def _said(*command: str) -> Measured:
    apart = command[0] != sys.executable  # of this project nothing is imported there
    process = await asyncio.create_subprocess_exec(
        *command,
        env={name: value for name, value in os.environ.items() if not (apart and name == "PYTHONPATH")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _SECONDS)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command[-6:])} ended with {process.returncode}:\n{err.decode()[-3_000:]}")
    return Measured(**json.loads(out.decode().strip().splitlines()[-1]))
