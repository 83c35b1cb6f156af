"""Where a batch may end. In production anywhere; a test setting cuts only at offsets divisible by N."""

from collections.abc import Sequence

from cskit.log import Record


def until_cut(records: Sequence[Record], next_offset: int, every: int | None) -> tuple[Sequence[Record], int | None]:
    """The records to handle now, and the offset to read from again if not all of them are.

    With `every`, a batch runs from one multiple of it to the next; what does not reach the next one waits.
    """
    fresh = [record for record in records if record.offset >= next_offset]
    if every is None or not fresh:
        return fresh, None
    end = (next_offset // every + 1) * every
    if fresh[-1].offset + 1 < end:
        return [], next_offset
    taken = [record for record in fresh if record.offset < end]
    return taken, end if len(taken) < len(fresh) else None
