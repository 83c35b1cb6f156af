"""What was made of slow facts and may be used again. It is kept with them, so it goes when they go."""

from typing import TYPE_CHECKING, Any

from scoring.engine.facts import SlowFacts

if TYPE_CHECKING:
    from scoring.domain.watch import Decline
    from scoring.engine.still import Lull, Still


class Kept:
    """The newest of each kind; whoever reads one sees for himself whether it is of what he asks for.

    Nothing here may hold the facts themselves: they would only go when the garbage collector comes by.
    """

    __slots__ = ("decline", "lull", "still")

    def __init__(self) -> None:
        self.lull: Lull | None = None
        self.still: Still | None = None
        self.decline: tuple[object, Decline | None] | None = None


def kept(slow: SlowFacts) -> Kept:
    """What is kept of these very facts (not of equal ones)."""
    beside: dict[str, Any] = slow.__dict__
    found: Kept | None = beside.get("kept")
    if found is None:
        found = beside["kept"] = Kept()
    return found
