"""Where a batch may end. In production anywhere; a test setting cuts only at offsets divisible by N."""

from bisect import bisect_left
from collections.abc import Sequence

from cskit.log import Record, Records


def until_cut(records: Sequence[Record], next_offset: int, every: int | None) -> tuple[Records, int | None]:
    """The records to handle now, and the offset to read from again if not all of them are. There is at least one.

    With `every`, a batch runs from one multiple of it to the next; what does not reach the next one waits.
    """
    fresh = Records.of(records)
    fresh = fresh.between(bisect_left(fresh.offsets, next_offset), len(fresh))
    if every is None or not fresh:
        return fresh, None
    end = (next_offset // every + 1) * every
    if int(fresh.offsets[-1]) + 1 < end:
        return fresh.between(0, 0), next_offset
    taken = fresh.between(0, bisect_left(fresh.offsets, end))
    return taken, end if len(taken) < len(fresh) else None
