"""Lists that are longer than one statement holds: PostgreSQL binds 32,767 values."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

AT_ONCE: Final = 1000  # values in one statement


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in their order, as many at a time as go into one statement."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
