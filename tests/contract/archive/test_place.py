"""What every place of an archive promises: a folder, and a bucket of an S3-compatible store."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.running.stores import Store

from scoring.archive.files import ArchiveFile, FileGone
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable, Place

FIRST, SECOND, THIRD = ArchiveFile(3, 0, 9), ArchiveFile(3, 10, 19), ArchiveFile(3, 10_000_000_000, 10_000_000_001)
BUCKET = pytest.param("bucket", marks=pytest.mark.s3)
CALLS: dict[str, Callable[[Place], object]] = {
    "files": lambda place: place.files(3),
    "put": lambda place: place.put(FIRST, b"one"),
    "source": lambda place: place.source(FIRST),
    "delete": lambda place: place.delete([FIRST]),
}


@pytest.fixture(params=["folder", BUCKET])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "folder":
        yield ArchiveRoot(str(tmp_path / "archive")).open()
        return
    store: Store = request.getfixturevalue("store")
    yield bucket_of(store, f"s3://{store.bucket()}/kizashi").open()


def bucket_of(store: Store, address: str, *, secret_key: str | None = None) -> ArchiveRoot:
    secret = secret_key or store.secret_key
    return ArchiveRoot(address, endpoint=store.endpoint, access_key=store.access_key, secret_key=secret)


def content(place: Place, file: ArchiveFile) -> bytes:
    with place.source(file) as opened:
        read: bytes = opened.read()
        return read


def test_where_nothing_was_put_there_are_no_files(place: Place) -> None:
    assert place.files(3) == []


def test_the_files_of_a_partition_are_listed_by_their_offsets_and_no_others(place: Place) -> None:
    for file in (THIRD, FIRST, ArchiveFile(4, 0, 9), ArchiveFile(13, 0, 9), SECOND):
        place.put(file, b"x")

    assert place.files(3) == [FIRST, SECOND, THIRD]


def test_more_files_than_one_answer_holds_are_listed_all(place: Place) -> None:
    put = [ArchiveFile(3, offset, offset) for offset in range(1_050)]
    for file in put:
        place.put(file, b"")

    assert place.files(3) == put


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_a_file_has_the_content_that_was_put(place: Place, size: int) -> None:
    whole = bytes(range(256)) * (size // 256) + b"x" * (size % 256)

    place.put(FIRST, whole)

    assert content(place, FIRST) == whole


@pytest.mark.parametrize("later", [b"", b"two", b"longer than before"])
def test_a_file_that_is_put_again_has_the_later_content_alone(place: Place, later: bytes) -> None:
    place.put(FIRST, b"one one")

    place.put(FIRST, later)

    assert content(place, FIRST) == later
    assert place.files(3) == [FIRST]


@pytest.mark.parametrize("change", ["put again", "deleted"])
def test_who_has_opened_a_file_reads_what_it_was_then(place: Place, change: str) -> None:
    place.put(FIRST, b"before" * 100_000)

    with place.source(FIRST) as opened:
        if change == "deleted":
            place.delete([FIRST])
        else:
            place.put(FIRST, b"later!" * 100_000)
        read = opened.read()

    assert read == b"before" * 100_000


def test_a_file_that_is_not_there_is_gone(place: Place) -> None:
    place.put(SECOND, b"x")

    with pytest.raises(FileGone, match=FIRST.name):
        place.source(FIRST)


def test_what_is_deleted_is_neither_listed_nor_read_and_deleting_it_again_is_well(place: Place) -> None:
    place.put(FIRST, b"one")
    place.put(SECOND, b"two")

    place.delete([FIRST])
    place.delete([FIRST])

    assert place.files(3) == [SECOND]
    with pytest.raises(FileGone):
        place.source(FIRST)


def test_deleting_what_never_was_is_well(place: Place) -> None:
    place.delete([FIRST])

    assert place.files(3) == []


# What only a store can do


@pytest.mark.s3
@pytest.mark.parametrize("prefix", ["", "/", "/kizashi/", "/a/b c/顧客+1"])
def test_an_archive_lies_below_the_prefix_of_its_address(store: Store, prefix: str) -> None:
    bucket = store.bucket()
    place = bucket_of(store, f"s3://{bucket}{prefix}").open()

    place.put(FIRST, b"one")

    assert content(place, FIRST) == b"one"
    assert place.files(3) == [FIRST]
    assert bucket_of(store, f"s3://{bucket}/other").open().files(3) == []


@pytest.mark.s3
@pytest.mark.parametrize("call", CALLS)
def test_a_wrong_secret_is_refused_with_a_sentence_that_holds_no_key(store: Store, call: str) -> None:
    wrong = "not-the-secret-of-this-store"
    root = bucket_of(store, f"s3://{store.bucket()}/kizashi", secret_key=wrong)

    with pytest.raises(ArchiveUnreachable) as refused:
        CALLS[call](root.open())

    said = str(refused.value)
    assert said.startswith(f"The archive at {root.address} cannot be used: ")
    for secret in (wrong, store.secret_key, store.access_key):
        assert secret not in said


@pytest.mark.s3
@pytest.mark.parametrize("call", ["files", "put"])
def test_a_bucket_that_is_not_there_is_told_and_is_no_empty_archive(store: Store, call: str) -> None:
    with pytest.raises(ArchiveUnreachable, match="s3://no-such-bucket/kizashi"):
        CALLS[call](bucket_of(store, "s3://no-such-bucket/kizashi").open())


@pytest.mark.s3
def test_a_store_that_was_stopped_is_told_and_works_when_it_is_back(store: Store) -> None:
    place = bucket_of(store, f"s3://{store.bucket()}/kizashi").open()
    place.put(FIRST, b"one")
    store.stop()

    with pytest.raises(ArchiveUnreachable) as not_put:
        place.put(SECOND, b"two")
    with pytest.raises(ArchiveUnreachable) as not_read:
        place.source(FIRST)
    store.start()
    place.put(THIRD, b"three")

    for refused in (not_put, not_read):
        assert store.secret_key not in str(refused.value)
    assert place.files(3) == [FIRST, THIRD]
    assert content(place, FIRST) == b"one"


@pytest.mark.s3
def test_a_store_that_takes_connections_and_answers_nothing_is_told_before_long(store: Store) -> None:
    root = replace(bucket_of(store, f"s3://{store.bucket()}/kizashi"), patience=1.0)
    place = root.open()
    place.put(FIRST, b"one")
    store.hang()

    with pytest.raises(ArchiveUnreachable):
        place.files(3)
    store.start()

    assert place.files(3) == [FIRST]
