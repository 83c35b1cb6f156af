"""Placeholders: `{{ path.of.names | fallback }}` inside a text. No logic, and nothing that could run for long."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from playbook.domain.document import Plain

_PLACEHOLDER: Final = re.compile(r"\{\{\s*([a-z_]+(?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*(?:\|([^{}]*))?\}\}")
ROOTS: Final = ("health", "previous", "account", "event", "staff", "task")


def fault(text: str) -> str | None:
    """What is wrong with the placeholders of a text, as a sentence; None if nothing is."""
    rest = _PLACEHOLDER.sub("", text)
    if "{{" in rest or "}}" in rest:
        return "a placeholder reads {{ account.owner | nobody }}: names joined by dots, and a fallback after a bar"
    for found in _PLACEHOLDER.finditer(text):
        root = found.group(1).split(".", 1)[0]
        if root not in ROOTS:
            return f"a placeholder begins with one of {', '.join(ROOTS)}, not with “{root}”"
    return None


def render(value: Plain, view: Mapping[str, Any]) -> Plain:
    """The value with every placeholder filled from `view`.

    A text that is one placeholder keeps the type of what it stands for. What is unknown becomes its fallback, or null
    (inside a longer text nothing).
    """
    if isinstance(value, dict):
        return {key: render(item, view) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, view) for item in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value.strip())
    if whole is not None:
        return _filled(whole, view)
    return _PLACEHOLDER.sub(lambda found: _text(_filled(found, view)), value)


def _filled(found: re.Match[str], view: Mapping[str, Any]) -> Plain:
    value: Any = view
    for name in found.group(1).split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return None if found.group(2) is None else found.group(2).strip()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    filled: Plain = value
    return filled


def _text(value: Plain) -> str:
    return "" if value is None else str(value)
