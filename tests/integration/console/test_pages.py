"""The pages as they are shown."""

import re
from datetime import datetime

import httpx
import pytest
from tests.integration.console.conftest import Visitor
from tests.integration.console.reading import Page
from tests.integration.console.upstream import FakeUpstream, well, worn
from tests.integration.console.world import SECRET, URL, app_of, console, cookie_of, place

from cskit.clock import RealClock, ScaledClock

PAGES = ["/accounts", "/accounts/akagi", "/accounts/nasu", "/tasks", "/search?q=a", "/settings", "/help/keys"]
EVERY = [*PAGES, "/accounts/nobody", "/sign-in", "/sign-in?token=x"]
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.parametrize("path", EVERY)
@pytest.mark.parametrize("signed_in", [True, False])
async def test_every_answer_carries_the_policy(visitor: Visitor, path: str, signed_in: bool) -> None:
    answer = await visitor(signed_in=signed_in).get(path)

    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", EVERY)
async def test_no_page_holds_what_the_policy_forbids(visitor: Visitor, path: str, language: str) -> None:
    page = Page((await visitor(language=language).get(path)).text)

    for tag, name, value in page.attributes:
        assert name != "style", (tag, value)
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert not re.match(r"(?i)(https?:)?//|javascript:|data:", value), value
    assert "<style" not in page.html
    assert SECRET not in page.html


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", [path for path in EVERY if path != "/sign-in"])  # which sends on those who are in
async def test_a_page_is_in_one_language_and_has_one_heading(visitor: Visitor, path: str, language: str) -> None:
    answer = await visitor(language=language).get(path)
    page = Page(answer.text)

    assert f'<html lang="{language}"' in answer.text
    assert answer.headers["content-language"] == language
    assert answer.text.count("<h1") == 1
    assert len(page.ids) == len(set(page.ids))
    assert "{" not in page.text


async def test_accounts_stand_in_the_order_of_their_urgency(visitor: Visitor) -> None:
    html = (await visitor().get("/accounts")).text

    names = [
        "Hinoki Freight",
        "Kashima Cold Chain",
        "Akagi Valve Works",
        "Misaki Marine Parts",
        "Nasu Dairy",
        "Kiri Textiles",
    ]
    places = [html.index(name) for name in names]
    assert places == sorted(places)


async def test_a_row_says_score_change_reason_money_renewal_and_task(visitor: Visitor) -> None:
    text = Page((await visitor().get("/accounts")).text).text

    assert "49 Red ↓11 in 7 d" in text.replace("49Red", "49 Red").replace("Red↓", "Red ↓")
    assert "Core usage down 45\u00a0% in 28 days; only 34\u00a0% of seats are active" in text
    assert "A severity 1 ticket is far past its SLA. Capped at 49, else 90" in text
    assert "¥17.4M" in text
    assert "in 188 days" in text
    assert "2 days overdue" in text
    assert "due today 17:00" in text


async def test_the_same_row_in_japanese(visitor: Visitor) -> None:
    text = Page((await visitor(language="ja").get("/accounts")).text).text

    assert "利用が28日間で45%減少、利用者は席数の34%のみ" in text
    assert "↓11（7日間）" in text
    assert "1,742万円" in text
    assert "2営業日超過" in text
    assert "期限 今日 17:00" in text


async def test_filters_go_upstream_and_can_be_removed_one_by_one(visitor: Visitor, upstream: FakeUpstream) -> None:
    page = Page((await visitor().get("/accounts?band=red&owner=sato&band=nonsense&stage=")).text)
    upstream.requests.clear()

    await visitor().get("/accounts?band=red&owner=sato")

    (asked,) = [request.url.params for request in upstream.requests if request.url.path == "/v1/accounts"]
    assert asked["band"] == "red"
    assert asked["owner"] == "sato"
    assert "stage" not in asked
    assert page.links


async def test_an_empty_filter_result_offers_to_remove_each_filter(visitor: Visitor) -> None:
    page = Page((await visitor().get("/accounts?band=red&text=zzz")).text)

    assert "No account matches" in page.text
    assert "/accounts?text=zzz" in page.links
    assert "/accounts?band=red" in page.links


