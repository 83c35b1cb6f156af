"""Java programs from their published jars: Maven fetches what a pom pins, once, into .local or the user's cache."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import engine_process as process

HERE = Path(__file__).resolve().parent


def require_java(name: str) -> None:
    """Missing when this machine cannot run Java 17; needs no network."""
    if shutil.which("java") is None:
        raise process.Missing("there is no `java` (17 or newer) in PATH")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if found is None or int(found[1]) < 17:
        raise process.Missing(f"{name} needs Java 17 or newer")


def fetched(repository: Path, name: str, folder: str, pom: str, main: str) -> Path:
    """The folder of jars, fetched with Maven at the first call. Missing when they cannot be had.

    `main` is a pattern that one of the jars matches; `folder` has the version in its name.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kizashi"
    places = [repository / ".local", cache]
    for place in places:
        if any((place / folder).glob(main)):
            return place / folder
    if shutil.which("mvn") is None:
        raise process.Missing(f"{name}'s jars are not here yet and there is no `mvn` in PATH to fetch them")
    home = next(p for p in places if os.access(p if p.exists() else p.parent, os.W_OK) or p is cache)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as work:
        library = Path(work, "lib")
        mvn = ["mvn", "-q", "-B", "-f", str(HERE / pom), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*mvn, f"-DoutputDirectory={library}"], capture_output=True, text=True, check=False, cwd=work, timeout=600
        )
        if done.returncode:
            reason = (done.stdout + done.stderr).strip().splitlines()[:1]
            raise process.Missing(f"Maven could not fetch {name}'s jars: {' '.join(reason) or done.returncode}")
        try:
            library.rename(home / folder)
        except OSError:  # another run was first
            if not (home / folder).exists():
                raise
    return home / folder


def property_value(text: str) -> str:
    """Escaped for a Java properties file, which is Latin-1."""
    return text.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")
