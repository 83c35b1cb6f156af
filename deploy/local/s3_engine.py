"""An S3-compatible store (S3Proxy, on a folder) from its published jars. It checks signatures; a bucket is a folder."""

import signal
from pathlib import Path

import engine_process as process
import jars

VERSION = "4.1.0"

Known = dict[str, int | str]


def library(repository: Path) -> Path:
    """The folder of jars, fetched at the first call. Missing when this machine cannot have or run them."""
    jars.require_java("S3Proxy")
    return jars.fetched(repository, "S3Proxy", f"s3proxy-{VERSION}", "s3.pom.xml", "s3proxy-*.jar")


def prepare(state: Path, repository: Path, *, access_key: str, secret_key: str) -> Known:
    """Choose a port and write the settings; returns what `start` needs."""
    known: Known = {"port": process.free_port(), "library": str(library(repository))}
    (state / "buckets").mkdir(parents=True)
    values = {
        "s3proxy.endpoint": f"http://127.0.0.1:{known['port']}",
        "s3proxy.authorization": "aws-v4",
        "s3proxy.identity": access_key,
        "s3proxy.credential": secret_key,
        "jclouds.provider": "filesystem-nio2",
        "jclouds.filesystem.basedir": str(state / "buckets"),
    }
    settings = state / "s3proxy.properties"
    settings.touch(mode=0o600)
    settings.write_text("".join(f"{name}={jars.property_value(value)}\n" for name, value in values.items()), "ascii")
    return known


def start(state: Path, known: Known) -> int:
    """Start the prepared store and wait until it serves; returns its pid."""
    log = state / "server.log"
    marker = str(state / "s3proxy.properties")
    java = ["java", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{known['library']}/*"]
    # S3Proxy sends its standard error to the logger: a logger that wrote there would call itself
    said = ["-Dorg.slf4j.simpleLogger.logFile=System.out", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    pid = process.start([*java, *said, "org.gaul.s3proxy.Main", "--properties", marker], log, cwd=state)
    try:
        process.wait_ready("S3Proxy", pid, marker, lambda: process.answers(int(known["port"])), log, seconds=60)
    except BaseException:
        stop(state, pid)
        raise
    return pid


def stop(state: Path, pid: int) -> None:
    """Stop the store without warning, as a crash would. What was put stays."""
    process.stop(pid, str(state / "s3proxy.properties"), first=signal.SIGKILL)
