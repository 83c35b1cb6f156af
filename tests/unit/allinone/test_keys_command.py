"""kizashi keys: keys of several sources, and keys for browsers."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from allinone.cli import app
from allinone.data_folder import RunningServer, announced
from cskit.auth import KeyFile
from cskit.clock import RealClock
from cskit.errors import Invalid


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KIZASHI_DATA", str(tmp_path))
    monkeypatch.setenv("KIZASHI_KEYS", str(tmp_path / "keys.json"))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["keys", *arguments])


def refused(*arguments: str) -> str:
    """The code of the error with which it ended."""
    error = run(*arguments).exception
    assert isinstance(error, Invalid)
    return error.code


def test_a_key_takes_several_sources_and_the_list_shows_them(folder: Path) -> None:
    made = run("new", "shop", "--scope", "ingest", "--source", "web", "--source", "phone")

    principal = KeyFile(folder / "keys.json", RealClock()).verify(made.stdout.strip())
    (listed,) = json.loads(run("list", "--json").stdout)
    assert principal is not None
    assert (principal.source, principal.sources) == ("web", ("web", "phone"))
    assert (listed["source"], listed["origins"]) == ("web phone", None)


def test_without_a_source_its_name_is_it(folder: Path) -> None:
    run("new", "shop", "--scope", "ingest")

    (listed,) = json.loads(run("list", "--json").stdout)
    assert listed["source"] == "shop"


def test_a_browser_key_begins_in_another_way_and_the_list_shows_its_origins(folder: Path) -> None:
    origins = ["--origin", "https://app.example.com", "--origin", "http://localhost:3000"]

    made = run("new", "site", "--browser", *origins, "--rate", "20")

    (listed,) = json.loads(run("list", "--json").stdout)
    assert made.stdout.startswith("kzb_")
    assert (listed["scopes"], listed["rate"]) == ("ingest", 20)
    assert listed["origins"] == "https://app.example.com http://localhost:3000"


def told(*arguments: str) -> list[str]:
    """What is said beside the key, which stands alone on standard output."""
    made = run("new", "shop", "--scope", "read", *arguments)
    assert made.stdout.count("\n") == 1
    return made.stderr.splitlines()


def test_who_makes_a_key_is_told_of_the_file_that_holds_it_and_what_chose_it(folder: Path) -> None:
    first, again, other = told(), told(), told("--data", str(folder / "other"))

    assert first == [
        f"Written to {folder / 'keys.json'} (KIZASHI_KEYS).",
        "That file is new. A server that reads another one answers 401 to this key.",
    ]
    assert again == first[:1]
    assert other == [f"Written to {folder / 'keys.json'} (KIZASHI_KEYS, which goes before --data)."]


@pytest.mark.parametrize("named_by", ["--data", "KIZASHI_DATA", "neither --data nor KIZASHI_DATA is set"])
def test_a_key_in_a_folder_that_no_server_has_is_made_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    monkeypatch.delenv("KIZASHI_KEYS")
    monkeypatch.chdir(folder)
    data = folder / ("kizashi-data" if named_by.startswith("neither") else "my data")
    if named_by == "KIZASHI_DATA":
        monkeypatch.setenv("KIZASHI_DATA", str(data))
    else:
        monkeypatch.delenv("KIZASHI_DATA")

    said = told("--data", str(data)) if named_by == "--data" else told()

    assert said[0] == f"Written to {data / 'keys.json'} ({named_by})."
    assert said[2:] == [f"No server runs on that folder. Run: kizashi serve --data {shlex.quote(str(data))}"]


def test_a_key_in_a_running_servers_folder_is_told_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIZASHI_KEYS")
    told()

    with announced(folder, RunningServer("http://127.0.0.1:1", 1, "key")):
        said = told()

    assert said == [f"Written to {folder / 'keys.json'} (KIZASHI_DATA)."]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("unknown_scope", "new shop"),
        ("missing_origin", "new site --browser"),
        ("invalid_origin", "new site --browser --origin app.example.com"),
        ("browser_scope", "new site --browser --origin https://a.example --scope read"),
        ("not_a_browser_key", "new site --scope ingest --origin https://a.example"),
    ],
)
def test_what_does_not_fit_is_refused_and_makes_no_key(folder: Path, code: str, line: str) -> None:
    assert refused(*line.split()) == code
    assert list(folder.iterdir()) == []


def test_a_key_that_would_never_be_valid_is_refused(folder: Path) -> None:
    assert refused("new", "shop", "--scope", "read", "--expires", "P0D") == "invalid_duration"
    assert not (folder / "keys.json").exists()
