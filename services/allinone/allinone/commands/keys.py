"""kizashi keys: the key file of an embedded data folder, or the one KIZASHI_KEYS names."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from allinone.data_folder import running_server, usable
from cskit.auth import KeyFile, new_key
from cskit.clock import RealClock
from cskit.errors import Invalid
from cskit.platform import check_exists, key_file
from cskit.settings import Settings

_WHY_401: Final = "A server that reads another one answers 401 to this key."


def _existing(settings: Settings) -> Path:
    path = key_file(settings)
    if settings.keys is None:
        check_exists(settings)
    return path


def make_key(
    settings: Settings,
    name: str,
    scopes: Sequence[str],
    sources: Sequence[str] | None,
    expires: str | None,
    rate: float | None = None,
    daily: int | None = None,
    *,
    origins: Sequence[str] | None = None,
) -> str:
    """Add a key; its text, which nobody can read again. `sources` and `origins` are as new_key has them."""
    now = RealClock().now()
    path = key_file(settings)
    until = _after(now, expires) if expires else None
    text, entry = new_key(name, scopes, sources, until, now, origins=origins, rate=rate, daily=daily)
    with usable(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        KeyFile(path, RealClock()).add(entry)
    return text


@dataclass(frozen=True, slots=True)
class Place:
    """Where keys are written to, as it is before one is: `named_by` is the option or the variable that chose it."""

    path: Path
    named_by: str
    is_new: bool
    idle_folder: Path | None  # whose server would read it, if one ran

    def told(self) -> list[str]:
        """Lines for who made a key, and may have made it in the wrong place."""
        lines = [f"Written to {self.path} ({self.named_by})."]
        if self.is_new:
            lines.append(f"That file is new. {_WHY_401}")
        if self.idle_folder is not None:
            lines.append(
                f"No server runs on that folder. Run: kizashi serve --data {shlex.quote(str(self.idle_folder))}"
            )
        return lines


def place_of(settings: Settings, option: Path | None, environment: Mapping[str, str]) -> Place:
    """Where make_key writes to; `option` is what --data said. SettingsError as from key_file."""
    path = key_file(settings).absolute()
    if settings.keys is not None:
        named_by = "KIZASHI_KEYS" if option is None else "KIZASHI_KEYS, which goes before --data"
    elif option is not None:
        named_by = "--data"
    else:
        named_by = "KIZASHI_DATA" if environment.get("KIZASHI_DATA") else "neither --data nor KIZASHI_DATA is set"
    is_idle = settings.keys is None and running_server(settings.data) is None
    return Place(path, named_by, not path.exists(), path.parent if is_idle else None)


def pages_of(origins: Sequence[str], *, browser: bool) -> Sequence[str] | None:
    """The origins of a browser key; None for a server's, which has none. Raises Invalid."""
    if origins and not browser:
        raise Invalid("not_a_browser_key", "--origin is for browser keys only: add --browser.", field="origins")
    return origins if browser else None


def list_keys(settings: Settings) -> list[dict[str, Any]]:
    """All keys without their secrets."""
    return [
        {
            "id": entry.id,
            "name": entry.name,
            "scopes": " ".join(entry.scopes),
            "source": " ".join(entry.sources),
            "origins": " ".join(entry.origins) or None,
            "created": entry.created.isoformat(),
            "expires": entry.expires.isoformat() if entry.expires else None,
            "rate": entry.rate,
            "daily": entry.daily,
        }
        for entry in KeyFile(_existing(settings), RealClock()).list()
    ]


def revoke_key(settings: Settings, name_or_id: str) -> int:
    """Remove a key by its id, or all of a name; how many."""
    path = _existing(settings)
    with usable(path.parent):
        return KeyFile(path, RealClock()).revoke(name_or_id)


def _after(now: datetime, text: str) -> datetime:
    match = re.fullmatch(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?)?", text, re.ASCII)
    if match is None or not any(match.groups()):
        raise Invalid("invalid_duration", f"“{text}” is no duration. Write days like P90D.", field="expires")
    try:
        weeks, days, hours = (int(group or 0) for group in match.groups())
        until = now + timedelta(weeks=weeks, days=days, hours=hours)
    except (OverflowError, ValueError):
        raise Invalid("invalid_duration", f"“{text}” is beyond the calendar.", field="expires") from None
    if until == now:
        raise Invalid("invalid_duration", f"“{text}” is no time: the key would never be valid.", field="expires")
    return until
