"""The folder of a demo: whose it is, and what world is in it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allinone.data_folder import FolderInUse, FolderUnusable, check_real_clock
from allinone.demo import folder as folders
from allinone.demo.options import Options
from cskit.errors import Invalid

NOW = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)


def made(folder: Path, options: Options, now: datetime = NOW) -> folders.Marker:
    with folders.held(folder):
        return folders.prepared(folder, options, now)


def test_a_new_folder_is_marked_with_a_world_that_begins_at_the_full_hour(tmp_path: Path) -> None:
    marker = made(tmp_path / "new", Options(seed=7))

    assert marker == folders.read(tmp_path / "new")
    assert (marker.seed, marker.accounts, marker.days, marker.speed) == (7, 200, 120, 3600)
    assert marker.origin == NOW.replace(minute=0)
    assert not marker.loaded


def test_a_folder_that_is_no_demos_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")

    with pytest.raises(FolderUnusable, match="left as it is"):
        made(tmp_path, Options())

    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_a_folder_that_was_not_named_is_made_anew(tmp_path: Path) -> None:
    folders.loaded(tmp_path, made(tmp_path, Options()))
    (tmp_path / "log.db").write_text("old")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "log.db").write_text("old")

    marker = made(tmp_path, Options(seed=2), NOW + timedelta(days=1))

    assert marker.seed == 2
    assert not marker.loaded
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.json", "lock"]


def test_a_folder_that_was_named_is_gone_on_with_in_its_own_time(tmp_path: Path) -> None:
    first = folders.loaded(tmp_path, made(tmp_path, Options(folder=tmp_path, accounts=60)))
    (tmp_path / "log.db").write_text("kept")

    again = made(tmp_path, Options(folder=tmp_path, speed=60.0), NOW + timedelta(days=9))

    assert (again.accounts, again.origin, again.loaded) == (60, first.origin, True)
    assert again.speed == 60
    assert (tmp_path / "log.db").read_text() == "kept"


def test_a_history_that_was_not_loaded_to_its_end_is_begun_anew(tmp_path: Path) -> None:
    made(tmp_path, Options(folder=tmp_path))
    (tmp_path / "log.db").write_text("half")

    again = made(tmp_path, Options(folder=tmp_path), NOW + timedelta(days=9))

    assert again.origin == folders.full_hour(NOW + timedelta(days=9))
    assert not (tmp_path / "log.db").exists()


def test_another_world_than_the_one_in_the_folder_is_refused(tmp_path: Path) -> None:
    folders.loaded(tmp_path, made(tmp_path, Options(folder=tmp_path, seed=3)))

    with pytest.raises(Invalid, match="made with --seed 3"):
        made(tmp_path, Options(folder=tmp_path, seed=4))


def test_a_folder_in_use_is_neither_emptied_nor_gone_on_with(tmp_path: Path) -> None:
    with folders.held(tmp_path):
        folders.prepared(tmp_path, Options(), NOW)
        (tmp_path / "log.db").write_text("in use")

        with pytest.raises(FolderInUse):
            made(tmp_path, Options())

    assert (tmp_path / "log.db").exists()


def test_a_folder_whose_making_was_broken_off_is_still_the_demos(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / ".demo.json").write_text('{"seed"')

    assert made(tmp_path, Options()).seed == 1


def test_a_damaged_marker_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{}")

    with pytest.raises(FolderUnusable, match=r"demo\.json is damaged"):
        made(tmp_path, Options())


def test_a_server_refuses_a_demos_folder_and_says_what_goes_on_with_it(tmp_path: Path) -> None:
    check_real_clock(tmp_path)
    made(tmp_path, Options())

    with pytest.raises(FolderUnusable, match="kizashi demo --data"):
        check_real_clock(tmp_path)