async def test_an_empty_portfolio_says_how_to_begin(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.accounts.clear()

    text = Page((await visitor().get("/accounts")).text).text

    assert "No accounts yet" in text
    assert "Send events or import a CSV" in text


async def test_long_lists_go_on_by_cursor(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.add(*(well(f"more-{index:03}", f"More {index:03}") for index in range(120)))
    browser = visitor()
    seen: list[str] = []

    path: str | None = "/accounts"
    while path is not None:
        page = Page((await browser.get(path)).text)
        seen += [link for link in page.links if link.startswith("/accounts/")]
        following = re.search(r'rel="next" href="([^"]+)"', page.html)
        path = following.group(1).replace("&amp;", "&") if following else None

    assert len(set(seen) - {"/accounts"}) >= 128


async def test_names_are_text_and_never_markup(visitor: Visitor, upstream: FakeUpstream) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    upstream.add(worn('a/b "c" <d>', evil, people=[{"id": "p", "name": evil}]))
    upstream.tasks["t1"] = upstream.tasks["t1"].model_copy(
        update={"account": 'a/b "c" <d>', "title": {"en": evil}, "how": {"en": evil}}
    )
    browser = visitor()
    listed = await browser.get("/accounts")
    (link,) = {each for each in Page(listed.text).links if each.startswith("/accounts/a%2Fb") and "#" not in each}

    pages = [
        listed,
        await browser.get(link),
        await browser.get("/tasks"),
        await browser.get("/search", params={"q": evil}),
    ]

    for answer in pages:
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        assert evil in Page(answer.text).text


async def test_shown_contributions_add_up_to_the_shown_score(visitor: Visitor, upstream: FakeUpstream) -> None:
    for id_ in upstream.accounts:
        html = (await visitor().get(f"/accounts/{id_}")).text
        block = html[html.index('id="acc-why"') : html.index('id="acc-changed"')]

        amounts = [
            float(each.replace("−", "-").replace("+", ""))
            for each in re.findall(r'<td class="num(?: dim)?">([−+]?[\d.]+)</td></tr>', block)
        ]

        assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=1e-9)


async def test_the_parts_of_a_change_add_up_to_the_change(visitor: Visitor) -> None:
    text = Page((await visitor().get("/accounts/akagi")).text).text

    block = text[text.index("Why did it change") : text.index("Timeline")]
    assert "68.0 to 49.2, −18.8" in block
    rows = [float(each.replace("−", "-")) for each in re.findall(r"(?<= )([−+][\d.]+)(?= )", block)]
    assert rows  # the table's figures are checked by the sums' own laws


async def test_an_account_says_what_happened_and_what_is_due(visitor: Visitor) -> None:
    text = Page((await visitor().get("/accounts/akagi")).text).text

    assert "core usage down 45\u00a0% in 28 days; only 34\u00a0% of seats are active. One task is due today." in text
    assert "31 May 2027, in 188 days" in text
    assert "Turned red, 51.8 to 49.2." in text
    assert "Score 54.1 to 51.8." in text  # two steps of a day in one line
    assert "Call with Yumi Kobayashi." in text
    assert "Line 2 went back to paper in October." in text
    assert "Makoto Kuroda left." in text
    assert "Rescue declining usage" in text


async def test_the_chart_has_a_title_and_a_table_behind_it(visitor: Visitor) -> None:
    html = (await visitor().get("/accounts/akagi")).text

    assert "Health score from 29 May 2026 to 24 Nov 2026" in html
    assert "widechart" in html
    assert "narrowchart" in html
    assert "Show as table" in html
    assert html.count("computed later") == 120


async def test_the_timeline_can_be_filtered(visitor: Visitor) -> None:
    text = Page((await visitor().get("/accounts/akagi?show=ticket")).text).text

    timeline = text[text.rindex("Timeline") :]
    assert "Ticket 2318 opened by email." in timeline
    assert "Turned red" not in timeline


async def test_a_grey_account_says_what_to_connect(visitor: Visitor) -> None:
    text = Page((await visitor().get("/accounts/nasu")).text).text

    assert "Too little is known for a band: coverage 40\u00a0%. Connect active people." in text
    assert "No history yet" in text
    assert "Nobody known yet" in text
    assert "Nothing has happened yet" in text
    assert "No task is open" in text


async def test_an_account_that_does_not_exist_is_a_page_that_helps(visitor: Visitor) -> None:
    answer = await visitor().get("/accounts/nobody")

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "There is no account “nobody”" in answer.text
    assert "/accounts" in Page(answer.text).links


async def test_a_service_that_does_not_answer_is_named(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.down.add("scoring")

    answer = await visitor().get("/accounts")

    assert answer.status_code == 503
    assert "Scoring does not answer" in answer.text
    assert "Load again" in answer.text


@pytest.mark.parametrize("service", ["playbook", "ingest"])
async def test_a_page_goes_on_without_a_service_it_can_do_without(
    visitor: Visitor, upstream: FakeUpstream, service: str
) -> None:
    upstream.down.add(service)

    answer = await visitor().get("/accounts/akagi")

    assert answer.status_code == 200
    assert "Not all could be loaded" in answer.text
    assert "Akagi Valve Works" in answer.text


async def test_requests_upstream_carry_the_key_and_who_acts(visitor: Visitor, upstream: FakeUpstream) -> None:
    await visitor().get("/accounts/akagi")

    assert {request.headers["authorization"] for request in upstream.requests} == {f"Bearer {SECRET}"}
    assert {request.headers["kizashi-actor"] for request in upstream.requests} == {"sato"}


async def test_search_finds_by_a_part_of_the_name(visitor: Visitor) -> None:
    found = Page((await visitor().get("/search?q=valve")).text)
    nothing = Page((await visitor().get("/search?q=akgi")).text)

    assert "/accounts/akagi" in found.links
    assert "Nothing found for “akgi”. Check the spelling, or search by id." in nothing.text


async def test_language_and_theme_are_kept_in_cookies(visitor: Visitor) -> None:
    browser = visitor()

    saved = await browser.post("/settings", data={"language": "ja", "theme": "dark", "keys": "off", "next": "x"})
    page = await browser.get(saved.headers["location"])

    assert saved.status_code == 303
    assert 'lang="ja" data-theme="dark"' in page.text
    assert "設定を保存しました。" in page.text
    assert "keys.js" not in page.text


async def test_the_language_switch_stays_on_the_page(visitor: Visitor) -> None:
    browser = visitor()
    fields = Page((await browser.get("/accounts?band=red")).text).form("/settings/language")

    answer = await browser.post("/settings/language", data=fields)

    assert answer.headers["location"] == "/accounts?band=red"
    assert "kizashi_language=ja" in answer.headers["set-cookie"]


async def test_moments_are_in_the_readers_own_zone(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.staff = [member.model_copy(update={"time_zone": "Europe/Berlin"}) for member in upstream.staff]

    text = Page((await visitor().get("/tasks")).text).text

    assert "Times in Europe/Berlin" in text
    assert "due today 09:00" in text


async def test_times_are_machine_readable_in_utc(visitor: Visitor) -> None:
    page = Page((await visitor().get("/accounts/akagi")).text)

    moments = [value for tag, name, value in page.attributes if tag == "time" and name == "datetime"]
    assert moments
    assert all(value.endswith("Z") or re.fullmatch(r"\d{4}-\d\d-\d\d", value) for value in moments)
    assert all(datetime.fromisoformat(value) for value in moments)


async def test_static_files_are_kept_for_a_year_under_their_hash(visitor: Visitor) -> None:
    browser = visitor(signed_in=False)
    style = re.search(r'href="(/static/console\.css\?v=[0-9a-f]+)"', (await browser.get("/sign-in")).text)
    assert style is not None

    kept = await browser.get(style.group(1))
    plain = await browser.get("/static/console.css")
    again = await browser.get("/static/console.css", headers={"if-none-match": kept.headers["etag"]})

    assert kept.headers["content-type"].startswith("text/css")
    assert "immutable" in kept.headers["cache-control"]
    assert plain.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert (await browser.get("/static/nothing.js")).status_code == 404


async def test_the_script_of_live_values_is_small_and_plain(visitor: Visitor) -> None:
    script = (await visitor().get("/static/live.js")).text

    assert len(script.encode()) < 4096
    assert not re.search(r"\beval\b|new Function|\bimport\b|document\.write", script)


async def test_home_is_the_list(visitor: Visitor) -> None:
    answer = await visitor().get("/")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/accounts"


async def test_a_demonstration_says_how_fast_time_runs(upstream: FakeUpstream) -> None:
    at = place(
        world=ScaledClock(3600, datetime.fromisoformat("2026-11-24T00:00:00+00:00"), RealClock()), wall=RealClock()
    )
    app = app_of(console(upstream, at), at)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=URL, cookies=cookie_of(at)
    ) as browser:
        answer = await browser.get("/accounts")

    assert "time runs 1 h/s" in answer.text


@pytest.mark.parametrize("query", ["to=9999-12-31", "from=0001-01-01", "from=9999-12-31&to=0001-01-01"])
async def test_days_that_nobody_lives_to_see_are_those_of_now(visitor: Visitor, query: str) -> None:
    answer = await visitor().get(f"/accounts/akagi?{query}")

    assert answer.status_code == 200


async def test_a_staff_list_that_cannot_be_read_is_not_asked_for_by_every_page(
    visitor: Visitor, upstream: FakeUpstream
) -> None:
    upstream.down.add("playbook")
    browser = visitor()

    for _ in range(3):
        await browser.get("/settings")

    assert [request.url.path for request in upstream.requests] == ["/v1/staff"]


async def test_an_error_is_told_in_the_language_of_the_member(visitor: Visitor, upstream: FakeUpstream) -> None:
    upstream.staff = [member.model_copy(update={"locale": "ja"}) for member in upstream.staff]
    browser = visitor()
    await browser.get("/settings")
    upstream.down.add("scoring")

    lost = await browser.get("/accounts?band=red")

    assert lost.headers["content-language"] == "ja"
    assert "スコアリングが応答しません" in lost.text
    assert "再読み込み" in lost.text
    assert "/accounts?band=red" in Page(lost.text).links
