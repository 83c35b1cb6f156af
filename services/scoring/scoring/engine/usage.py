"""Usage of an account that was counted before it is folded: what its events one by one would count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

Counted = tuple[int, str, int]  # the ordinal of a day, the name of usage, how often
Seen = tuple[int, str, str]  # the ordinal of a day, the name of usage, who


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """The usage of one account in a piece of a partition.

    counts: how often a name, a day. people: who did it, as far as the facts may not know. ids and offsets are the
    newest of all `count`, in the order of the log; time and received are those of the newest, which is the piece's
    `last`. first_offset is that of the first.
    """

    counts: Sequence[Counted]
    people: Sequence[Seen]
    ids: Sequence[str]
    offsets: Sequence[int]
    count: int
    first_offset: int
    last: int
    time: datetime
    received: datetime
