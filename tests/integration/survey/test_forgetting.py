"""What survey does when people or accounts are erased or merged; and its way onto the log."""

import asyncio
from typing import Any

from tests.integration.survey.stack import PERSON, Stack

from cskit import migrate
from cskit.messages import event_record
from csmodels.envelope import Event
from csmodels.examples import message
from csmodels.internal import AccountErased, ContactMerged, PersonErased, SurveyAnswered
from csmodels.topics import CUSTOMER_EVENTS
from survey.tables import invitations, metadata, responses, texts

OTHER = "11111111-1111-4111-8111-111111111111"


def person_erased(person: str) -> Event:
    return PersonErased.model_validate(message("person.erased", {"person": person}))


def merged(from_: str, into: str) -> Event:
    return ContactMerged.model_validate(message("contact.merged", {"from": from_, "into": into}))


def account_erased(account: str) -> Event:
    return AccountErased.model_validate(message("account.erased", {"account": account}, subject=account))


async def answered(stack: Stack, **body: object) -> str:
    link = await stack.invite(**body)  # type: ignore[arg-type]
    await stack.answer(link, 3, "Too slow")
    return link


async def people_in(stack: Stack) -> list[set[Any]]:
    return [{row["person"] for row in await stack.rows(table)} for table in (invitations, responses, texts)]


async def test_an_erased_persons_links_and_comments_are_gone_and_the_score_is_nobodys(stack: Stack) -> None:
    gone, kept = await answered(stack), await answered(stack, person=OTHER)

    await stack.fold(person_erased(PERSON))

    assert await people_in(stack) == [{OTHER}, {OTHER, None}, {OTHER}]
    assert (await stack.browser.get(gone)).status_code == 404
    assert (await stack.browser.get(kept)).status_code == 200
    assert (await stack.api.get("/v1/surveys/nps/results")).json()["count"] == 2
    listed = (await stack.api.get("/v1/surveys/nps/responses")).json()["items"]
    assert {(each["person"], each["comment"]) for each in listed} == {(None, None), (OTHER, "Too slow")}


async def test_of_an_erased_account_nothing_is_left(stack: Stack) -> None:
    await answered(stack)
    await answered(stack, account="other", person=OTHER)

    await stack.fold(account_erased("acme"))

    for table in (invitations, responses, texts):
        assert [row["account"] for row in await stack.rows(table)] == ["other"]


async def test_a_merged_persons_answers_go_to_whom_they_became(stack: Stack) -> None:
    link = await answered(stack)
    last = "22222222-2222-4222-8222-222222222222"

    await stack.fold(merged(PERSON, OTHER), merged(OTHER, last))
    await stack.answer(link, 9)

    assert await people_in(stack) == [{last}, {last}, set()]
    event = (await stack.outbox())[-1]
    assert isinstance(event, SurveyAnswered)
    assert event.personid == last


async def test_a_batch_that_is_given_again_changes_nothing(stack: Stack) -> None:
    await answered(stack)
    await answered(stack, person=OTHER)
    batch = [merged(PERSON, OTHER), account_erased("nobody"), person_erased("33333333-3333-4333-8333-333333333333")]
    await stack.fold(*batch)
    before = await stack.everything()

    await stack.fold(*batch)

    assert await stack.everything() == before


async def test_a_batch_of_two_thousand_is_taken(stack: Stack) -> None:
    await answered(stack)
    strangers = [f"00000000-0000-4000-8000-{n:012x}" for n in range(2_000)]

    await stack.fold(*(merged(each, PERSON) for each in strangers), person_erased(PERSON))

    assert await people_in(stack) == [set(), {None}, set()]


async def until(found: Any, seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await found():
            await asyncio.sleep(0.02)


async def test_running_the_answer_reaches_the_log_and_an_erasure_on_the_log_reaches_survey(stack: Stack) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(stack.platform.run([stack.service], stop))
    try:
        await answered(stack)

        async def sent() -> bool:
            return not await stack.outbox()

        await until(sent)
        await stack.platform.log.append([event_record(CUSTOMER_EVENTS, person_erased(PERSON))])

        async def forgotten() -> bool:
            return not await stack.rows(invitations)

        await until(forgotten)
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)

    ends = await stack.platform.log.end_offsets(CUSTOMER_EVENTS)
    assert sum(ends.values()) == 2


async def test_the_migration_makes_what_the_tables_say(stack: Stack) -> None:
    problems = await stack.service.database.migrate(lambda connection: migrate.differences(connection, metadata))

    assert problems == []


async def test_the_service_is_ready(stack: Stack) -> None:
    assert (await stack.browser.get("/readyz")).status_code == 200


async def test_nobody_is_asked_in_the_name_of_an_erased_person_and_an_old_link_is_not_given_again(stack: Stack) -> None:
    await stack.invite(key="before")
    await stack.fold(person_erased(PERSON))

    for key in ("before", "after"):
        answer = await stack.api.post(
            "/v1/surveys/nps/invitations",
            json={"account": "acme", "person": PERSON},
            headers={"Idempotency-Key": key},
        )

        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "person_erased", "person")
    assert await stack.rows(invitations) == []


async def test_an_invitation_under_a_merged_id_is_one_of_whom_the_person_became(stack: Stack) -> None:
    last = "22222222-2222-4222-8222-222222222222"
    await stack.fold(merged(PERSON, OTHER))
    await stack.fold(merged(OTHER, last))

    link = await stack.invite(key="k")
    await stack.answer(link, 9)

    assert await stack.invite(key="k") == link
    assert [row["person"] for row in await stack.rows(invitations)] == [last]
    event = (await stack.outbox())[-1]
    assert isinstance(event, SurveyAnswered)
    assert event.personid == last


async def test_a_merge_told_after_its_target_was_merged_or_erased_ends_where_the_target_did(stack: Stack) -> None:
    last, third = "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"
    await answered(stack)
    await stack.fold(merged(OTHER, last))
    await stack.fold(merged(PERSON, OTHER))

    assert await people_in(stack) == [{last}, {last}, {last}]

    await stack.fold(person_erased(last))
    await answered(stack, person=third)
    await stack.fold(merged(third, PERSON))

    assert await people_in(stack) == [set(), {None}, set()]


async def test_an_invitation_and_an_erasure_at_once_leave_no_link(stack: Stack) -> None:
    people = [f"00000000-0000-4000-8000-{n:012x}" for n in range(30)]

    async def ask(person: str) -> int:
        body = {"account": "acme", "person": person}
        return (await stack.api.post("/v1/surveys/nps/invitations", json=body)).status_code

    found = await asyncio.gather(*(ask(each) for each in people), *(stack.fold(person_erased(each)) for each in people))

    assert set(found) <= {201, 422, None}
    assert await stack.rows(invitations) == []
