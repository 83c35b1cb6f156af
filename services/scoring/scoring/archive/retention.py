"""What of cs.customer-events the log may let go of."""

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from cskit.db import Database
from cskit.log import Log
from cskit.observability import get_logger
from cskit.retention import KeepAll
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable
from scoring.archive.reading import archived_ends
from scoring.archive.writing import GROUP
from scoring.tables import PLUMBING

log = get_logger()


async def until(database: Database, of: Log, root: ArchiveRoot, groups: Sequence[str]) -> Mapping[int, int]:
    """Before which offset of each partition all is in a file, the database says so, and these groups have read it.

    Raises KeepAll where the archive does not answer or holds another topic's records, LogError, DatabaseUnavailable.
    """
    id_ = str(await of.topic_id(CUSTOMER_EVENTS))
    try:
        in_files = await asyncio.to_thread(archived_ends, root, id_)
    except ArchiveUnreachable as error:
        raise KeepAll(str(error)) from error
    places = {group: await _places(database, group, id_) for group in (GROUP, *groups)}
    for number, end in in_files.items():
        if end < places[GROUP].get(number, 0):
            log.warning("archive.gap", partition=number, until=end, archived=places[GROUP][number])
    return {number: min(end, *(each.get(number, 0) for each in places.values())) for number, end in in_files.items()}


async def _places(database: Database, group: str, topic_id: str) -> dict[int, int]:
    """The next offsets of a group in this very topic."""
    table = PLUMBING.consumer_offsets
    mine = (table.c.consumer_group == group) & (table.c.topic == CUSTOMER_EVENTS) & (table.c.topic_id == topic_id)
    rows = await database.fetch(select(table.c.partition, table.c.next_offset).where(mine))
    return {row.partition: row.next_offset for row in rows}
