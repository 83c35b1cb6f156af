"""The flags of `kizashi demo` as values."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cskit.errors import Invalid

DEFAULT_FOLDER: Final = Path("kizashi-demo")
DEFAULT_ACCOUNTS: Final = 200
DEFAULT_DAYS: Final = 120
DEFAULT_SEED: Final = 1
DEFAULT_SPEED: Final = 3600.0  # world seconds in one second
_FASTEST: Final = 7 * 86_400.0
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPEED: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])/s", re.ASCII)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for. None stands for the default, or for what the folder of an earlier demo says.

    folder is one that was named, which is gone on with; None is ./kizashi-demo, which is made anew.
    """

    folder: Path | None = None
    accounts: int | None = None
    days: int | None = None
    seed: int | None = None
    speed: float | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    live: bool = True
    exit_after: float | None = None


def parse_speed(text: str) -> float:
    """World seconds per second of `1h/s`, `30m/s` or `1d/s`. Invalid for anything else, and beyond a week."""
    found = _SPEED.fullmatch(text)
    speed = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < speed <= _FASTEST:
        raise Invalid(
            "invalid_speed", f"“{text}” is no speed. Write how much time passes in a second: 30m/s, 1h/s, 1d/s.",
            field="--speed",
        )  # fmt: skip
    return speed


def speed_text(speed: float) -> str:
    """As it is written: the largest unit that gives a whole number."""
    for unit in ("d", "h", "m"):
        if speed % _SECONDS[unit] == 0:
            return f"{speed / _SECONDS[unit]:g}{unit}/s"
    return f"{speed:g}s/s"
