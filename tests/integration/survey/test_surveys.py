"""/v1/surveys: what programs do."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.integration.survey.stack import NOW, PERSON, Stack

from cskit.http import encode_cursor
from survey.service import FirstStart
from survey.tables import invitations

NAME = {"en": "Quarterly survey", "ja": "四半期アンケート"}


async def make(stack: Stack, **body: Any) -> httpx.Response:
    return await stack.api.post("/v1/surveys", json={"kind": "nps", "name": NAME, **body})


async def test_the_nps_survey_is_there_from_the_first_start(stack: Stack) -> None:
    answer = await stack.api.get("/v1/surveys")

    (survey,) = answer.json()["items"]
    assert survey["id"] == "nps"
    assert survey["kind"] == "nps"
    assert survey["expires_after"] == "P30D"
    assert survey["question"] is None


async def test_a_survey_is_made_and_found(stack: Stack) -> None:
    question = {"en": "Would you recommend us?", "ja": "当社をすすめますか。"}

    made = await make(stack, id="q4", question=question, expires_after="P7D")
    found = await stack.api.get("/v1/surveys/q4")

    assert made.status_code == 201
    assert made.json() == found.json()
    assert found.json() == {
        "id": "q4",
        "kind": "nps",
        "name": NAME,
        "question": question,
        "expires_after": "P7D",
        "created_at": "2026-11-24T08:41:00Z",
    }


async def test_the_same_survey_again_is_the_same_and_another_of_its_id_is_refused(stack: Stack) -> None:
    first, again = await make(stack, id="q4"), await make(stack, id="q4")
    other = await make(stack, id="q4", expires_after="P1D")

    assert again.status_code == 201
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "survey_exists")


async def test_without_an_id_an_idempotency_key_makes_one_survey(stack: Stack) -> None:
    body, headers = {"kind": "nps", "name": NAME}, {"Idempotency-Key": "once"}

    first = await stack.api.post("/v1/surveys", json=body, headers=headers)
    again = await stack.api.post("/v1/surveys", json=body, headers=headers)

    assert first.json() == again.json()


@pytest.mark.parametrize("kind", ["csat", "ces", "churn_reason"])
async def test_other_kinds_are_refused_by_name(stack: Stack, kind: str) -> None:
    answer = await make(stack, kind=kind)

    assert (answer.status_code, answer.json()["code"]) == (422, "kind_not_available")
    assert f"“{kind}”" in answer.json()["message"]
    assert answer.json()["field"] == "kind"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": {"en": "Only English"}}, "name.ja"),
        ({"name": {"en": " ", "ja": "x"}}, "name.en"),
        ({"id": "Not A Code"}, "id"),
        ({"expires_after": "P2Y"}, "expires_after"),
        ({"expires_after": "PT1M"}, "expires_after"),
        ({"expires_after": 86400}, "expires_after"),
        ({"expires_after": "PT1H0.5S"}, "expires_after"),
        ({"id": "a\x00b"}, "id"),
        ({"name": {"en": "a\x00b", "ja": "x"}}, "name.en"),
        ({"kind": "guess"}, "kind"),
    ],
)
async def test_a_wrong_survey_is_refused_with_its_field(stack: Stack, body: dict[str, Any], field: str) -> None:
    answer = await make(stack, **body)

    assert answer.status_code == 422
    assert answer.json()["field"] == field


async def test_surveys_are_listed_a_page_at_a_time(stack: Stack) -> None:
    for survey in ("a", "b"):
        await make(stack, id=survey)

    first = (await stack.api.get("/v1/surveys", params={"limit": 2})).json()
    second = (await stack.api.get("/v1/surveys", params={"limit": 2, "cursor": first["next"]})).json()

    assert [survey["id"] for survey in first["items"] + second["items"]] == ["a", "b", "nps"]
    assert second["next"] is None


async def test_an_invitation_is_a_link_that_says_nothing_of_the_person(stack: Stack) -> None:
    link = await stack.invite(locale="ja-JP", role="champion")

    (row,) = await stack.rows(invitations)
    assert row["expires_at"] == NOW + timedelta(days=30)
    assert (row["account"], row["person"], row["role"]) == ("acme", PERSON, "champion")
    assert link.startswith("/s/")
    assert "acme" not in link
    assert PERSON.replace("-", "") not in link
    assert row["id"] not in link


async def test_a_repeated_invitation_gives_the_same_link_and_another_person_another(stack: Stack) -> None:
    other = "11111111-1111-4111-8111-111111111111"

    first, again = await stack.invite(key="k1"), await stack.invite(key="k1")
    someone, anew = await stack.invite(key="k1", person=other), await stack.invite()

    assert first == again
    assert len({first, someone, anew}) == 3
    assert len(await stack.rows(invitations)) == 3


async def test_a_restart_keeps_the_links(stack: Stack) -> None:
    link = await stack.invite()

    key = await FirstStart(stack.service.database, stack.world)()
    again = await FirstStart(stack.service.database, stack.world)()

    assert key == again
    assert (await stack.browser.get(link)).status_code == 200


async def test_an_invitation_needs_a_survey_that_exists_and_a_random_person_id(stack: Stack) -> None:
    body = {"account": "acme", "person": PERSON}

    unknown = await stack.api.post("/v1/surveys/none/invitations", json=body)
    address = await stack.api.post("/v1/surveys/nps/invitations", json={**body, "person": "a@example.com"})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_survey")
    assert (address.status_code, address.json()["field"]) == (422, "person")
    assert await stack.rows(invitations) == []


@pytest.mark.parametrize("path", ["", "/responses", "/results"])
async def test_an_id_that_no_database_takes_is_refused(stack: Stack, path: str) -> None:
    answer = await stack.api.get(f"/v1/surveys/a%00b{path}")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_text")


@pytest.mark.parametrize("field", ["account", "person", "locale", "role"])
async def test_an_invitation_with_what_no_database_takes_is_refused(stack: Stack, field: str) -> None:
    body = {"account": "acme", "person": PERSON, field: "a\x00b"}

    answer = await stack.api.post("/v1/surveys/nps/invitations", json=body)
    nowhere = await stack.api.post("/v1/surveys/a%00b/invitations", json={"account": "acme", "person": PERSON})

    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert nowhere.status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", "/v1/surveys", "configure"),
        ("GET", "/v1/surveys", "read"),
        ("GET", "/v1/surveys/nps", "read"),
        ("POST", "/v1/surveys/nps/invitations", "write"),
        ("GET", "/v1/surveys/nps/responses", "read"),
        ("GET", "/v1/surveys/nps/results", "read"),
    ],
)
async def test_each_route_needs_its_scope(stack: Stack, method: str, path: str, scope: str) -> None:
    bodies = {
        "/v1/surveys": {"kind": "nps", "name": NAME},
        "/v1/surveys/nps/invitations": {"account": "acme", "person": PERSON},
    }

    async def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        body = bodies.get(path) if method == "POST" else None
        return (await stack.browser.request(method, path, json=body, headers=headers)).status_code

    assert await status("") == 401
    assert await status(stack.keys[scope]) in (200, 201)
    assert await status(stack.keys["people"]) == 403


async def test_responses_are_listed_newest_first_a_page_at_a_time(stack: Stack) -> None:
    for score in (3, 7, 10):
        await stack.answer(await stack.invite(role="payer"), score)
        stack.world.advance(timedelta(minutes=1))

    first = (await stack.api.get("/v1/surveys/nps/responses", params={"limit": 2})).json()
    second = (await stack.api.get("/v1/surveys/nps/responses", params={"cursor": first["next"]})).json()

    assert [response["score"] for response in first["items"] + second["items"]] == [10, 7, 3]
    assert second["next"] is None
    assert first["items"][0] | {"id": "r"} == {
        "id": "r",
        "account": "acme",
        "person": PERSON,
        "role": "payer",
        "score": 10,
        "revision": 1,
        "answered_at": "2026-11-24T08:43:00Z",
        "changed_at": "2026-11-24T08:43:00Z",
        "text_ref": None,
        "comment": None,
    }


@pytest.mark.parametrize("path", ["/v1/surveys/nps/responses", "/v1/surveys"])
@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor(1),
        encode_cursor("x", "y", "z"),
        "%%%",
        encode_cursor("a\x00b"),
        encode_cursor("2026-11-24T08:43:00+00:00", "a\x00b"),
        encode_cursor("0001-01-01T00:00:00+09:00", "r"),
    ],
)
async def test_a_foreign_cursor_is_refused(stack: Stack, path: str, cursor: str) -> None:
    answer = await stack.api.get(path, params={"cursor": cursor})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_a_cursor_without_a_moment_is_refused(stack: Stack) -> None:
    for at in ("yesterday", "2026-11-24T08:43:00"):
        answer = await stack.api.get("/v1/surveys/nps/responses", params={"cursor": encode_cursor(at, "r")})

        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_cursor")


async def test_comments_are_shown_to_keys_that_may_see_people_only(stack: Stack, link: str) -> None:
    await stack.answer(link, 9, "Fast support")
    reader = {"Authorization": f"Bearer {stack.keys['read']}"}

    (open_,) = (await stack.api.get("/v1/surveys/nps/responses")).json()["items"]
    (closed,) = (await stack.browser.get("/v1/surveys/nps/responses", headers=reader)).json()["items"]

    assert open_["comment"] == "Fast support"
    assert "comment" not in closed
    assert closed["text_ref"] == open_["text_ref"] == f"survey/{open_['id']}"


async def test_results_are_the_nps_with_its_margin(stack: Stack) -> None:
    empty = (await stack.api.get("/v1/surveys/nps/results")).json()
    for score in (10, 9, 9, 8, 2):
        await stack.answer(await stack.invite(), score)

    results = (await stack.api.get("/v1/surveys/nps/results")).json()

    assert (empty["count"], empty["nps"], empty["margin"]) == (0, None, None)
    assert (results["count"], results["promoters"], results["passives"], results["detractors"]) == (5, 3, 1, 1)
    assert results["nps"] == pytest.approx(40)
    assert results["low"] < 40 < results["high"]
    assert results["margin"] == pytest.approx((results["high"] - results["low"]) / 2)
