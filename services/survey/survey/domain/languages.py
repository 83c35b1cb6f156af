"""Which of our languages a person reads."""

from typing import Final, Literal

Language = Literal["en", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "ja")


def language_of(tag: str | None) -> Language | None:
    """The language of a locale such as ja-JP or en_GB; None if it is not one of ours."""
    primary = (tag or "").replace("_", "-").partition("-")[0].strip().lower()
    return primary if primary in LANGUAGES else None


def accepted(header: str | None) -> Language | None:
    """The first of our languages by an Accept-Language header (RFC 9110, 12.5.4), the heavier weight first."""
    wanted: list[tuple[float, Language]] = []
    for part in (header or "")[:1_000].split(","):
        tag, _, weight = part.partition(";")
        language = language_of(tag)
        quality = _quality(weight)
        if language is not None and quality > 0:
            wanted.append((quality, language))
    return max(wanted, key=lambda one: one[0])[1] if wanted else None


def chosen(asked: str | None, locale: str | None, header: str | None, default: Language) -> Language:
    """The page's language: what the person switched to, else the invitation's, else the browser's, else ours."""
    return language_of(asked) or language_of(locale) or accepted(header) or default


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
