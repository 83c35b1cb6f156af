"""The form of a text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One text in each language; `one` is English for n = 1, where it differs."""

    en: str
    ja: str
    one: str | None = None
