"""Node.js clients for tests, installed once into .tools/node by npm and run from there."""

import asyncio
import fcntl
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DRIVERS = REPOSITORY / "tests" / "clients" / "node"
HOME = REPOSITORY / ".tools" / "node"
OLDEST = 18  # the clients ask for 20, and work with what Debian 12 has
INSTALL_SECONDS = 100  # less than a test may take


def _missing() -> str | None:
    absent = [name for name in ("node", "npm") if shutil.which(name) is None]
    if absent:
        return f"there is no {' and no '.join(absent)} here: apt-get install nodejs npm"
    said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    found = re.fullmatch(r"v(\d+)\..*", said.stdout.strip())
    if found is None or int(found[1]) < OLDEST:
        return f"Node.js is {said.stdout.strip() or 'broken'} here; the clients need {OLDEST} or newer"
    return None


MISSING = _missing()


class Missing(Exception):
    """The clients cannot be installed here; it says why."""


def prepare() -> None:
    """Install the clients of the lock file, and the drivers beside them, where they are not yet. Raises Missing."""
    if MISSING is not None:
        raise Missing(MISSING)
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        _install()
        for driver in DRIVERS.glob("*.mjs"):
            copy = HOME / driver.name
            if not copy.exists() or copy.read_bytes() != driver.read_bytes():
                shutil.copyfile(driver, copy)


def _install() -> None:
    wanted = [DRIVERS / "package.json", DRIVERS / "package-lock.json"]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in wanted)).hexdigest()
    stamp = HOME / "installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    stamp.unlink(missing_ok=True)
    for file in wanted:
        shutil.copyfile(file, HOME / file.name)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(npm, cwd=HOME, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS)
    except subprocess.TimeoutExpired:
        raise Missing(f"npm was not done within {INSTALL_SECONDS} s") from None
    if done.returncode:
        reason = (done.stderr + done.stdout).strip().splitlines()[:1]
        raise Missing(f"npm could not install the clients: {' '.join(reason) or done.returncode}")
    stamp.write_text(digest)


async def ready() -> None:
    """As prepare, without holding up what runs beside it."""
    await asyncio.to_thread(prepare)


def command(driver: str) -> list[str]:
    """How the driver of this name is started, once prepared."""
    return ["node", str(HOME / f"{driver}.mjs")]
