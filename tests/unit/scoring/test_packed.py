"""People of a month as bytes: newcomers move the numbers of all others, and nobody is taken for somebody else."""

from random import Random
from uuid import UUID

import pytest

from scoring.engine.facts import Feature
from scoring.engine.packed import Names, key_of


def person(number: int) -> str:
    return str(UUID(int=number << 64))


def names_of(dice: Random, people: list[int]) -> dict[str, Feature]:
    """A few names that were used on some days, by one or two people each."""
    found = {}
    for name in ("login", "export", "search"):
        days = {}
        for day in sorted(dice.sample(range(1, 32), dice.randrange(12))):
            some = sorted({dice.choice(people), dice.choice(people)})
            days[day] = tuple(map(person, some))
        found[name] = Feature((1,) * 31, days)
    return found


# a number is one byte of up to 256 people, and two of more
@pytest.mark.parametrize("before", [1, 20, 255, 256, 257])
@pytest.mark.parametrize("newcomers", [0, 1, 2, 60, 300])
def test_who_used_a_name_stays_the_same_when_others_come(before: int, newcomers: int) -> None:
    dice = Random(before * 1_000 + newcomers)
    everybody = dice.sample(range(1, 10_000), before + newcomers)
    known, all_ = sorted(everybody[:before]), sorted(everybody)
    plain = names_of(dice, known)

    packed = Names.of(plain, b"".join(key_of(person(number)) for number in known))
    moved = Names.of(packed, b"".join(key_of(person(number)) for number in all_))

    assert {name: Feature(each.counts, dict(each.people.items())) for name, each in moved.items()} == plain
    assert moved == Names.of(plain, moved.ids)
