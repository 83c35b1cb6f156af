"""The pasts that the archive holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.scoring.builders import ACCOUNT, DAY, HOUR, NOON, event, usage

from csmodels.envelope import Event
from csmodels.internal import ClockTicked, FeedStopped
from csmodels.partitioning import partition_of
from csmodels.topics import PARTITIONS
from scoring.archive.columns import ArchivedRecord, encoded
from scoring.archive.files import ArchiveDamaged, ArchiveFile
from scoring.archive.place import ArchiveRoot, Folder
from scoring.backtest.archived import counts, extent, pasts

PARTITION = partition_of(ACCOUNT)
NEIGHBOUR = "b0"  # an account of the same partition


def kept(folder: Path, events: Sequence[Event | bytes], *, first: int = 0, partition: int = PARTITION) -> ArchiveRoot:
    """An archive of these records, bytes being poison; each was appended when it was received."""
    records = []
    at = NOON
    for offset, one in enumerate(events, start=first):
        at = at if isinstance(one, bytes) else one.receivedtime
        key, value = (ACCOUNT.encode(), one) if isinstance(one, bytes) else (one.key, one.to_bytes())
        records.append(ArchivedRecord(partition, offset, int(at.timestamp() * 1000), key, value))
    Folder(folder).put(ArchiveFile(partition, first, first + len(records) - 1), encoded(records))
    return ArchiveRoot(str(folder))


def of(account: str, one: Event) -> Event:
    return one.model_copy(update={"subject": account})


def control(kind: type[Event], at: datetime, **data: object) -> Event:
    return kind.model_validate({"id": kind.__name__, "source": "ingest", "time": at, "receivedtime": at, "data": data})


def test_each_account_comes_once_with_its_events_in_the_logs_order(tmp_path: Path) -> None:
    first, second, third = (usage(NOON + n * HOUR) for n in (2, 0, 1))  # times need not rise
    root = kept(tmp_path, [first, of(NEIGHBOUR, usage(NOON)), second, third])

    found = list(pasts(root))

    assert [past.account for past in found] == [ACCOUNT, NEIGHBOUR]
    assert found[0].events == (first, second, third)
    assert (found[0].outcome, found[0].revenue, found[0].weight) == (None, None, 3)


def test_all_partitions_are_read(tmp_path: Path) -> None:
    kept(tmp_path, [usage(NOON)])
    root = kept(tmp_path, [of("gamma", usage(NOON))], partition=partition_of("gamma"))

    assert [past.account for past in pasts(root)] == [ACCOUNT, "gamma"]


def test_a_repeat_within_72_hours_is_one_event_and_a_later_one_is_another_as_live(tmp_path: Path) -> None:
    first = usage(NOON, id_="same")
    soon, late = (first.model_copy(update={"receivedtime": NOON + days * DAY}) for days in (2, 9))
    root = kept(tmp_path, [first, soon, late])

    (found,) = pasts(root)

    assert found.events == (first, late)
    assert found.weight == 3


def test_poison_is_left_out(tmp_path: Path) -> None:
    good = usage(NOON)
    elsewhere = of("beta", usage(NOON))
    root = kept(tmp_path, [b"{", good, b'{"type": "usage.tracked"}', elsewhere])

    (found,) = pasts(root)

    assert found.events == (good,)


def test_what_was_before_an_erasure_is_left_out(tmp_path: Path) -> None:
    after = usage(NOON + 2 * DAY)
    root = kept(tmp_path, [usage(NOON), event("account.erased", NOON + DAY, {"account": ACCOUNT}), after])

    (found,) = pasts(root)

    assert found.events == (after,)


def test_what_was_said_of_feeds_comes_with_every_past_of_the_partition(tmp_path: Path) -> None:
    stopped = control(FeedStopped, NOON + HOUR, family="usage", since=NOON)
    ticked = control(ClockTicked, NOON + HOUR, hour=NOON)
    root = kept(tmp_path, [usage(NOON), ticked, stopped])

    (found,) = pasts(root)

    assert found.feeds == (stopped,)


def test_the_extent_is_as_far_as_every_partition_reaches(tmp_path: Path) -> None:
    kept(tmp_path, [usage(NOON), usage(NOON + 5 * DAY)])
    root = kept(tmp_path, [of("beta", usage(NOON + 3 * DAY))], partition=partition_of("beta"))

    found = extent(root)

    assert (found.records, found.until) == (3, NOON + 3 * DAY)
    assert len(found.missing) == PARTITIONS - 2
    assert not {partition_of("acme"), partition_of("beta")} & set(found.missing)


def test_an_empty_archive_reaches_nowhere(tmp_path: Path) -> None:
    root = ArchiveRoot(str(tmp_path))

    assert (extent(root).until, list(pasts(root))) == (None, [])


def test_names_are_counted_as_far_as_they_had_been_received(tmp_path: Path) -> None:
    root = kept(
        tmp_path,
        [usage(NOON, name="a", count=3), b"{", event("account.described", NOON, {}), usage(NOON + DAY, name="b")],
    )

    assert counts(root, NOON + HOUR) == {"a": 3}
    assert counts(root, NOON + DAY) == {"a": 3, "b": 1}


def test_a_gap_is_told_and_not_passed_over(tmp_path: Path) -> None:
    kept(tmp_path, [usage(NOON)])
    root = kept(tmp_path, [usage(NOON + timedelta(hours=1))], first=7)

    with pytest.raises(ArchiveDamaged, match="offsets 1 to 6"):
        list(pasts(root))
