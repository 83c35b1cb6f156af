"""From what scoring and survey publish to tasks, webhooks and events."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.integration.playbook.conftest import (
    NOW,
    Stack,
    answer,
    erased,
    health,
    person_erased,
    usage,
    webhooks,
)

from cskit.headers import unpacked
from cskit.messages import UnitOfWork
from csmodels.ids import derived_id
from playbook.tables import PLUMBING, accounts, erased_accounts, notes, runs, tasks, timers

RESCUE = "rescue-declining-usage"
DETRACTOR = "detractor-follow-up"


async def test_a_red_account_gets_one_task_and_one_webhook(stack: Stack) -> None:
    await stack.add_staff()

    await stack.fold(health(7))

    (task,) = await stack.rows(tasks)
    assert task["id"] == derived_id(RESCUE, "acme", "acme:7", "call", "1")
    assert (task["account"], task["owner"], task["status"], task["priority"]) == ("acme", "s-1", "open", "high")
    assert task["due_at"] == datetime(2026, 6, 3, 8, tzinfo=UTC)  # five in the afternoon in Tokyo
    assert task["remind_at"] == datetime(2026, 6, 2, 8, tzinfo=UTC)
    assert [event.type for event in await stack.outbox()] == ["run.started", "task.created"]
    created, crm = await stack.rows(webhooks)
    assert (created["endpoint"], created["type"]) == ("*", "task.created")
    assert created["data"]["title"].keys() == {"en", "ja"}
    assert (crm["endpoint"], crm["id"]) == ("crm", derived_id(RESCUE, "acme", "acme:7", "tell-crm", "1"))
    assert crm["data"] == {
        "account": "acme", "playbook": RESCUE, "run": task["run"], "step": "tell-crm", "reason": "health_red",
        "score": 71.29743, "band": "red", "previous_band": "yellow", "owner": "s-1",
    }  # fmt: skip


async def test_a_batch_that_was_rolled_back_and_handled_again_gives_the_same(stack: Stack) -> None:
    batch = [health(1, "yellow", "grey"), health(7), answer(3), usage(), health(2, account="beta")]
    with pytest.raises(RuntimeError, match="crash"):
        async with stack.service.database.write() as tx:
            await stack.handler.on_batch(stack.messages(batch), UnitOfWork(tx, PLUMBING))
            await tx.flush()
            raise RuntimeError("crash")
    assert not any((await stack.everything()).values())

    stack.handler.forget()
    await stack.fold(*batch)
    first = await stack.everything()
    await stack.fold(*batch)

    assert await stack.everything() == first
    assert len(first["tasks"]) == 3


async def test_it_makes_no_difference_how_the_log_is_cut(stack: Stack) -> None:
    events = [health(1, "yellow", "grey"), health(2), answer(3), answer(2, "r2"), health(3, "green", "red")]
    for event in events:
        await stack.fold(event)
    one_by_one = await stack.everything()
    others = [
        type(event).model_validate({**event.model_dump(by_alias=True), "subject": "beta", "id": str(event.id).replace("acme", "beta")})  # noqa: E501
        for event in events
    ]  # fmt: skip

    await stack.fold(*others)

    def shape(rows: list[dict[str, Any]], account: str) -> list[Any]:
        return sorted(
            (row["playbook"], row["status"], row["version"], row["reason"]) for row in rows if row["account"] == account
        )

    assert shape(await stack.rows(tasks), "beta") == shape(one_by_one["tasks"], "acme")
    assert len(await stack.rows(webhooks)) == 2 * len(one_by_one["sent_webhooks"])


async def test_an_older_or_repeated_health_changes_nothing(stack: Stack) -> None:
    await stack.fold(health(7, "yellow", "green"))
    before = await stack.everything()

    await stack.fold(health(6), health(7))

    assert await stack.everything() == before


async def test_a_recovered_account_ends_its_running_playbook(stack: Stack) -> None:
    await stack.fold(health(7))

    await stack.fold(health(8, "green", "red"))

    (run,) = await stack.rows(runs)
    (task,) = await stack.rows(tasks)
    assert (run["state"], run["reason"]) == ("ended", "exit")
    assert (task["status"], task["reason"]) == ("cancelled", "no_longer_needed")
    assert [event.type for event in await stack.outbox()][2:] == ["task.changed", "run.ended"]


async def test_red_again_within_thirty_days_starts_nothing_and_afterwards_it_does(stack: Stack) -> None:
    await stack.fold(health(1), health(2, "green", "red"), health(3))
    assert len(await stack.rows(runs)) == 1

    stack.world.advance(timedelta(days=30))
    await stack.fold(health(4, "yellow", "red"), health(5))

    assert len(await stack.rows(runs)) == 2


async def test_a_task_may_close_and_another_of_its_step_open_in_one_batch(stack: Stack) -> None:
    await stack.fold(health(1))
    stack.world.advance(timedelta(days=31))

    await stack.fold(health(2, "green", "red"), health(3))

    assert sorted(task["status"] for task in await stack.rows(tasks)) == ["cancelled", "open"]


async def test_an_answer_is_followed_up_once_however_often_it_is_changed(stack: Stack) -> None:
    await stack.fold(health(1, "yellow", "grey"))

    await stack.fold(answer(3), answer(3, revision=2))
    await stack.fold(answer(2, revision=3))

    (run,) = await stack.rows(runs)
    (task,) = await stack.rows(tasks)
    assert (run["cause"], run["event"]["id"], run["state"]) == ("r1", "r1:1", "running")
    assert (task["version"], task["run"]) == (1, run["id"])
    assert sorted(row["type"] for row in await stack.rows(webhooks)) == ["playbook.step", "task.created"]


async def test_an_answer_that_becomes_bad_later_is_followed_up_then(stack: Stack) -> None:
    await stack.fold(health(1, "yellow", "grey"), answer(9))

    await stack.fold(answer(3, revision=2))

    assert [run["event"]["id"] for run in await stack.rows(runs)] == ["r1:2"]


async def test_another_answer_updates_the_open_task(stack: Stack) -> None:
    await stack.fold(health(1, "yellow", "grey"))

    await stack.fold(answer(3), answer(2, "r2"))

    (task,) = await stack.rows(tasks)
    older, newer = sorted(await stack.rows(runs), key=lambda run: run["cause"])
    assert (task["version"], task["reason"], task["run"]) == (2, "triggered_again", newer["id"])
    assert (older["state"], older["reason"]) == ("ended", "superseded")
    assert newer["state"] == "running"


async def test_a_promoter_starts_nothing(stack: Stack) -> None:
    await stack.fold(health(1, "yellow", "grey"), answer(9))

    assert await stack.rows(runs) == []


async def test_old_news_starts_nothing_but_is_remembered(stack: Stack) -> None:
    await stack.fold(health(1, backfill=True), answer(3, backfill=True))

    assert await stack.rows(runs) == []
    assert [row["version"] for row in await stack.rows(accounts)] == [1]


async def test_a_playbook_may_ask_for_old_news(stack: Stack) -> None:
    text = (await stack.api.get(f"/v1/playbooks/{RESCUE}")).json()["document"]
    applied = await stack.api.post(
        "/v1/playbooks", content=text.replace("  on: health.changed", "  on: health.changed\n  backfill: true")
    )
    assert applied.status_code == 201, applied.text

    await stack.fold(health(1, backfill=True))

    assert [run["version"] for run in await stack.rows(runs)] == [2]


async def test_an_answer_before_the_first_health_waits_for_it(stack: Stack) -> None:
    await stack.fold(answer(3))
    (run,) = await stack.rows(runs)
    assert (run["state"], await stack.rows(tasks)) == ("waiting", [])

    await stack.fold(health(1, "yellow", "grey"))

    (run,) = await stack.rows(runs)
    (task,) = await stack.rows(tasks)
    assert (run["state"], task["owner"]) == ("running", "s-1")
    assert [event.type for event in await stack.outbox()] == ["run.started", "task.created"]


async def test_the_hour_of_waiting_is_a_timer(stack: Stack) -> None:
    await stack.fold(answer(3))

    stack.world.advance(timedelta(hours=1))
    assert await stack.timers.fire() == 1

    (run,) = await stack.rows(runs)
    (task,) = await stack.rows(tasks)
    assert (run["state"], task["owner"]) == ("running", None)
    assert task["due_at"] == datetime(2026, 6, 2, 17, tzinfo=UTC)  # in the portfolio's zone: the owner is not known


async def test_usage_is_passed_over_without_a_look_at_the_account(stack: Stack) -> None:
    await stack.fold(usage(), usage("beta"))

    assert await stack.rows(accounts) == []


async def test_only_what_a_playbook_speaks_of_is_wanted(stack: Stack) -> None:
    before = await stack.handler.wanted()
    text = (await stack.api.get(f"/v1/playbooks/{DETRACTOR}")).json()["document"]
    on_usage = text.replace("on: survey.answered", "on: usage.tracked").replace(
        "when: 'event.data.kind == \"nps\" && event.data.score <= 6'", "when: 'event.data.count > 100'"
    )
    applied = await stack.api.post("/v1/playbooks", content=on_usage)
    assert applied.status_code == 201, applied.text

    after = await stack.handler.wanted()

    wanted = ("health.changed", "account.erased", "person.erased", "survey.answered")
    assert all(before(kind) for kind in wanted)
    assert not any(before(kind) for kind in ("usage.tracked", "ticket.changed", "clock.ticked", "contact.merged"))
    assert after("usage.tracked")
    assert not after("survey.answered")


async def test_an_erased_account_leaves_no_health_no_note_and_no_open_task(stack: Stack) -> None:
    await stack.fold(health(6, "yellow", "grey"), answer(3))
    (listen,) = await stack.rows(tasks)
    body = {"outcome": "reached", "note": "Wants the report back."}
    assert (await stack.api.post(f"/v1/tasks/{listen['id']}/complete", json=body)).status_code == 200
    await stack.fold(health(7))
    assert len(await stack.rows(notes)) == 1

    await stack.fold(erased())

    ended = {run["playbook"]: run["reason"] for run in await stack.rows(runs)}
    assert ended == {RESCUE: "account_erased", "detractor-follow-up": "completed"}
    assert sorted(task["status"] for task in await stack.rows(tasks)) == ["cancelled", "completed"]
    assert await stack.rows(accounts) == await stack.rows(notes) == []


PERSON = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


@pytest.mark.parametrize("one_batch", [True, False])
async def test_health_from_before_an_erasure_brings_nothing_back(stack: Stack, one_batch: bool) -> None:
    await stack.fold(health(1, "yellow", "grey", offset=40))
    overtaken = [health(2, offset=49), health(3, offset=49, account="beta")]
    if one_batch:
        await stack.fold(erased(), *overtaken, offset=50)
    else:
        await stack.fold(erased(), offset=50)
        await stack.fold(*overtaken)

    assert [row["account"] for row in await stack.rows(accounts)] == ["beta"]
    assert [run["account"] for run in await stack.rows(runs)] == ["beta"]
    assert await stack.rows(erased_accounts) == [{"account": "acme", "partition": 0, "offset": 50}]

    await stack.fold(health(4, offset=51))

    assert [row["version"] for row in await stack.rows(accounts)] == [4, 3]
    assert [run["account"] for run in await stack.rows(runs)].count("acme") == 1


async def test_an_erased_account_leaves_no_person_in_its_runs_and_no_timer(stack: Stack) -> None:
    await stack.fold(health(6, "yellow", "grey"), answer(3, personid=PERSON))
    (task,) = await stack.rows(tasks)
    done = await stack.api.post(f"/v1/tasks/{task['id']}/complete", json={"outcome": "reached"})
    assert done.status_code == 200
    await stack.fold(answer(3, "r2", personid=OTHER))
    assert {PERSON, OTHER} == {run["event"]["personid"] for run in await stack.rows(runs)}

    await stack.fold(erased())

    assert [run["event"] for run in await stack.rows(runs)] == [{}, {}]
    assert await stack.rows(timers) == []
    again = await stack.api.post(f"/v1/tasks/{task['id']}/complete", json={"outcome": "reached"})
    assert again.status_code == 200
    assert await stack.rows(accounts) == []


async def test_nothing_from_before_an_erasure_in_its_batch_is_sent_or_waited_for(stack: Stack) -> None:
    before = [health(1, offset=40), health(1, account="beta")]

    await stack.fold(*before, erased(), health(2, "yellow", "grey", offset=60), answer(3), offset=50)

    (again,) = [run["id"] for run in await stack.rows(runs) if run["cause"] == "r1"]
    told = [(row["data"]["account"], row["type"], row["run"] == again) for row in await stack.rows(webhooks)]
    assert told == [
        ("beta", "task.created", False),
        ("beta", "playbook.step", False),
        ("acme", "task.changed", False),  # cancelled, by the erasure
        ("acme", "task.created", True),
        ("acme", "playbook.step", True),
    ]
    (task,) = [task["id"] for task in await stack.rows(tasks) if task["run"] == again]
    assert {timer["subject"] for timer in await stack.rows(timers) if timer["account"] == "acme"} == {task}


async def test_an_erased_person_is_taken_out_of_what_started_runs(stack: Stack) -> None:
    await stack.fold(health(6, "yellow", "grey"), answer(3, personid=PERSON))
    (task,) = await stack.rows(tasks)
    await stack.api.post(f"/v1/tasks/{task['id']}/complete", json={"outcome": "reached"})
    await stack.fold(answer(3, "r2", personid=PERSON), answer(3, "r3", account="beta", personid=PERSON))

    await stack.fold(answer(3, "r4", personid=OTHER), person_erased(PERSON), answer(3, "r5", personid=OTHER))

    people = {run["cause"]: run["event"].get("personid") for run in await stack.rows(runs)}
    assert people == {"r1": None, "r2": None, "r3": PERSON, "r4": OTHER, "r5": OTHER}
    assert {run["event"]["data"]["score"] for run in await stack.rows(runs)} == {3}


async def test_the_notes_on_tasks_that_a_person_gave_rise_to_go_with_the_person(stack: Stack) -> None:
    await stack.fold(health(6, "yellow", "grey"))
    for number, person in enumerate((PERSON, OTHER), start=1):
        await stack.fold(answer(3, f"r{number}", personid=person))
        (task,) = [each for each in await stack.rows(tasks) if each["status"] == "open"]
        done = {"outcome": "reached", "note": f"of {person}"}
        assert (await stack.api.post(f"/v1/tasks/{task['id']}/complete", json=done)).status_code == 200

    await stack.fold(person_erased(PERSON))

    assert [note["text"] for note in await stack.rows(notes)] == [f"of {OTHER}"]


async def test_an_erasure_and_older_news_of_an_account_at_once_leave_nothing_behind(stack: Stack) -> None:
    names = [f"a{n}" for n in range(8)]
    await stack.fold(*(health(1, "yellow", "grey", account=name, offset=1) for name in names))
    batches = [(erased(name), health(2, account=name, offset=49)) for name in names]

    await asyncio.gather(*(stack.fold(event, offset=50) for batch in batches for event in batch))

    assert await stack.rows(accounts) == []
    assert all(run["state"] == "ended" for run in await stack.rows(runs))


async def test_a_run_keeps_the_version_it_started_with(stack: Stack) -> None:
    await stack.fold(health(7))
    text = (await stack.api.get(f"/v1/playbooks/{RESCUE}")).json()["document"]
    never = text.replace('health.band == "green"\'', 'health.band == "green" && health.score > 1000.0\'')
    assert (await stack.api.post("/v1/playbooks", content=never)).status_code == 201

    await stack.fold(health(8, "green", "red"))

    (run,) = await stack.rows(runs)
    assert (run["version"], run["reason"]) == (1, "exit")


async def test_a_playbook_that_is_switched_off_starts_nothing(stack: Stack) -> None:
    assert (await stack.api.patch(f"/v1/playbooks/{RESCUE}", json={"active": False})).status_code == 200

    await stack.fold(health(7))

    assert await stack.rows(runs) == []


async def test_the_trace_of_the_event_goes_on_with_what_it_causes(stack: Stack) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    (seen,) = stack.messages([health(7)])
    async with stack.service.database.write() as tx:
        traced = type(seen)(seen.event, seen.topic, 0, 0, NOW, (("traceparent", trace.encode()),))
        await stack.handler.on_batch([traced], UnitOfWork(tx, PLUMBING))

    headers = [unpacked(row["headers"]) for row in await stack.rows(PLUMBING.outbox)]
    assert headers == [(("traceparent", trace.encode()),)] * 2


async def test_consumers_and_people_that_change_one_account_at_once_do_not_lose_each_other(stack: Stack) -> None:
    await stack.fold(health(1, "yellow", "grey"))
    events = [health(2), *(answer(3, response=f"r{n}") for n in range(6))]

    await asyncio.gather(*(stack.fold(event) for event in events))

    by_playbook = sorted((task["playbook"], task["version"]) for task in await stack.rows(tasks))
    assert by_playbook == [("detractor-follow-up", 6), (RESCUE, 1)]
    states = sorted((run["playbook"], run["state"]) for run in await stack.rows(runs))
    assert states == [("detractor-follow-up", "ended")] * 5 + [("detractor-follow-up", "running"), (RESCUE, "running")]
    assert {timer["kind"] for timer in await stack.rows(timers)} == {"remind", "due"}
