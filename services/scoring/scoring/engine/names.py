"""Which names of usage events are used most: what key features are, until they are named."""

from collections import Counter
from collections.abc import Iterable

from scoring.domain.actions import CoreActions
from scoring.engine.facts import Facts


def counted(facts: Iterable[Facts]) -> Counter[str]:
    """How often each name was used in the months that are loaded."""
    counts: Counter[str] = Counter()
    for each in facts:
        for month in each.months.values():
            for name, feature in month.names.items():
                counts[name] += sum(feature.counts)
    return counts


def most_used(counts: Counter[str], actions: CoreActions) -> tuple[str, ...]:
    """The most used names that are core actions, as many as there are key features; among equals by name."""
    core = [(count, name) for name, count in counts.items() if count > 0 and actions.is_core(name)]
    ranked = sorted(core, key=lambda each: (-each[0], each[1]))
    return tuple(name for _, name in ranked[: actions.key_feature_count])
