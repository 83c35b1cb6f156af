"""Reads the parts of a document and collects the mistakes, so that a person sees all of them at once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from csmodels.ids import is_code
from playbook.domain.definition import LANGUAGES, Condition, Texts
from playbook.domain.document import Field, Mistake, Node, Place, nearest

_DURATION: Final = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,4})W)?(?:([0-9]{1,4})D)?(?:T(?=[0-9])(?:([0-9]{1,4})H)?(?:([0-9]{1,4})M)?)?"
)
_BUSINESS_DAYS: Final = re.compile(r"([0-9]{1,3}) business days?( before)?")
LONGEST_TEXT: Final = 4000


class Reader:
    """Every method answers the value, or None after it has noted a mistake."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []

    def wrong(self, at: Place, path: str, message: str) -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(at, path, message))

    def mapping(
        self, node: Node, path: str, known: Iterable[str], *, required: Iterable[str] = (), later: Iterable[str] = ()
    ) -> Mapping[str, Field]:
        """The fields of a mapping that are known. `later` names what the language has and this version has not."""
        what = f"“{path}”" if path else "A playbook"
        if not isinstance(node.value, Mapping):
            self.wrong(node.at, path, f"{what} is a mapping of {', '.join(known)}, not {node.kind()}.")
            return {}
        known, later = tuple(known), tuple(later)
        for key, field in node.value.items():
            if key in later:
                self.wrong(field.at, _join(path, key), f"“{key}” is not available in this version; leave it out.")
            elif key not in known:
                inside = f" of “{path}”" if path else ""
                self.wrong(field.at, _join(path, key), f"“{key}” is no key{inside}. {nearest(key, known)}")
        for key in required:
            if key not in node.value:
                self.wrong(node.at, _join(path, key), f"{what} lacks “{key}”; add it.")
        return {key: field for key, field in node.value.items() if key in known}

    def items(self, node: Node, path: str) -> Sequence[Node]:
        """The items of a list."""
        if isinstance(node.value, Sequence) and not isinstance(node.value, str):
            return node.value
        self.wrong(node.at, path, f"“{path}” is a list, each item behind a “- ”; found {node.kind()}.")
        return ()

    def text(self, node: Node, path: str) -> str | None:
        """A text that is not empty."""
        if isinstance(node.value, str) and node.value.strip() and len(node.value) <= LONGEST_TEXT:
            return node.value
        self.wrong(node.at, path, f"“{path}” is a text of 1 to {LONGEST_TEXT} characters, not {_short(node)}.")
        return None

    def code(self, node: Node, path: str) -> str | None:
        """An id that people choose."""
        if isinstance(node.value, str) and is_code(node.value):
            return node.value
        self.wrong(node.at, path, f"“{path}” has 1 to 64 of a-z, 0-9, “_”, “.” and “-”; found {_short(node)}.")
        return None

    def choice(self, node: Node, path: str, known: Iterable[str]) -> str | None:
        """One of a few names."""
        known = tuple(known)
        if isinstance(node.value, str) and node.value in known:
            return node.value
        hint = nearest(node.value, known) if isinstance(node.value, str) else f"Possible here: {', '.join(known)}."
        self.wrong(node.at, path, f"{_short(node)} is no “{path}”. {hint}")
        return None

    def flag(self, node: Node, path: str) -> bool | None:
        """true or false."""
        if isinstance(node.value, bool):
            return node.value
        self.wrong(node.at, path, f"“{path}” is true or false, not {_short(node)}.")
        return None

    def count(self, node: Node, path: str) -> int | None:
        """A whole number above 0."""
        if isinstance(node.value, int) and not isinstance(node.value, bool) and 0 < node.value < 10**6:
            return node.value
        self.wrong(node.at, path, f"“{path}” is a whole number from 1 on, not {_short(node)}.")
        return None

    def duration(self, node: Node, path: str) -> timedelta | None:
        """An ISO 8601 duration of weeks, days, hours and minutes."""
        found = _DURATION.fullmatch(node.value) if isinstance(node.value, str) else None
        if found is None:
            self.wrong(node.at, path, f"“{path}” is a duration such as P30D, P2W or PT12H, not {_short(node)}.")
            return None
        weeks, days, hours, minutes = (int(part or 0) for part in found.groups())
        return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)

    def business_days(self, node: Node, path: str, *, before: bool = False) -> int | None:
        """`2 business days`, or with `before` `1 business day before`."""
        found = _BUSINESS_DAYS.fullmatch(node.value) if isinstance(node.value, str) else None
        least = 1 if before else 0
        if found is not None and bool(found.group(2)) == before and int(found.group(1)) >= least:
            return int(found.group(1))
        example = "1 business day before" if before else "2 business days"
        self.wrong(node.at, path, f"“{path}” reads like “{example}”; found {_short(node)}.")
        return None

    def texts(self, node: Node, path: str) -> Texts | None:
        """A text in at least one of the languages."""
        fields = self.mapping(node, path, LANGUAGES)
        texts = {language: self.text(field.node, f"{path}.{language}") for language, field in fields.items()}
        if isinstance(node.value, Mapping) and not fields:
            self.wrong(node.at, path, f"“{path}” needs a text in one language at least: {{en: ..., ja: ...}}.")
        return {language: text for language, text in texts.items() if text is not None} or None

    def condition(self, node: Node, path: str) -> Condition | None:
        """A CEL expression; `true` and `false` may stand without quotes. Checked when it is compiled."""
        if isinstance(node.value, bool):
            return Condition("true" if node.value else "false", node.at, path)
        text = self.text(node, path)
        return None if text is None else Condition(text, node.at, path)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _short(node: Node) -> str:
    kind = node.kind()
    return kind if len(kind) <= 80 else f"{kind[:77]}…”"
