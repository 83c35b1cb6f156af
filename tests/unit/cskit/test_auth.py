"""Keys: made once, verified from a file that others may change."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from cskit.auth import ADMIN, INGEST, READ, KeyFile, Keys, new_key
from cskit.clock import FrozenClock
from cskit.errors import Forbidden, Invalid, NotFound
from cskit.http.access import key_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def wall() -> FrozenClock:
    return FrozenClock(NOW)


@pytest.fixture
def file(tmp_path: Path, wall: FrozenClock) -> KeyFile:
    return KeyFile(tmp_path / "keys.json", wall)


def made(file: KeyFile, name: str = "app", source: str | None = None, expires: datetime | None = None) -> str:
    text, entry = new_key(name, [INGEST], [source] if source else None, expires, NOW)
    file.add(entry)
    return text


def test_a_key_is_verified_and_only_its_hash_is_stored(file: KeyFile, tmp_path: Path) -> None:
    text = made(file)

    principal = file.verify(text)

    assert principal is not None
    assert (principal.name, principal.source, principal.scopes) == ("app", "app", frozenset({INGEST}))
    assert text.split("_", 2)[2] not in (tmp_path / "keys.json").read_text()
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_keys_of_one_source_share_it(file: KeyFile) -> None:
    old, new = made(file, "app-2025", "app"), made(file, "app-2026", "app")

    principals = [file.verify(old), file.verify(new)]

    assert [principal.source for principal in principals if principal] == ["app", "app"]


@pytest.mark.parametrize(
    "text", ["", "kz", "kz_", "kz__", "kz_abcdefgh_", "Bearer", "kz_日本_x", "kz_" + "a" * 100_000]
)
def test_what_is_no_key_is_nobody(file: KeyFile, text: str) -> None:
    made(file)

    assert file.verify(text) is None


@pytest.mark.parametrize("end", ["\ud800", "日本", "é"])
def test_a_key_with_letters_that_no_key_has_is_nobodys(file: KeyFile, end: str) -> None:
    keys = Keys(file, SecretStr("between-services"))

    assert keys.verify(end) is None
    assert keys.verify(made(file) + end) is None


def test_a_changed_secret_is_refused(file: KeyFile) -> None:
    assert file.verify(made(file) + "x") is None


def test_a_key_expires_on_the_wall_clock(file: KeyFile, wall: FrozenClock) -> None:
    text = made(file, expires=NOW + timedelta(days=1))
    assert file.verify(text)

    wall.advance(timedelta(days=1))

    assert file.verify(text) is None


def test_another_process_adds_and_revokes_while_this_one_runs(file: KeyFile, tmp_path: Path, wall: FrozenClock) -> None:
    other = KeyFile(tmp_path / "keys.json", wall)
    assert other.verify("kz_abcdefgh_x") is None

    text = made(file)
    seen = other.verify(text)
    file.revoke("app")

    assert seen is not None
    assert other.verify(text) is None
    with pytest.raises(NotFound):
        file.revoke("app")


@pytest.mark.parametrize("broken", ["", "{", '{"keys": 3}', '{"keys": [{"id": "x"}]}', "\x00"])
def test_a_broken_file_keeps_the_last_good_keys_and_is_logged_once(file: KeyFile, tmp_path: Path, broken: str) -> None:
    text = made(file)
    assert file.verify(text)

    with structlog.testing.capture_logs() as logs:
        (tmp_path / "keys.json").write_text(broken)
        still = [file.verify(text), file.verify(text)]

    assert all(still)
    assert [entry["event"] for entry in logs] == ["keys.unreadable"]
    with pytest.raises(Invalid, match="not a key file"):
        made(file)


def test_a_change_leaves_no_other_file_behind_but_the_lock(file: KeyFile, tmp_path: Path) -> None:
    made(file)
    made(file, "second")

    assert {path.name for path in tmp_path.iterdir()} == {"keys.json", "keys.json.lock"}
    assert [entry.name for entry in file.list()] in (["app", "second"], ["second", "app"])
    assert len(json.loads((tmp_path / "keys.json").read_text())["keys"]) == 2


def test_a_removed_file_revokes_all(file: KeyFile, tmp_path: Path) -> None:
    text = made(file)
    assert file.verify(text)

    (tmp_path / "keys.json").unlink()

    assert file.verify(text) is None


@pytest.mark.parametrize(
    ("name", "scopes"), [("app", ["reed"]), ("app", []), ("", [READ]), ("a b", [READ]), ("日", [READ])]
)
def test_a_key_with_a_wrong_name_or_scope_is_not_made(name: str, scopes: list[str]) -> None:
    with pytest.raises(Invalid):
        new_key(name, scopes, None, None, NOW)


def test_the_service_key_is_admin_and_may_act_for_a_person(file: KeyFile) -> None:
    keys = Keys(file, SecretStr("between-services"), SecretStr("of-this-server"))

    principal = keys.verify("between-services", "staff-7")
    operator = keys.verify("of-this-server")

    assert principal is not None
    assert (principal.name, principal.actor, principal.has(READ)) == ("service", "staff-7", True)
    assert operator is not None
    assert operator.scopes == frozenset({ADMIN})
    assert keys.verify("") is None


def test_other_keys_may_not_act_for_a_person(file: KeyFile) -> None:
    with pytest.raises(Forbidden, match="may not act"):
        Keys(file).verify(made(file), "staff-7")


def test_an_empty_service_key_opens_nothing() -> None:
    assert Keys(None, SecretStr("")).verify("") is None


def test_a_key_of_several_sources_speaks_as_the_first_unless_a_request_chooses_another(file: KeyFile) -> None:
    text, entry = new_key("app", [INGEST], ["web", "phone", "web"], None, NOW)
    file.add(entry)
    keys = Keys(file)

    usual, chosen, same = keys.verify(text), keys.verify(text, source="phone"), keys.verify(text, source="web")

    assert [one.source for one in (usual, chosen, same) if one] == ["web", "phone", "web"]
    assert entry.sources == ("web", "phone")


def test_a_source_that_the_key_does_not_have_is_refused_and_those_it_has_are_named(file: KeyFile) -> None:
    text, entry = new_key("app", [INGEST], ["web", "phone"], None, NOW)
    file.add(entry)
    plain = made(file, "plain")
    keys = Keys(file, SecretStr("between-services"))

    with pytest.raises(Forbidden, match="web, phone") as caught:
        keys.verify(text, source="billing")
    with pytest.raises(Forbidden, match="plain"):
        keys.verify(plain, source="web")
    with pytest.raises(Forbidden, match="service"):
        keys.verify("between-services", source="web")

    assert (caught.value.code, caught.value.field) == ("source_not_allowed", "Kizashi-Source")
    assert keys.verify("kz_abcdefgh_x", source="web") is None


@pytest.mark.parametrize(
    ("held", "sources"), [({"source": "web"}, ("web",)), ({"source": None}, ("app",)), ({}, ("app",))]
)
def test_a_key_file_of_before_is_read(file: KeyFile, tmp_path: Path, held: dict[str, str], sources: tuple[str]) -> None:
    text = made(file)
    whole = json.loads((tmp_path / "keys.json").read_text())
    (entry,) = whole["keys"]
    del entry["sources"], entry["origins"]
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [entry | held]}))

    principal = file.verify(text)

    assert principal is not None
    assert (principal.source, principal.sources, principal.origins) == (sources[0], sources, ())


def test_a_browser_key_has_its_own_beginning_the_scope_ingest_and_its_origins(file: KeyFile, wall: FrozenClock) -> None:
    text, entry = new_key("site", [], None, NOW + timedelta(days=1), NOW, origins=["https://app.example.com"])
    file.add(entry)
    keys = Keys(file)

    principal = keys.verify(text)

    assert text.startswith("kzb_")
    assert principal is not None
    assert (principal.scopes, principal.origins) == (frozenset({INGEST}), ("https://app.example.com",))
    assert keys.verify(text.replace("kzb_", "kz_")) is None
    assert keys.knows_origin("https://app.example.com")
    assert not keys.knows_origin("https://other.example.com")
    wall.advance(timedelta(days=1))
    assert not keys.knows_origin("https://app.example.com")


def test_a_servers_key_does_not_become_one_for_browsers_by_its_text(file: KeyFile) -> None:
    assert file.verify(made(file).replace("kz_", "kzb_")) is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--wgv71a119e.example", "https://xn--wgv71a119e.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(given: str, kept: str) -> None:
    _, entry = new_key("site", [INGEST], None, None, NOW, origins=[given, kept])

    assert entry.origins == (kept,)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "*",
        "null",
        "app.example.com",
        "https://*.example.com",
        "https://app.example.com/",
        "https://a.example/p",
        "ftp://a.example",
        "https://user@a.example",
        "https://日本.example",
        "https://",
        "https://a.example?x",
        "http://localhost:*",
        "http://localhost:99999",
        "http://localhost:0",
        "https://a.example\nb",
    ],
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(Invalid) as caught:
        new_key("site", [INGEST], None, None, NOW, origins=[origin])

    assert caught.value.code == "invalid_origin"


def test_a_browser_key_needs_an_origin_and_has_no_other_scope() -> None:
    with pytest.raises(Invalid) as without:
        new_key("site", [INGEST], None, None, NOW, origins=[])
    with pytest.raises(Invalid) as other:
        new_key("site", [INGEST, READ], None, None, NOW, origins=["https://app.example.com"])

    assert (without.value.code, other.value.code) == ("missing_origin", "browser_scope")


def test_a_wrong_source_is_told_as_one() -> None:
    with pytest.raises(Invalid) as caught:
        new_key("app", [INGEST], ["a b"], None, NOW)

    assert (caught.value.code, caught.value.field) == ("invalid_key_name", "source")


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Bearer k1", "k1"),
        ("basic azE6", "k1"),
        ("Basic é", None),
        ("Basic \xff", None),
        ("Basic ====", None),
        ("Basic gA==", None),  # no text
        ("Digest k1", None),
        (None, None),
    ],
)
def test_the_key_in_a_header_whatever_else_it_says(header: str | None, key: str | None) -> None:
    assert key_of(header) == key
