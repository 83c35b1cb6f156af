"""What a core action is: by the name of a usage event."""

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class CoreActions:
    """Names of usage events: those that are no core action, those that alone are (if any), and the key features.

    Names in not_core are compared without case, spaces and punctuation, and `*` stands for anything.
    """

    not_core: tuple[str, ...]
    core: tuple[str, ...]
    key_features: tuple[str, ...]

    def is_core(self, name: str) -> bool:
        """Whether an event of this name is a core action."""
        if self.core:
            return name in self._named
        return self._pattern.fullmatch(_plain(name)) is None

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(self.core)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(
            "|".join(".*".join(map(re.escape, map(_plain, n.split("*")))) for n in self.not_core) or "(?!)"
        )


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
