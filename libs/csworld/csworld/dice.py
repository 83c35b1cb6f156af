"""The only source of chance: a generator per purpose, so that nothing depends on what was asked before."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def dice(*purpose: object) -> Random:
    """A generator for this purpose alone: equal texts give equal throws (seeding by text does not use hash())."""
    return Random("/".join(map(str, purpose)))  # noqa: S311 - a made-up world keeps no secrets


def shuffled(random: Random, values: Sequence[T]) -> list[T]:
    """The values in a new order."""
    return random.sample(values, len(values))
