"""The data folder of a demo: marked, so that no demo deletes another folder and no server goes on with its time."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from allinone.data_folder import DEMO_FILE, LOCK_FILE, FolderUnusable, locked, usable
from allinone.demo.clock import full_hour
from allinone.demo.options import DEFAULT_ACCOUNTS, DEFAULT_DAYS, DEFAULT_SEED, DEFAULT_SPEED, Options
from cskit.errors import Invalid

_KEPT: Final = (LOCK_FILE, DEMO_FILE)  # while a folder is emptied: it is held, and stays a demo's


@dataclass(frozen=True, slots=True)
class Marker:
    """What the world of a folder is made from. Without `loaded` its history is not whole."""

    seed: int
    accounts: int
    days: int
    speed: float  # world seconds in one second
    origin: datetime  # where the history ends and the live days begin; a full hour, in UTC
    loaded: bool = False


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else serves or changes the folder. Raises FolderInUse, FolderUnusable."""
    _check_ours(folder)
    with locked(folder):
        _check_ours(folder)
        yield


def prepared(folder: Path, options: Options, now: datetime) -> Marker:
    """The folder's world, to be called while it is held. Made anew unless the folder was named and is whole.

    Raises Invalid where the flags ask for another world than the one that is gone on with.
    """
    found = read(folder)
    if options.folder is not None and found is not None and found.loaded:
        return _gone_on_with(found, options)
    fresh = Marker(
        seed=DEFAULT_SEED if options.seed is None else options.seed,
        accounts=options.accounts or DEFAULT_ACCOUNTS,
        days=options.days or DEFAULT_DAYS,
        speed=options.speed or DEFAULT_SPEED,
        origin=full_hour(now),
    )
    write(folder, fresh)
    with usable(folder):
        for path in folder.iterdir():
            if path.name not in _KEPT:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return fresh


def read(folder: Path) -> Marker | None:
    """The marker, or None if the folder has none. FolderUnusable if it cannot be understood."""
    with usable(folder):
        try:
            text = (folder / DEMO_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
    try:
        said = json.loads(text)
        return Marker(**{**said, "origin": datetime.fromisoformat(said["origin"])})
    except (ValueError, TypeError, KeyError) as error:
        raise FolderUnusable(
            f"{folder / DEMO_FILE} is damaged. Remove the folder {folder}, or name another with --data."
        ) from error


def write(folder: Path, marker: Marker) -> None:
    """Mark the folder; a crash leaves the marker before or this one."""
    text = json.dumps({**asdict(marker), "origin": marker.origin.isoformat()})
    with usable(folder):
        fresh = folder / f".{DEMO_FILE}"
        with fresh.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(folder / DEMO_FILE)


def loaded(folder: Path, marker: Marker) -> Marker:
    """Mark that the history is whole."""
    whole = replace(marker, loaded=True)
    write(folder, whole)
    return whole


def _check_ours(folder: Path) -> None:
    """A folder that a demo may empty holds its marker, or nothing yet."""
    with usable(folder):
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if names - {LOCK_FILE, f".{DEMO_FILE}"} and DEMO_FILE not in names:
        raise FolderUnusable(
            f"The folder {folder} is not a demo's, so it is left as it is. Name another one with --data."
        )


def _gone_on_with(found: Marker, options: Options) -> Marker:
    for name in ("seed", "accounts", "days"):
        asked, has = getattr(options, name), getattr(found, name)
        if asked is not None and asked != has:
            raise Invalid(
                "another_world",
                f"The demo in {options.folder} was made with --{name} {has}, and goes on with it. "
                f"Leave --{name} out, or name another folder with --data.",
                field=f"--{name}",
            )
    return found if options.speed is None else replace(found, speed=options.speed)
