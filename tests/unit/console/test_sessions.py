"""The printed link and the session cookie."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from console.sessions import (
    SESSION_FOR,
    Session,
    cookie_name,
    from_cookie,
    from_link,
    local_path,
    session_text,
    sign_in_link,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SECRET = "kz_service_0123456789"


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def link(valid: timedelta = timedelta(hours=1)) -> str:
    return sign_in_link("https://cs.example", SECRET, staff="佐藤", role="leader", now=NOW, valid=valid)


def test_a_link_signs_in_whom_it_was_made_for() -> None:
    found = from_link(token_of(link()), SECRET, NOW + timedelta(minutes=59))

    assert link().startswith("https://cs.example/sign-in?token=")
    assert found == Session("佐藤", "leader", NOW + timedelta(hours=1))


def test_a_link_ends() -> None:
    assert from_link(token_of(link()), SECRET, NOW + timedelta(hours=1)) is None


def test_a_link_of_another_installation_opens_nothing() -> None:
    assert from_link(token_of(link()), SECRET + "x", NOW) is None


@pytest.mark.parametrize("text", ["", "x", "a.b", "é" * 10, "x" * 10_000])
def test_what_nobody_signed_opens_nothing(text: str) -> None:
    assert from_link(text, SECRET, NOW) is None


def test_a_changed_token_opens_nothing() -> None:
    token = token_of(link())

    assert from_link(("A" if token[0] != "A" else "B") + token[1:], SECRET, NOW) is None


def test_a_link_is_no_session_and_a_session_no_link() -> None:
    token = token_of(link())
    cookie = session_text(Session("佐藤", "csm", NOW), SECRET, NOW)

    assert from_cookie(token, SECRET, NOW) is None
    assert from_link(cookie, SECRET, NOW) is None


def test_a_session_lasts_twelve_hours() -> None:
    cookie = session_text(Session(None, "read_only", NOW), SECRET, NOW)

    assert from_cookie(cookie, SECRET, NOW + SESSION_FOR - timedelta(seconds=1)) is not None
    assert from_cookie(cookie, SECRET, NOW + SESSION_FOR) is None


def test_only_the_role_read_only_may_not_write() -> None:
    assert [Session(None, role, NOW).may_write for role in ("csm", "leader", "operator", "read_only")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_two_servers_on_one_machine_keep_their_cookies_apart() -> None:
    assert cookie_name("http://127.0.0.1:8000") != cookie_name("http://127.0.0.1:8001")


@pytest.mark.parametrize("text", ["/accounts", "/accounts/a%2Fb?from=2026-01-01#changed", "/"])
def test_a_path_of_this_site_is_one_to_go_back_to(text: str) -> None:
    assert local_path(text) == text


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "accounts",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "/a\n/b",
        "/a b",
        "/\t/evil.example",
        "/x\\y",
    ],
)
def test_another_site_is_never_gone_back_to(text: str | None) -> None:
    assert local_path(text) is None
