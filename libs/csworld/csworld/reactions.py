"""How owners deal with the tasks that playbooks give them."""

from dataclasses import dataclass
from datetime import timedelta

from csworld.dice import dice
from csworld.fates import Fate

REACHED = "reached"
NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Reaction:
    """A task is completed `after` so much working time (2-20 hours) with an outcome; "" is never.

    touch: the owner spoke with the customer, so a two-way call is to be recorded.
    """

    after: timedelta
    outcome: str
    touch: bool


def reaction(seed: int, task_id: str, account: str, fate: Fate) -> Reaction:
    """The reaction to a task, told by its id; owners of neglected customers seldom reach them."""
    random = dice(seed, "reaction", account, task_id)
    after = timedelta(minutes=random.randint(120, 1200))
    reached, no_answer = (0.15, 0.5) if fate.storyline == "neglected" else (0.72, 0.94)
    throw = random.random()
    outcome = REACHED if throw < reached else NO_ANSWER if throw < no_answer else ""
    return Reaction(after, outcome, touch=outcome == REACHED)
