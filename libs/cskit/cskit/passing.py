"""Records that were read and of which nothing was wanted: they change nothing but offsets, and those can wait.

What the database has of a partition may lag behind what was read, never lead: who takes the partition over reads them
again, and passes them over again.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from cskit.claims import Claim
from cskit.log import Partition
from cskit.reading import Reading

_WRITE_EVERY: Final = 1.0  # seconds


def changes_nothing(reading: Reading) -> bool:
    """Whether nothing but offsets would be written of it."""
    return not (reading or reading.letters or any(reading.taken.new.values()))


class Passed:
    """How far a worker has read beyond the claims that the database has."""

    def __init__(self) -> None:
        self._claims: dict[Partition, Claim] = {}
        self._since = 0.0

    def __bool__(self) -> bool:
        return bool(self._claims)

    @property
    def claims(self) -> Mapping[Partition, Claim]:
        """The claims that are to be written, as they will be then."""
        return self._claims

    @property
    def is_due(self) -> bool:
        """Whether the first of them has waited for long enough."""
        return bool(self._claims) and asyncio.get_running_loop().time() - self._since >= _WRITE_EVERY

    def beyond(self, claim: Claim) -> Claim:
        """Where this claim has got to."""
        return self._claims.get(claim.partition, claim)

    def note(self, claims: Iterable[Claim]) -> None:
        """These have moved on, and nothing else is to be written of it."""
        if not self._claims:
            self._since = asyncio.get_running_loop().time()
        self._claims |= {claim.partition: claim for claim in claims}

    def forget(self, partitions: Iterable[Partition]) -> None:
        """What waits of these is written, or no longer this worker's."""
        for partition in partitions:
            self._claims.pop(partition, None)
