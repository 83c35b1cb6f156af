"""Usage events by columns: many at once, and no object is made of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cskit.slices import Ints, Slices
from cskit.texts import Column

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Rows = NDArray[np.bool_] | Ints | slice


@dataclass(frozen=True, slots=True)
class UsageColumns:
    """Usage events of one partition in the order of the log; equal places belong together.

    places: where each was in what was read. ids are UTF-8. times and received are microseconds since 1970.
    """

    places: Ints
    accounts: Column
    names: Column
    persons: Column
    sources: Column
    ids: Slices
    counts: Ints
    times: Ints
    received: Ints

    def __len__(self) -> int:
        return len(self.places)

    def where(self, chosen: NDArray[np.bool_]) -> "UsageColumns":
        """Those that are chosen."""
        return self if chosen.all() else self.at(chosen)

    def between(self, first: int, end: int) -> "UsageColumns":
        """Those from one place of the columns up to another."""
        return self if first == 0 and end == len(self) else self.at(slice(first, end))

    def at(self, rows: Rows) -> "UsageColumns":
        """Those of these rows."""
        return UsageColumns(
            places=self.places[rows],
            accounts=self.accounts.at(rows),
            names=self.names.at(rows),
            persons=self.persons.at(rows),
            sources=self.sources.at(rows),
            ids=self.ids.at(rows),
            counts=self.counts[rows],
            times=self.times[rows],
            received=self.received[rows],
        )


def in_order(parts: Sequence[UsageColumns]) -> UsageColumns:
    """All of these, of one reader, in the order of their places; there is at least one."""
    if len(parts) == 1:
        whole = parts[0]
    else:
        whole = UsageColumns(
            places=np.concatenate([part.places for part in parts]),
            accounts=Column.joined([part.accounts for part in parts]),
            names=Column.joined([part.names for part in parts]),
            persons=Column.joined([part.persons for part in parts]),
            sources=Column.joined([part.sources for part in parts]),
            ids=Slices.joined([part.ids for part in parts]),
            counts=np.concatenate([part.counts for part in parts]),
            times=np.concatenate([part.times for part in parts]),
            received=np.concatenate([part.received for part in parts]),
        )
    ascending = (whole.places[1:] > whole.places[:-1]).all()
    return whole if ascending else whole.at(np.argsort(whole.places, kind="stable"))


def moment(microseconds: int) -> datetime:
    """The moment that is so many microseconds after the beginning of 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)
