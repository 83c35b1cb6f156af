"""Answers that were given elsewhere."""

from datetime import timedelta
from typing import Any

import pytest
from tests.integration.survey.stack import NOW, PERSON, Stack

from csmodels import internal
from csmodels.internal import SurveyAnswered
from survey.tables import responses

OTHER = "0c0cf4a1-4b0a-4c43-8a5f-6b5d1b1c7f02"
PATH = "/v1/surveys/nps/responses"


def item(id_: str = "a-1", days: int = 40, **more: Any) -> dict[str, Any]:
    at = (NOW - timedelta(days=days)).isoformat()
    return {"id": id_, "account": "acme", "person": PERSON, "score": 9, "at": at, "role": "champion", **more}


async def test_a_past_answer_counts_in_the_results_and_goes_onto_the_bus_as_old_news(stack: Stack) -> None:
    answer = await stack.api.post(PATH, json={"items": [item()]})

    assert answer.json() == {"accepted": 1, "known": 0, "refused": []}
    (event,) = await stack.outbox()
    assert isinstance(event, SurveyAnswered)
    assert (event.subject, event.personid, event.data.score, event.data.role) == ("acme", PERSON, 9, "champion")
    assert (event.time, event.receivedtime, event.backfill) == (NOW - timedelta(days=40), NOW, True)
    results = (await stack.api.get("/v1/surveys/nps/results")).json()
    assert (results["count"], results["promoters"]) == (1, 1)
    (listed,) = (await stack.api.get(PATH)).json()["items"]
    assert (listed["score"], listed["person"]) == (9, PERSON)


async def test_an_answer_of_today_is_news_unless_it_says_otherwise(stack: Stack) -> None:
    await stack.api.post(PATH, json={"items": [item(days=0), item("a-2", days=0, backfill=True)]})

    assert [event.backfill for event in await stack.outbox()] == [False, True]


async def test_the_same_answers_again_change_nothing(stack: Stack) -> None:
    body = {"items": [item("a-1"), item("a-2"), item("a-2")]}
    first = (await stack.api.post(PATH, json=body)).json()
    before = await stack.everything()

    second = (await stack.api.post(PATH, json={"items": [item("a-1", score=2), item("a-2")]})).json()

    assert (first["accepted"], first["known"]) == (2, 1)
    assert (second["accepted"], second["known"]) == (0, 2)
    assert await stack.everything() == before


async def test_an_answer_that_cannot_be_kept_refuses_only_itself(stack: Stack) -> None:
    erasure = internal.PersonErased(
        id="e1", source="ingest", subject="acme", time=NOW, receivedtime=NOW, data=internal.Erasure(person=OTHER)
    )
    await stack.fold(erasure)

    answer = await stack.api.post(
        PATH,
        json={
            "items": [
                item("a-1", person=OTHER),
                item("a-2", days=-1),
                item("a-3"),
                item("a-4", at="0001-01-01T00:00:00Z"),
            ]
        },
    )

    refused = [(one["index"], one["id"], one["code"]) for one in answer.json()["refused"]]
    assert refused == [(0, "a-1", "person_erased"), (1, "a-2", "at_in_future"), (3, "a-4", "at_too_early")]
    assert answer.json()["accepted"] == 1
    assert len(await stack.rows(responses)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"score": 11}, "items.0.score"),
        ({"person": "hana@example.com"}, "items.0.person"),
        ({"at": "now"}, "items.0.at"),
    ],
)
async def test_what_is_no_answer_is_refused_by_name(stack: Stack, change: dict[str, Any], field: str) -> None:
    answer = await stack.api.post(PATH, json={"items": [item(**change)]})

    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_answers_need_a_survey_and_the_scope_write(stack: Stack) -> None:
    nowhere = await stack.api.post("/v1/surveys/none/responses", json={"items": [item()]})
    reader = {"Authorization": f"Bearer {stack.keys['read']}"}
    forbidden = await stack.api.post(PATH, json={"items": [item()]}, headers=reader)

    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "unknown_survey")
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "missing_scope")
