"""Names of the archive's files, and which of them hold what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.archive.files import ArchiveDamaged, ArchiveFile, end_of, in_order, parsed

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=12)


def files(*spans: tuple[int, int]) -> list[ArchiveFile]:
    """Of partition 3, from (first, last)."""
    return [ArchiveFile(3, first, last) for first, last in spans]


def test_a_file_is_named_by_partition_and_offsets() -> None:
    file = ArchiveFile(3, 12345, 20000)

    assert file.name == "cs.customer-events/partition=03/00000000000000012345-00000000000000020000.parquet"
    assert parsed(3, file.name.rpartition("/")[2]) == file


@pytest.mark.parametrize("name", ["notes.txt", ".00000000000000000001-00000000000000000002.parquet.ab.tmp"])
def test_what_is_none_of_the_archives_is_passed_over(name: str) -> None:
    assert parsed(3, name) is None


@given(spans)
def test_files_that_overlap_cover_each_offset_once_or_a_gap_is_named(found: list[tuple[int, int]]) -> None:
    given_files = files(*((first, first + length - 1) for first, length in found))
    held = {offset for file in given_files for offset in range(file.first, file.last + 1)}
    end = end_of(given_files)
    taken: list[int] = []
    gap = False

    try:
        for file, first in in_order(given_files, 0, "here"):
            taken += range(first, file.last + 1)
    except ArchiveDamaged:
        gap = True

    assert taken == list(range(end))
    assert gap == (held != set(range(end)))


def test_reading_from_the_middle_begins_in_the_file_that_holds_it() -> None:
    chain = list(in_order(files((0, 9), (10, 19), (20, 29)), 15, "here"))

    assert [(file.first, first) for file, first in chain] == [(10, 15), (20, 20)]


def test_an_error_says_which_offsets_are_missing_and_before_which_file() -> None:
    with pytest.raises(ArchiveDamaged, match=r"here: .* offsets 10 to 19 of partition 3, before .*20-.*29\.parquet"):
        list(in_order(files((0, 9), (20, 29)), 0, "here"))
