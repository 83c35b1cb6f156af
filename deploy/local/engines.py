"""Apache Kafka and PostgreSQL for tests and development, with nothing installed but Java, Maven and Python.

    engines.py up|down|status [--state DIR]      engines that stay, for a developer
    engines.py run -- CMD...                     private engines for one command; its exit status is CMD's
    engines.py restart-kafka --state DIR [--kill]  stop that broker (or crash it) and start it on the same port and data

`run` sets KIZASHI_TEST_KAFKA, KIZASHI_TEST_DATABASE_URL and KIZASHI_TEST_KAFKA_RESTART; an engine that the environment
gives already is used as it is. One that cannot run here is left out: KIZASHI_TEST_KAFKA_MISSING or
KIZASHI_TEST_DATABASE_MISSING then says why.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import engine_process as process
import kafka_engine
import postgres_engine

REPOSITORY = Path(__file__).resolve().parents[2]
State = dict[str, dict[str, Any]]


def read(folder: Path) -> State:
    file = folder / "engines.json"
    return json.loads(file.read_text("utf-8")) if file.exists() else {}


def write(folder: Path, state: State) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / "engines.json.new"
    new.touch(mode=0o600)
    new.write_text(json.dumps(state, indent=1), "utf-8")
    new.replace(folder / "engines.json")


def start_kafka(folder: Path) -> dict[str, Any]:
    known = kafka_engine.prepare(folder, REPOSITORY)
    return {**known, "pid": kafka_engine.start(folder, known)}


def start_postgres(folder: Path) -> dict[str, Any]:
    known = postgres_engine.prepare(folder)
    postgres_engine.create_database(known, "kizashi")
    return {**known, "pid": postgres_engine.start(known)}


def start(folder: Path, wanted: dict[str, Callable[[Path], dict[str, Any]]]) -> dict[str, str]:
    """Start the wanted engines side by side and record them; returns those that are missing, with the reason.

    When one fails, none is left running.
    """
    state = read(folder)
    recording = threading.Lock()
    missing: dict[str, str] = {}
    failed: list[Exception] = []

    def make(name: str) -> None:
        try:
            engine = wanted[name](folder)
            with recording:
                state[name] = engine
                write(folder, state)
        except process.Missing as reason:
            missing[name] = str(reason)
        except Exception as error:  # noqa: BLE001 - raised below, after the others were stopped
            failed.append(error)

    with ThreadPoolExecutor() as pool:  # a signal waits here until both are recorded, so that both can be stopped
        list(pool.map(make, wanted))
    if failed:
        stop(folder)
        raise failed[0]
    return missing


def stop(folder: Path) -> None:
    """Stop what is recorded in this folder and delete its data."""
    state = read(folder)
    if kafka := state.pop("kafka", None):
        kafka_engine.stop(folder, kafka["pid"])
        shutil.rmtree(folder / "kafka", ignore_errors=True)
    if postgres := state.pop("postgres", None):
        postgres_engine.stop(postgres, postgres["pid"])
        shutil.rmtree(postgres["home"], ignore_errors=True)
    write(folder, state)


def restart_kafka(folder: Path, *, kill: bool) -> None:
    state = read(folder)
    kafka_engine.stop(folder, state["kafka"]["pid"], kill=kill)
    state["kafka"]["pid"] = kafka_engine.start(folder, state["kafka"])
    write(folder, state)


def running(folder: Path) -> State:
    state = read(folder)
    checks: dict[str, Callable[[dict[str, Any]], bool]] = {
        "kafka": lambda k: kafka_engine.running(folder, k["pid"]),
        "postgres": lambda p: postgres_engine.running(p, p["pid"]),
    }
    return {name: engine for name, engine in state.items() if checks[name](engine)}


def up(folder: Path) -> None:
    """Start what does not run yet and print what a developer exports."""
    there = running(folder)
    if not there:
        stop(folder)
    wanted = {"kafka": start_kafka, "postgres": start_postgres}
    missing = start(folder, {name: make for name, make in wanted.items() if name not in there})
    show(folder)
    for name, reason in missing.items():
        print(f"# {name} is left out: {reason}")


def show(folder: Path) -> None:
    there = running(folder)
    if kafka := there.get("kafka"):
        print(f"export KIZASHI_KAFKA=127.0.0.1:{kafka['port']}")
    if postgres := there.get("postgres"):
        print(f"export KIZASHI_DATABASE_URL={postgres_engine.url(postgres, 'kizashi')}")


def run(command: list[str]) -> int:
    """Run a command with private engines, which are stopped whatever happens to it."""
    environment = dict(os.environ)
    wanted: dict[str, Callable[[Path], dict[str, Any]]] = {}
    if not environment.get("KIZASHI_TEST_KAFKA"):
        wanted["kafka"] = start_kafka
    if not environment.get("KIZASHI_TEST_DATABASE_URL"):
        wanted["postgres"] = start_postgres
    child: subprocess.Popen[bytes] | None = None

    def end(number: int, _: FrameType | None) -> None:
        if child is None:
            raise SystemExit(128 + number)
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    with tempfile.TemporaryDirectory(prefix="kizashi-engines-", ignore_cleanup_errors=True) as work:
        folder = Path(work)
        try:
            missing = start(folder, wanted)
            state = read(folder)
            if kafka := state.get("kafka"):
                restart = [sys.executable, str(Path(__file__).resolve()), "restart-kafka", "--state", work]
                environment["KIZASHI_TEST_KAFKA"] = f"127.0.0.1:{kafka['port']}"
                environment["KIZASHI_TEST_KAFKA_RESTART"] = shlex.join(restart)
            if postgres := state.get("postgres"):
                environment["KIZASHI_TEST_DATABASE_URL"] = postgres_engine.url(postgres, "postgres")
            for name, reason in missing.items():
                print(f"engines: {name} is left out: {reason}", file=sys.stderr)
                variable = {"kafka": "KAFKA", "postgres": "DATABASE"}[name]
                environment[f"KIZASHI_TEST_{variable}_MISSING"] = reason
            child = subprocess.Popen(command, env=environment)
            status = child.wait()
        finally:
            stop(folder)
    return status if status >= 0 else 128 - status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("up", "down", "status", "run", "restart-kafka"))
    parser.add_argument("--state", type=Path, default=REPOSITORY / ".local")
    parser.add_argument("--kill", action="store_true")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    given, command = parser.parse_args(words[:cut]), words[cut + 1 :]
    if (given.action == "run") != bool(command):
        parser.error("`run -- CMD...` takes a command, the others do not")
    folder = given.state.resolve()
    try:
        if given.action == "run":
            return run(command)
        if given.action == "up":
            up(folder)
        elif given.action == "down":
            stop(folder)
        elif given.action == "restart-kafka":
            restart_kafka(folder, kill=given.kill)
        else:
            show(folder)
            return 0 if running(folder) else 3
    except (process.Failed, process.Missing) as error:
        print(f"engines: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
