"""Processes that outlive the command that starts them: started, waited for, found again by pid, and stopped."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


class Missing(Exception):
    """An engine cannot run on this machine; one sentence says why."""


class Failed(Exception):
    """An engine was started and did not come up; the message ends with the tail of its log."""


def free_port(taken: int | None = None) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment; another one than that which is taken.

    Below the range of outgoing connections: a client that tries a stopped engine's port again and again would in the
    end be given that very port, connect to itself and keep the engine from coming back.
    """
    while True:
        with contextlib.suppress(OSError), socket.socket() as s:
            port = random.randrange(15_000, 32_000)  # noqa: S311 - no secret
            s.bind(("127.0.0.1", port))
            if port != taken:
                return port


def answers(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def tail(log: Path, lines: int = 25) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])


def start(
    command: Sequence[str | Path],
    log: Path,
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> int:
    """Start a process in a session of its own (Ctrl-C does not reach it), output to `log`; returns its pid."""
    as_user: dict[str, Any] = {} if user is None else {"user": user, "group": user_group(user), "extra_groups": []}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(c) for c in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=None if env is None else dict(env),
            start_new_session=True,
            **as_user,
        )
    process.returncode = 0  # it outlives this object on purpose: no ResourceWarning
    return process.pid


def user_group(user: str) -> int:
    """The primary group of a user."""
    import pwd

    return pwd.getpwnam(user).pw_gid


def alive(pid: int, marker: str) -> bool:
    """Whether `pid` runs and is ours: its command line holds `marker`. A zombie is not alive."""
    if not Path("/proc/self/stat").exists():  # not Linux
        ps = ["ps", "-ww", "-p", str(pid), "-o", "args="]
        return marker in subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return False
    return state != "Z" and (not arguments or marker.encode() in arguments)  # empty for a moment while it is replaced


def wait_ready(name: str, pid: int, marker: str, ready: Callable[[], bool], log: Path, seconds: float) -> None:
    """Return once `ready()`; Failed when the process has ended or the time is over."""
    deadline = time.monotonic() + seconds
    while not ready():
        if not alive(pid, marker):
            raise Failed(f"{name} ended while starting. {log}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise Failed(f"{name} was not ready after {seconds:.0f} s. {log}:\n{tail(log)}")
        time.sleep(0.05)


def stop(pid: int, marker: str, *, first: signal.Signals, seconds: float = 20) -> None:
    """End the process if it is ours: the `first` signal, then SIGKILL. Returns when it is gone."""
    for sent, patience in ((first, seconds), (signal.SIGKILL, 10)):
        deadline = time.monotonic() + patience
        if alive(pid, marker):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
        while alive(pid, marker):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return
    raise Failed(f"process {pid} does not end")
