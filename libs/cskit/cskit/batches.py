"""How many records a batch may have: more where many wait and a batch is done in no time, since what is done once a
batch and account then costs less an event. What waits is not scored sooner by smaller ones.
"""

from typing import Final

FEWEST: Final = 2_000
MOST: Final = 8_000
MOST_BY_COLUMNS: Final = 300_000  # what is read by columns takes a tenth of the memory
SECONDS: Final = 8.0  # that a batch may take and grow; of more than twice that it becomes smaller

_FULL: Final = 0.75  # of what was asked for: what fits whole into a poll of its own is not torn to fill one up


class BatchSize:
    """The records to ask for: never fewer than `fewest`, and more than `most` only where that is less. A batch of
    more than the fewest is not to take longer than twice these `seconds`: it only grows where a full one, which may be
    twice as large then, would have taken less than them.
    """

    def __init__(self, fewest: int = FEWEST, most: int = MOST, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._fewest = fewest
        self._most = max(fewest, most)
        self.records = fewest

    def took(self, count: int, seconds: float, *, whole: bool = True) -> None:
        """A batch of so many records took so long; some of it was left for another one unless it was whole."""
        if seconds > 2 * self._seconds or not whole:
            self.records = max(self._fewest, self.records // 2)
        elif count >= _FULL * self.records and seconds * self.records < self._seconds * count:
            self.records = min(self._most, 2 * self.records)
