"""Names of the archive's files: partition and offsets, so that a file written again replaces itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from csmodels.topics import CUSTOMER_EVENTS

_NAME: Final = re.compile(r"(\d{20})-(\d{20})\.parquet")


TOPIC: Final = f"{CUSTOMER_EVENTS}/topic-id"  # the file that says which topic the others are of


class ArchiveDamaged(Exception):
    """The archive cannot be read as it is: the text names the file or the offsets, and says what to do."""


@dataclass(frozen=True, slots=True, order=True)
class ArchiveFile:
    """A file that holds what the log had of a partition from offset `first` to `last`, both of them included."""

    partition: int
    first: int
    last: int

    @property
    def span(self) -> int:
        """How many offsets it covers."""
        return self.last - self.first + 1

    @property
    def name(self) -> str:
        """Its path below the root: cs.customer-events/partition=03/<first>-<last>.parquet."""
        return f"{folder(self.partition)}/{self.first:020d}-{self.last:020d}.parquet"


class FileGone(ArchiveDamaged):
    """A file that was listed is not there any more: merged into a larger one meanwhile, or lost."""

    def __init__(self, where: str, file: ArchiveFile) -> None:
        super().__init__(
            f"{where}: the file {file.name} is gone from the archive. Put it back from a copy of the archive."
        )
        self.file = file


class Erased(NamedTuple):
    """An account.erased at an offset of its partition; source and id tell a repeat from a second one."""

    account: str
    source: str
    id: str
    offset: int


def folder(partition: int) -> str:
    """The folder of a partition below the root."""
    return f"{CUSTOMER_EVENTS}/partition={partition:02d}"


def parsed(partition: int, name: str) -> ArchiveFile | None:
    """The file of this plain name in a partition's folder; None for what is none of the archive's."""
    match = _NAME.fullmatch(name)
    return ArchiveFile(partition, int(match[1]), int(match[2])) if match else None


def in_order(files: Iterable[ArchiveFile], from_offset: int, where: str) -> Iterator[tuple[ArchiveFile, int]]:
    """The files to read from an offset on, each with the first offset to take from it, so that none counts twice.

    Of files that begin at one place the longest is read. ArchiveDamaged where offsets are missing between files.
    """
    wanted = from_offset
    for file in sorted(files, key=lambda each: (each.first, -each.last)):
        if file.last < wanted:
            continue
        if file.first > wanted:
            raise ArchiveDamaged(
                f"{where}: the archive lacks the offsets {wanted} to {file.first - 1} of partition {file.partition}, "
                f"before {file.name}. Put the missing file back from a copy of the archive."
            )
        yield file, wanted
        wanted = file.last + 1


def end_of(files: Iterable[ArchiveFile]) -> int:
    """The offset after the last one that is archived without a gap from the first; 0 if there is nothing."""
    end = 0
    for file in sorted(files):
        if file.first > end:
            break
        end = max(end, file.last + 1)
    return end
