"""What a core action is, and what the key features are: by the names of usage events."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class CoreActions:
    """Names of usage events: those that are no core action, those that alone are (if any), and the key features.

    Names in not_core are compared without case, spaces and punctuation, and `*` stands for anything. Until key
    features are named, an account's key_feature_count most used names stand in. entitled: the key features of a plan
    that does not include all.
    """

    not_core: tuple[str, ...]
    core: tuple[str, ...]
    key_features: tuple[str, ...]
    key_feature_count: int = 8
    entitled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def entitled_to(self, plan: str | None) -> tuple[str, ...]:
        """The key features that accounts of a plan may use."""
        return self.entitled.get(plan or "", self.key_features)

    def is_core(self, name: str) -> bool:
        """Whether an event of this name is a core action."""
        return self.tells(name)

    @cached_property
    def tells(self) -> Callable[[str], bool]:
        """The same, for who asks of many."""
        if self.core:
            return frozenset(self.core).__contains__
        pattern = self._pattern
        return lru_cache(maxsize=4096)(lambda name: pattern.fullmatch(_plain(name)) is None)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(
            "|".join(".*".join(map(re.escape, map(_plain, n.split("*")))) for n in self.not_core) or "(?!)"
        )


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
