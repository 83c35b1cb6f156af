"""Signing in by the printed link, and what is closed without it."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.integration.console.conftest import Visitor
from tests.integration.console.reading import Page
from tests.integration.console.upstream import NOW, FakeUpstream, worn
from tests.integration.console.world import SECRET, URL, place

from console.sessions import sign_in_link

PAGES = ["/", "/accounts", "/accounts/akagi", "/tasks", "/search?q=a", "/settings", "/help/keys"]


def link(valid: timedelta = timedelta(hours=1)) -> str:
    return sign_in_link(URL, SECRET, staff="sato", role="csm", now=NOW, valid=valid)


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_without_a_session_sends_to_sign_in_and_comes_back(visitor: Visitor, path: str) -> None:
    answer = await visitor(signed_in=False).get(path)

    assert answer.status_code == 303
    where = urlsplit(answer.headers["location"])
    assert where.path == "/sign-in"
    assert parse_qs(where.query)["next"] == [path]


async def test_scripts_without_a_session_are_told_401(visitor: Visitor, upstream: FakeUpstream) -> None:
    answer = await visitor(signed_in=False).get("/live?view=accounts")

    assert answer.status_code == 401
    assert upstream.requests == []


async def test_opening_the_link_signs_nobody_in(visitor: Visitor) -> None:
    browser = visitor(signed_in=False)

    page = await browser.get(link())
    after = await browser.get("/accounts")

    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert after.status_code == 303


async def test_the_button_of_the_link_begins_a_session(visitor: Visitor) -> None:
    browser = visitor(signed_in=False)
    fields = Page((await browser.get(link() + "&next=/tasks")).text).form("/sign-in")

    answer = await browser.post("/sign-in", data=fields)
    tasks = await browser.get("/tasks")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/tasks"
    assert tasks.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "max-age=43200" in cookie
    assert "secure" not in cookie  # the installation is reached by http


@pytest.mark.parametrize("token", ["", "forged", "a.b.c"])
async def test_a_bad_link_says_how_to_get_a_new_one(visitor: Visitor, token: str) -> None:
    answer = await visitor(signed_in=False).get(f"/sign-in?token={token}")

    assert answer.status_code == 400
    assert "kizashi sign-in" in answer.text


async def test_an_expired_link_begins_no_session(visitor: Visitor) -> None:
    token = parse_qs(urlsplit(link(timedelta(seconds=-1))).query)["token"][0]

    answer = await visitor(signed_in=False).post("/sign-in", data={"token": token})

    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "/\\evil.example", ""])
async def test_nobody_is_sent_to_another_site(visitor: Visitor, next_: str) -> None:
    token = parse_qs(urlsplit(link()).query)["token"][0]

    answer = await visitor(signed_in=False).post("/sign-in", data={"token": token, "next": next_})

    assert answer.headers["location"] == "/accounts"


async def test_signing_out_ends_the_session(visitor: Visitor) -> None:
    browser = visitor()

    answer = await browser.post("/sign-out")

    assert answer.headers["location"] == "/sign-in"
    assert 'kizashi_session=""' in answer.headers["set-cookie"]
    assert "max-age=0" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/tasks/t1/complete", "/tasks/t1/snooze", "/settings", "/sign-in", "/sign-out"])
async def test_a_form_from_another_site_is_refused(
    visitor: Visitor, upstream: FakeUpstream, headers: dict[str, str], path: str
) -> None:
    answer = await visitor().post(path, data={"outcome": "reached", "key": "t1:1"}, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert upstream.writes == []


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"origin": URL}])
async def test_a_form_of_our_own_is_taken(visitor: Visitor, upstream: FakeUpstream, headers: dict[str, str]) -> None:
    answer = await visitor().post("/tasks/t1/complete", data={"outcome": "reached", "key": "t1:1"}, headers=headers)

    assert answer.status_code == 303
    assert len(upstream.writes) == 1


def test_cookies_travel_over_tls_only_where_there_is_tls() -> None:
    assert not place().secure


async def test_an_id_with_a_space_comes_back_after_signing_in(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.add(worn("a b/c", "Spaced Works"))
    path = "/accounts/a%20b%2Fc"
    closed = await visitor(signed_in=False).get(path)
    next_ = parse_qs(urlsplit(closed.headers["location"]).query)["next"][0]
    token = parse_qs(urlsplit(link()).query)["token"][0]

    answer = await visitor(signed_in=False).post("/sign-in", data={"token": token, "next": next_})
    page = await visitor().get(answer.headers["location"])

    assert answer.headers["location"] == path
    assert "Spaced Works" in page.text
    assert Page(page.text).form("/settings/language")["next"] == path
