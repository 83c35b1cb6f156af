"""Small files become larger ones; of an erased account only what came after its erasure stays. Blocks."""

from collections.abc import Iterator, Sequence

from scoring.archive.columns import ArchivedRecord, account_of, accounts_in, decoded, encoded
from scoring.archive.files import ArchiveFile, Erased, in_order
from scoring.archive.place import Place


def merge(place: Place, partition: int, small: int, records: int) -> None:
    """Merge small files that follow each other, once there are `small` of them, into files of `records` offsets.

    A file is small if it covers less than half of that. What longer files cover anyway goes, too.
    """
    files = place.files(partition)
    if not files:
        return
    chain = [file for file, _ in in_order(files, files[0].first, place.where)]
    place.delete(file for file in files if file not in chain and any(_covers(each, file) for each in chain))
    for run in _runs(chain, records // 2):
        if len(run) >= small:
            for group in _groups(run, records):
                _join(place, group)


def erase(place: Place, partition: int, erasures: Sequence[Erased]) -> None:
    """Leave out of the partition's files what erased accounts had before their erasure. Names stay as they are."""
    until: dict[str, int] = {}
    for each in erasures:
        until[each.account] = max(until.get(each.account, 0), each.offset)
    for file in place.files(partition):
        asked = {account for account, offset in until.items() if file.first < offset}
        if asked and (gone := accounts_in(place, file, asked)):
            kept = [each for each in decoded(place, file) if not _goes(each, {id_: until[id_] for id_ in gone})]
            place.put(file, encoded(kept))


def _goes(record: ArchivedRecord, until: dict[str, int]) -> bool:
    account = account_of(record)
    return account is not None and record.offset < until.get(account, 0)


def _covers(larger: ArchiveFile, file: ArchiveFile) -> bool:
    return larger != file and larger.first <= file.first and file.last <= larger.last


def _runs(chain: Sequence[ArchiveFile], small: int) -> Iterator[list[ArchiveFile]]:
    run: list[ArchiveFile] = []
    for file in chain:
        if file.span < small:
            run.append(file)
        else:
            yield run
            run = []
    yield run


def _groups(run: Sequence[ArchiveFile], records: int) -> Iterator[list[ArchiveFile]]:
    group: list[ArchiveFile] = []
    for file in run:
        if group and file.last - group[0].first + 1 > records:
            yield group
            group = []
        group.append(file)
    yield group


def _join(place: Place, group: Sequence[ArchiveFile]) -> None:
    if len(group) < 2:
        return
    joined = ArchiveFile(group[0].partition, group[0].first, group[-1].last)
    rows: list[ArchivedRecord] = []
    for file, first in in_order(group, joined.first, place.where):
        rows += decoded(place, file, first)
    place.put(joined, encoded(rows))
    place.delete(file for file in group if file != joined)
