"""Small files become larger ones; of an erased account only what came after its erasure stays. Blocks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from csmodels.catalogue import parse
from csmodels.errors import InvalidEvent
from csmodels.ids import AccountId
from csmodels.internal import AccountErased, AccountErasure
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.columns import ArchivedRecord, account_of, accounts_in, decoded, encoded
from scoring.archive.files import ArchiveFile, Erased, in_order
from scoring.archive.place import Place

_REPEATED_MS: Final = 7 * 86_400_000  # a repeat is known by records of three days, one of these by some before it


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
    """Leave out of the partition's files what erased accounts had before their erasure. Names stay as they are.

    An event that is sent again after the erasure must be known as a repeat by whoever reads the files, as it is live.
    So what came within a week before it is replaced by the same erasure under the event's source and id.
    """
    last: dict[str, Erased] = {}
    for each in erasures:
        last[each.account] = max(each, last.get(each.account, each), key=lambda one: one.offset)
    stamps = {account: _appended_ms(place, partition, each.offset) for account, each in last.items()}
    for file in place.files(partition):
        asked = {account for account, each in last.items() if file.first < each.offset}
        if asked and accounts_in(place, file, asked):
            rows = list(decoded(place, file))
            kept = [left for row in rows if (left := _left(row, last, stamps)) is not None]
            if kept != rows:
                place.put(file, encoded(kept))


def _appended_ms(place: Place, partition: int, offset: int) -> int:
    """When a record was appended; 0 if it is in no file."""
    for file in place.files(partition):
        if file.first <= offset <= file.last:
            for record in decoded(place, file, offset):
                return record.timestamp_ms
    return 0


def _left(record: ArchivedRecord, last: Mapping[str, Erased], stamps: Mapping[str, int]) -> ArchivedRecord | None:
    """What of a record stays in its place."""
    account = account_of(record)
    if account is None or account not in last or record.offset >= last[account].offset:
        return record
    if record.timestamp_ms < stamps[account] - _REPEATED_MS:
        return None
    try:
        event = parse(CUSTOMER_EVENTS, record.value or b"", record.key)
    except InvalidEvent:  # of what nobody can read nobody knows a repeat
        return None
    known = AccountErased(
        id=event.id,
        source=event.source,
        subject=AccountId(account),
        time=event.receivedtime,
        receivedtime=event.receivedtime,
        data=AccountErasure(account=AccountId(account)),
    )
    return record._replace(value=known.to_bytes())


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
