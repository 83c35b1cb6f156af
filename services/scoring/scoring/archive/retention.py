"""What of cs.customer-events the log may let go of."""

import asyncio
from collections.abc import Mapping, Sequence

from cskit.db import Database
from cskit.log import Partition
from cskit.retention import KeepAll
from cskit.runner import read_offsets
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.archive.files import ArchiveDamaged
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable
from scoring.archive.reading import archived_until
from scoring.archive.writing import GROUP
from scoring.tables import PLUMBING


async def until(database: Database, root: ArchiveRoot, groups: Sequence[str]) -> Mapping[int, int]:
    """Before which offset of each partition all is in a file, the database says so, and these groups have read it.

    Raises KeepAll where the archive does not answer, DatabaseUnavailable.
    """
    places = [await read_offsets(database, PLUMBING, group) for group in (GROUP, *groups)]
    found = {}
    for number in range(PARTITIONS):
        partition = Partition(CUSTOMER_EVENTS, number)
        try:
            in_files = await asyncio.to_thread(archived_until, root, number)
        except (ArchiveUnreachable, ArchiveDamaged) as error:
            raise KeepAll(str(error)) from error
        found[number] = min(in_files, *(each.get(partition, 0) for each in places))
    return found
