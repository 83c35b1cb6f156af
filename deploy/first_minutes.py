"""How long the first minutes take: `python3 deploy/first_minutes.py` starts `make demo` here and watches it.

Standard library only. It takes a free port and a temporary data folder, asks the server what a person would see, prints
the seconds from the start to the first page and to 150 scored accounts, then presses Ctrl-C. In a fresh clone these
seconds hold the installation, too. Exit status 1 if 150 accounts are not scored within two minutes, or if the demo does
not end within five seconds, in good order.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WITHIN = 120.0  # seconds to so many scored accounts
SCORED = 150
ENDS_WITHIN = 5.0  # seconds after Ctrl-C
GIVE_UP = 600.0  # seconds; slower machines are told how long it took all the same
_LINK = re.compile(r"^Open http://[^/\s]+(/\S+)", re.MULTILINE)
_LOADED = re.compile(r"([\d,]+) events loaded in (\d+) s")


class Demo:
    """`make demo` in a process group of its own, as a terminal starts it."""

    def __init__(self, folder: Path) -> None:
        self.port = _free_port()
        self.data = folder / "data"
        self._said = folder / "said.txt"
        self._started = time.monotonic()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KIZASHI_")}
        with self._said.open("wb") as out:
            self._process = subprocess.Popen(
                ["make", "demo", f"ARGS=--port {self.port} --data {self.data}"],
                cwd=ROOT,
                env={**plain, "KIZASHI_LOCALE": "en"},
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def seconds(self) -> float:
        """Since it was started."""
        return time.monotonic() - self._started

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def until(self, look: Callable[[], Any]) -> tuple[Any, float] | None:
        """What `look` finds and when; None if the demo ends before, or nothing is found for too long."""
        while self._process.poll() is None and self.seconds < GIVE_UP:
            found = look()
            if found:
                return found, self.seconds
            time.sleep(0.2)
        return None

    def page(self) -> bool:
        """Whether the page that it tells people to open is there."""
        link = _LINK.search(self.said)
        return link is not None and self._get(link[1]) is not None

    def scored(self) -> int:
        """How many accounts have a score."""
        try:
            key = json.loads((self.data / "server.json").read_text())["key"]
        except (OSError, ValueError):
            return 0  # not there yet
        body = self._get("/v1/accounts?limit=500", key)
        return sum(each["score"] is not None for each in json.loads(body)["items"]) if body else 0

    def loaded(self) -> re.Match[str] | None:
        """What it said of the events of its history, once they are loaded."""
        return _LOADED.search(self.said)

    def press_ctrl_c(self) -> float | None:
        """How long it then took to end; None, and it is killed, if it went on for a minute."""
        pressed = time.monotonic()
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return None
        return time.monotonic() - pressed

    def kill(self) -> None:
        """End it in any case."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _get(self, path: str, key: str | None = None) -> bytes | None:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with _OPENER.open(request, timeout=10) as answer:
                return bytes(answer.read())
        except (urllib.error.URLError, OSError, ValueError):
            return None  # not listening, or not ready yet


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine is reached directly


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def report(what: str, value: str) -> None:
    """A line of the report, at once."""
    print(f"{what:<28}{value}", flush=True)


def watch(demo: Demo) -> bool:
    """Report each step; whether all was as promised."""
    page = demo.until(demo.page)
    if page is None:
        return False
    report("first page", f"{page[1]:6.1f} s")
    scored = demo.until(lambda: (count := demo.scored()) >= SCORED and count)
    if scored is None:
        return False
    report(f"{scored[0]} accounts scored", f"{scored[1]:6.1f} s")
    loaded = demo.until(demo.loaded)
    if loaded is None:
        return False
    report("events loaded", f"{loaded[0][1]} in {loaded[0][2]} s")
    report("history whole, time runs", f"{loaded[1]:6.1f} s")
    took = demo.press_ctrl_c()
    report("ended after Ctrl-C", "not within a minute" if took is None else f"{took:6.1f} s")
    clean = took is not None and took <= ENDS_WITHIN and "Traceback" not in demo.said
    return clean and scored[1] <= WITHIN


def main() -> int:
    """The exit status."""
    with tempfile.TemporaryDirectory(prefix="first-minutes-") as folder:
        demo = Demo(Path(folder))
        try:
            well = watch(demo)
        finally:
            demo.kill()
        if not well:
            print(f"\nNot as promised: {SCORED} accounts within {WITHIN:.0f} s, an end within {ENDS_WITHIN:.0f} s.")
            print("The demo said:\n" + demo.said[-4_000:])
        return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
