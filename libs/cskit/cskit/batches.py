"""How many records a batch may have: more where many wait and a batch is done in no time, since what is done once a
batch and account then costs less an event. What waits is not scored sooner by smaller ones.
"""

from typing import Final

FEWEST: Final = 2_000
MOST: Final = 8_000
MOST_BY_COLUMNS: Final = 300_000  # what is read by columns takes a tenth of the memory
SECONDS: Final = 8.0  # that a batch may take; of more than twice that it becomes smaller

_FULL: Final = 0.75  # of what was asked for: what fits whole into a poll of its own is not torn to fill one up


class BatchSize:
    """The records to ask for: never fewer than `fewest`, and more than `most` only where that is less. A batch of
    more than the fewest is not to take much longer than `seconds`.
    """

    def __init__(self, fewest: int = FEWEST, most: int = MOST, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._fewest = fewest
        self._most = max(fewest, most)
        self.records = fewest

    def took(self, count: int, seconds: float) -> None:
        """A batch of so many records took so long."""
        if seconds > 2 * self._seconds:
            self.records = max(self._fewest, self.records // 2)
        elif count >= _FULL * self.records and seconds < self._seconds:
            self.records = min(self._most, 2 * self.records)
