"""/s/{token}: what the people asked see."""

import base64
import hashlib
import re
from datetime import timedelta

import httpx
import pytest
from tests.integration.survey.page import Page
from tests.integration.survey.stack import Stack

from csmodels.examples import message
from csmodels.internal import AccountErased
from survey.tables import responses


async def test_a_scanner_that_opens_all_eleven_links_records_nothing(stack: Stack, link: str) -> None:
    before = await stack.everything()

    for score in range(11):
        for method in ("GET", "HEAD"):
            answer = await stack.browser.request(method, link, params={"score": score})
            assert answer.status_code == 200

    assert await stack.everything() == before
    assert await stack.outbox() == []


async def test_a_link_with_a_score_shows_it_preselected_and_one_form(stack: Stack, link: str) -> None:
    page = Page((await stack.browser.get(link, params={"score": 7})).text)

    assert page.checked == ["7"]
    assert [each["value"] for each in page.all("input")] == [str(score) for score in range(11)]
    assert len(page.all("form")) == len(page.all("button")) == 1


@pytest.mark.parametrize("score", ["11", "-1", "x", ""])
async def test_a_score_that_is_none_preselects_nothing(stack: Stack, link: str, score: str) -> None:
    answer = await stack.browser.get(link, params={"score": score})

    assert (answer.status_code, Page(answer.text).checked) == (200, [])


async def test_an_expired_link_says_until_when_it_was_open_and_records_nothing(stack: Stack, link: str) -> None:
    stack.world.advance(timedelta(days=30))

    for answer in (await stack.browser.get(link, params={"score": 9}), await stack.answer(link, 9)):
        assert answer.status_code == 410
        assert "24 Dec 2026, 17:41 (Asia/Tokyo)" in answer.text

    assert await stack.rows(responses) == []


async def test_forged_and_forgotten_tokens_cannot_be_told_apart(stack: Stack, link: str) -> None:
    forged = link[:-1] + ("A" if link[-1] != "A" else "E")
    await stack.fold(AccountErased.model_validate(message("account.erased")))

    pages = [
        await stack.browser.request(method, path, data={"score": "3"} if method == "POST" else None)
        for path in (forged, link, "/s/x", "/s/" + "ア" * 43)
        for method in ("GET", "POST")
    ]

    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1


@pytest.mark.parametrize("field", [{}, {"score": ""}, {"score": "11"}, {"score": "<b>"}])
async def test_a_form_without_a_score_is_shown_again_with_its_comment(
    stack: Stack, link: str, field: dict[str, str]
) -> None:
    answer = await stack.browser.post(link, data={**field, "comment": "Keep this"})

    assert answer.status_code == 422
    assert "No number was chosen" in answer.text
    assert "Keep this</textarea>" in answer.text
    assert await stack.rows(responses) == []


async def test_every_page_is_private_and_can_run_nothing(stack: Stack, link: str) -> None:
    pages = [
        await stack.browser.get(link),
        await stack.browser.head(link),
        await stack.browser.get("/s/forged"),
        await stack.answer(link, "none"),
        await stack.answer(link, 5),
        await stack.browser.get(link),
    ]

    for page in pages:
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        rules = page.headers["content-security-policy"].split("; ")
        assert rules[0] == "default-src 'none'"
        assert {rule.split()[0] for rule in rules[1:]} == {"style-src", "form-action", "base-uri", "frame-ancestors"}
        assert "script" not in page.text.replace("subscript", "")
        assert ' style="' not in page.text


