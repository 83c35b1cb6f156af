"""The people of a customer, and how much they use the product."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from csworld.dice import dice
from csworld.names import full_names

Role = Literal["payer", "champion", "sponsor", "field_user", "other"]
_KEY_ROLES: Final[tuple[Role, ...]] = ("champion", "payer", "sponsor")
# (least, most) chance to work in the product on a workday, by segment: the larger the house, the rarer each one
_HABITS: Final = {"enterprise": (0.21, 0.35), "mid": (0.32, 0.56), "smb": (0.5, 0.78)}
_PACES: Final = {"enterprise": (1.3, 2.0), "mid": (1.2, 2.1), "smb": (1.2, 2.1)}


@dataclass(frozen=True, slots=True)
class Person:
    """Someone at a customer. user is the customer's own id of them.

    habit is the chance that a workday sees them in the product, pace the core actions of such a day. joins_on: the day
    they are first heard of; None: with the customer.
    """

    user: str
    name: str
    email: str
    role: Role
    locale: Literal["ja", "en"]
    habit: float
    pace: float
    joins_on: date | None = None

    def is_there(self, day: date) -> bool:
        """Whether they have joined."""
        return self.joins_on is None or self.joins_on <= day


def people_of(
    seed: int, number: int, slug: str, segment: str, japanese: bool, joins: list[date | None]
) -> tuple[Person, ...]:
    """The people of customer `number`, one per entry of joins."""
    random = dice(seed, number, "people")
    made: list[Person] = []
    for index, (joins_on, named) in enumerate(zip(joins, full_names(random, japanese), strict=False)):
        role: Role = _KEY_ROLES[index] if index < min(len(_KEY_ROLES), len(joins) - 1) else "field_user"
        if role == "field_user" and random.random() < 0.12:
            role = "other"
        made.append(
            Person(
                user=f"u-{number}-{index + 1}",
                name=named.name,
                email=f"{named.address}@{slug}.example",
                role=role,
                locale="ja" if japanese else "en",
                habit=random.uniform(*_HABITS[segment]),
                pace=random.uniform(*_PACES[segment]),
                joins_on=joins_on,
            )
        )
    return tuple(made)
