"""Reading the archive back."""

from collections.abc import Iterator

from csmodels.topics import PARTITIONS
from scoring.archive.columns import ArchivedRecord, decoded
from scoring.archive.files import ArchiveFile, FileGone, end_of, in_order
from scoring.archive.place import ArchiveRoot, check_topic


def read_events(root: ArchiveRoot, partition: int, *, from_offset: int = 0) -> Iterator[ArchivedRecord]:
    """What is archived of a partition of cs.customer-events from an offset on: in order, each offset once.

    As the log had it: repeats and poison are in it, so parse and drop doubles as the runner does (or use what
    scoring.rebuilding offers). What was appended lately (up to a quarter of an hour, or while the archive lags) is on
    the log only: read on there from archived_ends. Blocks; call it in a thread. Of an erased account only what came
    after its erasure is left, the record that says so, and one like it for each event of the week before.

    ArchiveDamaged names the file or the offsets that are missing; ArchiveUnreachable if the place does not answer.
    """
    place = root.open()
    wanted = from_offset
    gone: ArchiveFile | None = None
    while True:
        try:
            for file, first in in_order(place.files(partition), wanted, place.where):
                for record in decoded(place, file, first):
                    yield record
                    wanted = record.offset + 1
                wanted = file.last + 1
            return
        except FileGone as error:  # merged into a larger one meanwhile, most likely: then that one is listed now
            if error.file == gone:
                raise
            gone = error.file


def archived_ends(root: ArchiveRoot, topic_id: str | None = None) -> dict[int, int]:
    """The offset of each partition up to which its files have no gap: from there on the log has it. Blocks.

    With the id of the log's topic: ArchiveOfAnotherTopic if the files are of another.
    """
    place = root.open()
    if topic_id is not None:
        check_topic(place, topic_id)
    return {number: end_of(place.files(number)) for number in range(PARTITIONS)}