async def test_the_style_is_the_one_that_the_policy_names(stack: Stack, link: str) -> None:
    page = await stack.browser.get(link)

    (css,) = re.findall(r"<style>(.*?)</style>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.headers["content-security-policy"]


async def test_the_language_is_the_invitations_else_the_browsers_and_can_be_switched(stack: Stack) -> None:
    japanese, open_ = await stack.invite(locale="ja-JP"), await stack.invite()
    reads_ja = {"Accept-Language": "ja,en;q=0.5"}

    async def language(link: str, query: str = "", headers: dict[str, str] | None = None) -> str | None:
        answer = await stack.browser.get(link + query, headers=headers)
        page = Page(answer.text)
        assert answer.headers["content-language"] == page.language
        return page.language

    assert await language(japanese) == "ja"
    assert await language(japanese, "?lang=en") == "en"
    assert await language(open_) == "en"
    assert await language(open_, headers=reads_ja) == "ja"
    assert await language(open_, "?lang=en", reads_ja) == "en"


async def test_the_switch_keeps_the_preselected_score(stack: Stack, link: str) -> None:
    page = Page((await stack.browser.get(link, params={"score": 4})).text)

    (switch,) = page.all("a")

    assert switch == {"href": "?lang=ja&score=4", "lang": "ja", "hreflang": "ja"}
    assert Page((await stack.browser.get(link + str(switch["href"]))).text).checked == ["4"]


@pytest.mark.parametrize("language", ["en", "ja"])
async def test_every_page_exists_in_both_languages(stack: Stack, link: str, language: str) -> None:
    query = f"?lang={language}"
    expired = await stack.invite()

    async def seen() -> list[httpx.Response]:
        pages = [
            await stack.browser.get(link + query),
            await stack.browser.post(link + query, data={}),
            await stack.browser.post(link + query, content=b"x" * 40_000),
            await stack.browser.post(link + query, data={"score": "9"}),
            await stack.browser.post(link + query, data={"score": "9", "comment": "x"}),
            await stack.browser.get(link + query),
            await stack.browser.get("/s/forged" + query),
        ]
        stack.world.advance(timedelta(days=31))
        return [*pages, await stack.browser.get(link + query), await stack.browser.get(expired + query)]

    pages = await seen()

    assert [page.status_code for page in pages] == [200, 422, 413, 200, 200, 200, 404, 410, 410]
    for page in pages:
        assert Page(page.text).language == language
        main = page.text.split("<main>")[1].split("</main>")[0]
        assert (re.search(r"[ぁ-ん]", main) is not None) == (language == "ja")


@pytest.mark.parametrize(
    ("score", "question"),
    [(6, "What should we improve first?"), (8, "What is missing for a 10?"), (9, "What do you value most?")],
)
async def test_thanks_ask_the_question_of_the_scores_group_and_take_the_comment(
    stack: Stack, link: str, score: int, question: str
) -> None:
    thanks = await stack.answer(link, score)
    assert question in thanks.text
    (hidden,) = Page(thanks.text).all("input")
    assert (hidden["name"], hidden["value"]) == ("score", str(score))

    commented = await stack.answer(link, score, "Because")

    assert "<form" not in commented.text
    assert "Your comment is recorded" in commented.text
    assert [row["revision"] for row in await stack.rows(responses)] == [2]


async def test_who_comes_back_sees_what_is_recorded_and_until_when_it_can_change(stack: Stack, link: str) -> None:
    await stack.answer(link, 4, "Too slow")

    page = await stack.browser.get(link)

    assert Page(page.text).checked == ["4"]
    assert "Too slow</textarea>" in page.text
    assert "Recorded: 4 of 10." in page.text
    assert "until 25 Nov 2026, 17:41 (Asia/Tokyo)" in page.text


async def test_names_questions_and_comments_are_text_and_never_markup(stack: Stack) -> None:
    bad = '"><script>alert(1)</script>'
    body = {"id": "x", "kind": "nps", "name": {"en": bad, "ja": bad}, "question": {"en": bad, "ja": bad}}
    assert (await stack.api.post("/v1/surveys", json=body)).status_code == 201
    link = await stack.invite("x")

    pages = [
        await stack.answer(link, "none", f"</textarea>{bad}"),
        await stack.answer(link, 3, f"</textarea>{bad}"),
        await stack.browser.get(link, params={"lang": bad, "score": bad}),
    ]

    for page in pages:
        assert "<script" not in page.text
        assert len(Page(page.text).all("textarea")) <= 1
    assert "&lt;script&gt;" in pages[2].text


async def test_the_page_is_labelled_for_those_who_hear_it(stack: Stack, link: str) -> None:
    page = Page((await stack.browser.get(link)).text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]

    assert len(page.all("h1")) == len(page.all("legend")) == len(page.all("main")) == 1
    assert page.all("fieldset")[0]["aria-describedby"] in ids
    assert [label["for"] for label in page.all("label") if "for" in label] == ["comment"]
    assert len(page.all("label")) == 12
    assert len(ids) == len(set(ids))
