"""A single-node Apache Kafka (KRaft) from its published jars."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import engine_process as process

VERSION = "4.1.0"
HERE = Path(__file__).resolve().parent
SIZE = 9 * 1024 * 1024  # a message of 8 MB and its batch header


def require() -> None:
    """Missing when this machine cannot run Kafka; needs no network."""
    if shutil.which("java") is None:
        raise process.Missing("there is no `java` (17 or newer) in PATH")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < 17:
        raise process.Missing("Kafka needs Java 17 or newer")


def jars(repository: Path) -> Path:
    """The folder of jars, fetched with Maven at the first call. Missing when they cannot be had."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kizashi"
    places = [repository / ".local", cache]
    for place in places:
        if any((place / f"kafka-{VERSION}").glob("kafka-server-*.jar")):
            return place / f"kafka-{VERSION}"
    if shutil.which("mvn") is None:
        raise process.Missing("Kafka's jars are not here yet and there is no `mvn` in PATH to fetch them")
    home = next(p for p in places if os.access(p if p.exists() else p.parent, os.W_OK) or p is cache)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as work:
        fetched = Path(work, "lib")
        mvn = ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*mvn, f"-DoutputDirectory={fetched}"], capture_output=True, text=True, check=False, cwd=work, timeout=600
        )
        if done.returncode:
            reason = (done.stdout + done.stderr).strip().splitlines()[:1]
            raise process.Missing(f"Maven could not fetch Kafka's jars: {' '.join(reason) or done.returncode}")
        try:
            fetched.rename(home / f"kafka-{VERSION}")
        except OSError:  # another run was first
            if not (home / f"kafka-{VERSION}").exists():
                raise
    return home / f"kafka-{VERSION}"


def property_value(text: str) -> str:
    """Escaped for a Java properties file, which is Latin-1."""
    return text.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")


def settings(data: Path, port: int, controller: int) -> str:
    """The broker's properties: one node, no topics made by accident, messages of 8 MB."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "log.dirs": property_value(str(data)),
        "auto.create.topics.enable": "false",
        "message.max.bytes": str(SIZE),
        "replica.fetch.max.bytes": str(SIZE),
        "default.replication.factor": "1",
        "min.insync.replicas": "1",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
    }
    return "".join(f"{k}={v}\n" for k, v in values.items())


def prepare(state: Path, repository: Path) -> dict[str, int | str]:
    """Choose ports and format the storage; returns what `start` needs. A folder in use before is used again."""
    require()
    library = jars(repository)
    home = state / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    port, controller = process.free_port(), process.free_port()
    (home / "server.properties").write_text(settings(home / "data", port, controller), "ascii")
    if (home / "data" / "meta.properties").exists():
        shutil.rmtree(home / "data")  # the quorum's addresses are in it; a restart keeps the ports, `up` does not
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{library}/*", log4j()]
    tool = ["kafka.tools.StorageTool", "format", "--standalone", "-t", "kizashi-local-kafka-01"]
    done = subprocess.run(
        [*java, *tool, "-c", str(home / "server.properties")], capture_output=True, text=True, check=False, timeout=120
    )
    if done.returncode:
        raise process.Failed(f"Kafka could not format {home / 'data'}:\n{done.stdout}{done.stderr}")
    return {"port": port, "library": str(library)}


def log4j() -> str:
    return f"-Dlog4j2.configurationFile={(HERE / 'log4j2.xml').as_uri()}"


def start(state: Path, known: dict[str, int | str]) -> int:
    """Start the prepared broker and wait until it serves; returns its pid."""
    home = state / "kafka"
    log = home / "server.log"
    marker = str(home / "server.properties")
    pid = process.start(
        ["java", "-Xmx512m", "-cp", f"{known['library']}/*", log4j(), "kafka.Kafka", marker], log, cwd=home
    )

    def ready() -> bool:
        return "Kafka Server started" in log.read_text("utf-8", "replace") and process.answers(int(known["port"]))

    try:
        process.wait_ready("Kafka", pid, marker, ready, log, seconds=60)
    except BaseException:
        stop(state, pid, kill=True)
        raise
    return pid


def running(state: Path, pid: int) -> bool:
    return process.alive(pid, str(state / "kafka" / "server.properties"))


def stop(state: Path, pid: int, *, kill: bool = False) -> None:
    """Stop the broker; with `kill` without warning, as a crash would."""
    marker = str(state / "kafka" / "server.properties")
    process.stop(pid, marker, first=signal.SIGKILL if kill else signal.SIGTERM)
