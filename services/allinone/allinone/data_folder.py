"""The data folder of the embedded server: one server at a time, and how commands find it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

SERVER_FILE = "server.json"
LOCK_FILE = "lock"
DEMO_FILE = "demo.json"  # marks the folder of a demo, whose clock was scaled


class FolderInUse(Exception):
    """Another server has this data folder."""


class FolderUnusable(Exception):
    """The data folder cannot be made or written."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where commands find the server, and a key that is valid while it runs."""

    url: str
    pid: int
    key: str


@contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Raises FolderUnusable where the block cannot make, read or write what is in the folder."""
    try:
        yield
    except OSError as error:
        raise FolderUnusable(
            f"The folder {folder} cannot be used: {error.strerror}. Correct its owner and rights, or name another."
        ) from error


def check_real_clock(folder: Path) -> None:
    """Raises FolderUnusable for the folder of a demo: what is in it happened in a time of its own."""
    if (folder / DEMO_FILE).exists():
        raise FolderUnusable(
            f"The data folder {folder} is a demo's: its clock was scaled, so no server can go on with it. "
            f"Run: kizashi demo --data {folder}"
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder; made if it is missing. Raises FolderInUse with the other server's pid, FolderUnusable."""
    with usable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(handle, 20, 0).decode() or "unknown"
            raise FolderInUse(
                f"The data folder {folder} is in use by a server with process id {pid}. "
                "Stop that one, or name another folder with --data and another --port."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def announced(folder: Path, server: RunningServer) -> Iterator[None]:
    """Leave server.json (mode 0600) for commands while the server runs."""
    path = folder / SERVER_FILE
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(server), file)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def running_server(folder: Path) -> RunningServer | None:
    """The server that has this folder, or None if none is running."""
    try:
        return RunningServer(**json.loads((folder / SERVER_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
