"""A single-node Apache Kafka (KRaft) from its published jars."""

import shutil
import signal
import subprocess
from pathlib import Path

import engine_process as process
import jars

VERSION = "4.1.0"
SIZE = 9 * 1024 * 1024  # a message of 8 MB and its batch header


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
        "log.dirs": jars.property_value(str(data)),
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
    jars.require_java("Kafka")
    library = jars.fetched(repository, "Kafka", f"kafka-{VERSION}", "pom.xml", "kafka-server-*.jar")
    home = state / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    port = process.free_port()
    controller = process.free_port(taken=port)
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
    return f"-Dlog4j2.configurationFile={(jars.HERE / 'log4j2.xml').as_uri()}"


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
