"""What the pages say: every text in English and Japanese, side by side, by topic."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from console.words import account, accounts, acts, frame, progress, reasons, sources, tasks
from console.words.text import Text

Language = Literal["en", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

_TOPICS: Final = {
    "frame": frame.TEXTS,
    "accounts": accounts.TEXTS,
    "account": account.TEXTS,
    "acts": acts.TEXTS,
    "tasks": tasks.TEXTS,
    "progress": progress.TEXTS,
    "sources": sources.TEXTS,
    "reasons": reasons.TEXTS,
}
TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    {f"{topic}.{name}": text for topic, texts in _TOPICS.items() for name, text in texts.items()}
)


def say(language: Language, key: str, **values: object) -> str:
    """The text `key` ("topic.name") in that language, {braces} filled in. KeyError if there is none.

    With `n` = 1 (or "1") English takes its singular, where the text has one.
    """
    text = TEXTS[key]
    if language == "ja":
        said = text.ja
    else:
        said = text.one if text.one is not None and str(values.get("n")) == "1" else text.en
    return said.format_map(values) if values else said


def say_or(language: Language, key: str, otherwise: str) -> str:
    """The text of a code, such as an outcome that a playbook made up: `otherwise` if nothing is known of it."""
    return say(language, key) if key in TEXTS else otherwise
