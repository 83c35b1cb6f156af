"""kizashi keys: the key file of an embedded data folder, or the one KIZASHI_KEYS names."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from cskit.auth import KeyFile, new_key
from cskit.clock import RealClock
from cskit.errors import Invalid
from cskit.settings import Settings


def _file(settings: Settings) -> KeyFile:
    path = settings.keys or settings.data / "keys.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return KeyFile(Path(path), RealClock())


def make_key(settings: Settings, name: str, scopes: Sequence[str], source: str | None, expires: str | None) -> str:
    """Add a key; its text, which nobody can read again."""
    now = RealClock().now()
    text, entry = new_key(name, scopes, source, now + _days(expires) if expires else None, now)
    _file(settings).add(entry)
    return text


def list_keys(settings: Settings) -> list[dict[str, Any]]:
    """All keys without their secrets."""
    return [
        {
            "id": entry.id,
            "name": entry.name,
            "scopes": " ".join(entry.scopes),
            "source": entry.source or entry.name,
            "created": entry.created.isoformat(),
            "expires": entry.expires.isoformat() if entry.expires else None,
        }
        for entry in _file(settings).list()
    ]


def revoke_key(settings: Settings, name_or_id: str) -> int:
    """Remove a key by its id, or all of a name; how many."""
    return _file(settings).revoke(name_or_id)


def _days(text: str) -> timedelta:
    match = re.fullmatch(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?)?", text)
    if match is None or not any(match.groups()):
        raise Invalid("invalid_duration", f"“{text}” is no duration. Write days like P90D.", field="expires")
    weeks, days, hours = (int(group or 0) for group in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours)
