"""Records as Parquet and back, in a folder and in what pyarrow takes for a bucket."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.fs import LocalFileSystem

from csmodels.catalogue import parse
from csmodels.internal import AccountErased
from csmodels.topics import CUSTOMER_EVENTS
from scoring.archive.columns import ArchivedRecord, accounts_in, decoded, encoded
from scoring.archive.files import ArchiveFile, Erased, FileGone
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable, Bucket, Folder, Place
from scoring.archive.tending import erase, merge

USAGE = (
    b'{"specversion":"1.0","id":"e1","source":"app","type":"usage.tracked","subject":"acme",'
    b'"time":"2026-07-01T12:00:00Z","receivedtime":"2026-07-01T12:00:01.5Z",'
    b'"personid":"00000000-0000-4000-8000-000000000001","backfill":true,"data":{"name":"x"}}'
)
bodies = st.none() | st.binary(max_size=40) | st.just(USAGE)
rows = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**41), bodies, bodies), max_size=30)


def records(*values: bytes | None, first: int = 0) -> list[ArchivedRecord]:
    return [ArchivedRecord(3, first + n, 1_000 + n, b"acme", value) for n, value in enumerate(values)]


def of(account: str, n: int) -> bytes:
    return USAGE.replace(b"acme", account.encode()).replace(b"e1", f"e{n}".encode())


def put(place: Place, file: ArchiveFile, whose: Sequence[tuple[str, int]]) -> None:
    """A file of usage of these accounts, appended at these milliseconds."""
    place.put(
        file,
        encoded(
            [
                ArchivedRecord(3, offset, stamp, account.encode(), of(account, offset))
                for offset, (account, stamp) in enumerate(whose, start=file.first)
            ]
        ),
    )


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path / "archive")
    (tmp_path / "bucket" / "prefix").mkdir(parents=True)
    (tmp_path / "bucket" / "prefix" / "cs.customer-events" / "partition=03").mkdir(parents=True)
    return Bucket(LocalFileSystem(), f"{tmp_path}/bucket/prefix/", "s3://bucket/prefix")


@settings(max_examples=40)
@given(rows)
def test_what_comes_back_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[int, int, bytes | None, bytes | None]]
) -> None:
    place = Folder(tmp_path_factory.mktemp("archive"))
    offset = 0
    given_records = []
    for gap, stamp, key, value in found:
        offset += 1 + gap
        given_records.append(ArchivedRecord(3, offset, stamp, key, value))
    file = ArchiveFile(3, 0, offset)

    place.put(file, encoded(given_records))

    assert list(decoded(place, file)) == given_records
    assert list(decoded(place, file, 5)) == [each for each in given_records if each.offset >= 5]


def test_the_columns_say_what_the_record_says(tmp_path: Path) -> None:
    place, file = Folder(tmp_path), ArchiveFile(3, 0, 1)

    place.put(file, encoded(records(USAGE, b"poison")))

    first, second = pq.read_table(tmp_path / file.name, partitioning=None).to_pylist()
    assert [first[name] for name in ("account", "source", "id", "type", "backfill")] == [
        "acme", "app", "e1", "usage.tracked", True,
    ]  # fmt: skip
    assert first["time"].isoformat() == "2026-07-01T12:00:00+00:00"
    assert first["received_at"].microsecond == 500_000
    assert first["value"] == USAGE
    assert (second["type"], second["value"]) == (None, b"poison")


def test_equal_records_give_equal_bytes() -> None:
    assert encoded(records(USAGE, None)) == encoded(records(USAGE, None))


def test_a_place_lists_its_files_in_order_and_loses_those_that_were_deleted(place: Place) -> None:
    later, sooner = ArchiveFile(3, 10, 19), ArchiveFile(3, 0, 9)
    for file in (later, sooner):
        place.put(file, encoded([]))

    assert place.files(3) == [sooner, later]
    assert place.files(4) == []
    place.delete([later, later])
    assert place.files(3) == [sooner]
    with pytest.raises(FileGone, match="00000000000000000010"):
        list(decoded(place, later))


def test_small_files_are_merged_in_order_and_larger_ones_stay(place: Place) -> None:
    place.put(ArchiveFile(3, 0, 9), encoded(records(*[USAGE] * 10)))
    for n in range(4):
        place.put(ArchiveFile(3, 10 + n, 10 + n), encoded(records(of("b", n), first=10 + n)))
    place.put(ArchiveFile(3, 11, 12), encoded(records(of("b", 1), of("b", 2), first=11)))  # of a crash: it overlaps

    merge(place, 3, 3, 12)

    assert place.files(3) == [ArchiveFile(3, 0, 9), ArchiveFile(3, 10, 13)]
    assert [each.value for each in decoded(place, ArchiveFile(3, 10, 13))] == [of("b", n) for n in range(4)]


def test_an_erased_account_leaves_every_file_up_to_its_erasure(place: Place) -> None:
    first, second = ArchiveFile(3, 0, 3), ArchiveFile(3, 4, 7)
    longer = 8 * 86_400_000
    put(place, first, [("a", 0), ("b", 0), ("a", 0), ("c", 0)])
    put(place, second, [("a", 0), ("b", longer), ("a", longer), ("a", longer)])

    erase(place, 3, [Erased("a", "app", "e6", 6)])

    left = [each.value for file in (first, second) for each in decoded(place, file)]
    assert left == [of("b", 1), of("c", 3), of("b", 5), of("a", 6), of("a", 7)]
    assert accounts_in(place, first, {"a", "b", "x"}) == {"b"}


def test_of_the_week_before_an_erasure_it_stays_which_events_there_were_and_nothing_else(place: Place) -> None:
    file, day = ArchiveFile(3, 0, 3), 86_400_000
    put(place, file, [("a", 0), ("a", 2 * day), ("b", 2 * day), ("a", 8 * day)])

    erase(place, 3, [Erased("a", "app", "e3", 3)])

    first, *others = decoded(place, file)
    event = parse(CUSTOMER_EVENTS, first.value or b"", first.key)
    assert isinstance(event, AccountErased)
    assert (first.offset, first.timestamp_ms, event.source, event.id, event.subject) == (1, 2 * day, "app", "e1", "a")
    assert b"personid" not in (first.value or b"")
    assert [each.value for each in others] == [of("b", 2), of("a", 3)]


def test_erasing_once_more_changes_nothing(place: Place) -> None:
    file = ArchiveFile(3, 0, 2)
    put(place, file, [("a", 0), ("b", 0), ("a", 1)])
    erase(place, 3, [Erased("a", "app", "e2", 2)])
    left = list(decoded(place, file))

    erase(place, 3, [Erased("a", "app", "e2", 2)])

    assert list(decoded(place, file)) == left


def test_the_secrets_of_a_store_are_not_shown() -> None:
    root = ArchiveRoot("s3://bucket/prefix", access_key="AKIASECRET", secret_key="verysecret")

    assert "SECRET" not in repr(root)
    assert "secret" not in repr(root)


class Telling(LocalFileSystem):
    """A store that says too much."""

    def delete_file(self, path: str) -> None:
        raise OSError(f"signature of verysecret does not match for {path}")


def test_what_a_store_says_is_told_without_the_secrets() -> None:
    place = Bucket(Telling(), "bucket", "s3://bucket", ("verysecret",))

    with pytest.raises(ArchiveUnreachable, match=r"s3://bucket cannot be used: signature of \[hidden\] does not match"):
        place.delete([ArchiveFile(3, 0, 1)])


@pytest.mark.parametrize("module", ["scoring.service", "allinone.cli"])
def test_pyarrow_is_loaded_only_where_files_are(module: str) -> None:
    asked = f"import sys, {module}; sys.exit('pyarrow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
