"""From the section `watch` of a scorecard's document to its terms. Every field may be left out."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from scoring.domain.document import InvalidDocument, Section
from scoring.domain.watch import TERMS, WatchTerms

MOST_WEEKS: Final = 16  # lie within the months that are at hand for a score
_RANGES: Final[dict[str, tuple[float, float]]] = {
    "k": (0, 10), "h": (0.1, 100), "most": (0.1, 100), "noise": (0, 10), "noise_weeks": (0, 1000),
    "least_noise": (0.01, 10), "fewest": (0, 1_000_000), "good": (0, 100), "weak": (0, 100),
}  # fmt: skip
_WHOLES: Final = ("baseline_weeks", "watched_weeks", "fewest_relations")


def watch_terms(section: Section | None) -> WatchTerms:
    """The terms of a section; the usual ones where it, or a field, is not there. Raises InvalidDocument."""
    if section is None:
        return TERMS
    numbers: dict[str, Any] = {name: section.number(name, *span) for name, span in _RANGES.items() if section.has(name)}
    wholes: dict[str, Any] = {name: section.whole(name, 1, MOST_WEEKS) for name in _WHOLES if section.has(name)}
    relations = section.texts("relations") if section.has("relations") else TERMS.relations
    terms = replace(TERMS, relations=relations, **wholes, **numbers)
    if terms.weeks > MOST_WEEKS:
        what = f"baseline_weeks and watched_weeks are {terms.weeks} together"
        raise InvalidDocument(section.where("baseline_weeks"), what, f"Write numbers of at most {MOST_WEEKS} in all.")
    section.done()
    return terms


def check_relations(terms: WatchTerms, measures: Collection[str]) -> None:
    """Raises InvalidDocument if a relation is none of the measures; the usual ones may be."""
    for number, name in enumerate(terms.relations):
        if name not in measures and name not in TERMS.relations:
            what = f"{name!r} is no measure of this scorecard"
            raise InvalidDocument(f"watch.relations.{number}", what, "Name measures that it has.")
