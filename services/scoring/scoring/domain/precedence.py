"""Which scorecard counts for an account, of those in force.

One order, everywhere: of all scorecards in force whose condition (`applies_to`) holds for the account, the one with the
highest `precedence` counts; of equal ones the first by id. Exactly one scorecard in force has no condition: the
default. It counts where no condition holds, whatever its precedence. Applying a scorecard without a condition takes
the default's place.

What a core action is follows the default for all accounts, so that facts do not depend on segments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from scoring.domain.scorecard import Scorecard

Applied = Mapping[str, int]  # the scorecards in force: id -> version


class Holds(Protocol):
    """A condition that was compiled; it never raises."""

    def __call__(self, account: Mapping[str, Any], /) -> bool:
        """Whether it holds for an account with these fields."""


@dataclass(frozen=True, slots=True)
class Segmental:
    """A scorecard in force for the accounts of which its condition holds."""

    card: Scorecard
    holds: Holds


class NoDefault(ValueError):
    """Applying this would leave no scorecard without a condition."""


def ordered(cards: Mapping[str, Segmental]) -> tuple[Segmental, ...]:
    """Scorecards with conditions in the order in which they are asked: highest precedence first, then by id."""
    return tuple(sorted(cards.values(), key=lambda each: (-each.card.precedence, each.card.id)))


def applying(applied: Applied, card: Scorecard, cards: Mapping[str, Scorecard]) -> Applied:
    """What is in force once a scorecard is applied. `cards` holds those in force now, by name ("id@version").

    NoDefault if it has a condition and was itself the default.
    """
    kept = {id_: version for id_, version in applied.items() if id_ != card.id}
    if card.applies_to is None:
        kept = {id_: version for id_, version in kept.items() if cards[f"{id_}@{version}"].applies_to is not None}
    elif all(cards[f"{id_}@{version}"].applies_to is not None for id_, version in kept.items()):
        raise NoDefault(f"{card.name} has a condition, and without {card.id} no scorecard would have none")
    return {**kept, card.id: card.version}
