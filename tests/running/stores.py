"""An S3-compatible store for tests that ask for one: a process of its own, which can be stopped in the middle."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


class Missing(Exception):
    """There can be no store here; it says why."""


def _local(name: str) -> Any:
    """A script of deploy/local, which is no package."""
    folder = str(REPOSITORY / "deploy" / "local")
    if folder not in sys.path:
        sys.path.append(folder)
    return import_module(name)


def prepare() -> None:
    """Fetch the store where it is not yet. Raises Missing."""
    process, engine = _local("engine_process"), _local("s3_engine")
    try:
        engine.library(REPOSITORY)
    except process.Missing as reason:
        raise Missing(str(reason)) from None


class Store:
    """A store that runs: its endpoint and keys. Buckets are made and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.access_key = f"access-{secrets.token_hex(8)}"
        self.secret_key = f"secret-{secrets.token_hex(16)}"
        self._engine = _local("s3_engine")
        self._folder = folder
        self._known = self._engine.prepare(folder, REPOSITORY, access_key=self.access_key, secret_key=self.secret_key)
        self._pid: int | None = None
        self.endpoint = f"http://127.0.0.1:{self._known['port']}"

    def bucket(self) -> str:
        """The name of a new bucket."""
        name = f"bucket-{secrets.token_hex(6)}"
        (self._folder / "buckets" / name).mkdir()
        return name

    def settings(self, address: str) -> dict[str, str]:
        """What a Kizashi is told that archives there."""
        return {
            "KIZASHI_ARCHIVE": address,
            "KIZASHI_ARCHIVE_ENDPOINT": self.endpoint,
            "KIZASHI_ARCHIVE_ACCESS_KEY": self.access_key,
            "KIZASHI_ARCHIVE_SECRET_KEY": self.secret_key,
        }

    def start(self) -> None:
        """Start it where it was before, unless it runs; wake it if it hangs."""
        if self._pid is None:
            self._pid = self._engine.start(self._folder, self._known)
        os.kill(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        """kill -9: connections are refused from now on."""
        if self._pid is not None:
            self._engine.stop(self._folder, self._pid)
            self._pid = None

    def hang(self) -> None:
        """Connections are accepted, and nothing is answered."""
        assert self._pid is not None
        os.kill(self._pid, signal.SIGSTOP)


@contextmanager
def running_store(folder: Path) -> Iterator[Store]:
    """A store in an empty folder. Raises Missing."""
    prepare()
    store = Store(folder)
    store.start()
    try:
        yield store
    finally:
        store.stop()
