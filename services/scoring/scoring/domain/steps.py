"""Work in steps, so that many can be worked on side by side: each takes a step before any takes the next one.

One account after the other makes the processor fetch all the code there is for each of them. Step by step the same few
functions are run for all, which takes two thirds of the time (docs/adr/0023).
"""

from collections.abc import Generator, Iterable, Iterator
from typing import Final, Generic, TypeVar

_TURN: Final = 8  # steps

T = TypeVar("T")

Steps = Generator[None, None, T]


def finished(steps: Steps[T]) -> T:
    """What comes of work that is done alone."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: T = end.value
            return found


class SideBySide(Generic[T]):
    """Work on many. Iterating does it, and gives others a turn after every few steps. Then `results` has what came of
    each, by its place, and where that is wanted `failed` why nothing came of others; else the first error is raised.
    """

    def __init__(self, several: Iterable[Steps[T]], *, apart: bool = False) -> None:
        self._going = list(enumerate(several))
        self._apart = apart
        self.results: dict[int, T] = {}
        self.failed: dict[int, Exception] = {}

    def __iter__(self) -> Iterator[None]:
        while self._going:
            going = []
            for number, each in enumerate(self._going, start=1):
                try:
                    next(each[1])
                except StopIteration as end:
                    self.results[each[0]] = end.value
                except Exception as error:
                    if not self._apart:
                        raise
                    self.failed[each[0]] = error
                else:
                    going.append(each)
                if not number % _TURN:
                    yield
            self._going = going
            yield
