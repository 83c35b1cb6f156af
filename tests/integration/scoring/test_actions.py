"""What people do to an account: notes, contacts, the owner, erasure. Over HTTP, through the log, into the timeline."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import DAY, NOON, PERSON, event, seats, usage

from cskit.testing.log import read_all
from csmodels.catalogue import parse_customer_event
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS

ACME = "/v1/accounts/acme"
WHO = PERSON.format(1)


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, scopes=("read", "write", "people")) as one:
        await one.append(seats("acme", NOON - DAY, 4, owner="sam"), usage("acme", NOON - DAY))
        yield one


async def appended(scoring: Running, type_: str) -> list[Event]:
    """The events of a type on cs.customer-events."""
    records = await read_all(scoring.platform.log, CUSTOMER_EVENTS, 10)
    return [found for r in records if (found := parse_customer_event(r.value or b"")).type == type_]


async def timeline(scoring: Running, *kinds: str) -> list[dict[str, Any]]:
    items = (await scoring.get(f"{ACME}/timeline"))["items"]
    return [item for item in items if item["kind"] in kinds]


async def test_a_note_is_kept_by_ingest_and_stands_on_the_timeline_with_its_author(scoring: Running) -> None:
    answer = await scoring.post(f"{ACME}/notes", {"text": "They move to the new plant in May."})

    assert answer["folded"] is True
    (event_,) = await appended(scoring, "note.recorded")
    assert event_.id == answer["event"]
    assert "plant" not in str(event_.to_bytes())
    (text,) = scoring.texts.texts.values()
    assert "new plant" in text
    (entry,) = await timeline(scoring, "note")
    assert entry["data"] == {"author": "sam", "text_ref": answer["text_ref"]}


async def test_a_two_way_contact_counts_at_once(scoring: Running) -> None:
    before = (await scoring.get(ACME))["last_contact_at"]

    answer = await scoring.post(
        f"{ACME}/touches",
        {"kind": "call", "direction": "both", "person": WHO, "outcome": "reached", "text": "Wants training."},
    )

    assert before is None
    assert answer["folded"] is True
    assert (await scoring.get(ACME))["last_contact_at"] == NOON.isoformat().replace("+00:00", "Z")
    (entry,) = await timeline(scoring, "touch")
    assert entry["data"] == {
        "kind": "call", "direction": "both", "person": WHO, "outcome": "reached", "text_ref": answer["text_ref"],
    }  # fmt: skip
    assert WHO in next(iter(scoring.texts.texts.values()))  # erased with the person


@pytest.mark.parametrize(("days", "backfill"), [(2, False), (4, True)])
async def test_a_contact_told_of_late_is_backfill_after_three_days(scoring: Running, days: int, backfill: bool) -> None:
    at = NOON - days * DAY

    await scoring.post(f"{ACME}/touches", {"kind": "meeting", "direction": "out", "at": at.isoformat()})

    (event_,) = await appended(scoring, "touch.recorded")
    assert (event_.time, event_.receivedtime, event_.backfill) == (at, NOON, backfill)


async def test_a_contact_in_the_future_is_refused(scoring: Running) -> None:
    body = {"kind": "meeting", "direction": "both", "at": (NOON + DAY).isoformat(), "text": "soon"}

    problem = await scoring.post(f"{ACME}/touches", body, status=422)

    assert problem["code"] == "future_touch"
    assert scoring.texts.texts == {}


async def test_an_account_is_handed_over_from_one_to_the_other(scoring: Running) -> None:
    answer = await scoring.send("PATCH", f"{ACME}/owner", {"to": "kim", "text": "Sam is on leave."})

    assert (answer["from"], answer["to"], answer["folded"]) == ("sam", "kim", True)
    assert (await scoring.get(ACME))["owner"] == "kim"
    (entry,) = await timeline(scoring, "owner")
    assert entry["data"] == {"from": "sam", "to": "kim", "text_ref": answer["text_ref"]}


async def test_an_account_may_be_nobodys(scoring: Running) -> None:
    answer = await scoring.send("PATCH", f"{ACME}/owner", {"to": None})

    assert (answer["from"], answer["to"]) == ("sam", None)
    assert (await scoring.get(ACME))["owner"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "type_"),
    [
        ("POST", "notes", {"text": "once"}, "note.recorded"),
        ("POST", "touches", {"kind": "email", "direction": "out"}, "touch.recorded"),
        ("PATCH", "owner", {"to": "kim"}, "owner.changed"),
    ],
)
async def test_a_repeat_with_one_key_is_the_same_event(
    scoring: Running, method: str, path: str, body: dict[str, Any], type_: str
) -> None:
    status = 200 if method == "PATCH" else 201

    first = await scoring.send(method, f"{ACME}/{path}", body, status, key="k1")
    second = await scoring.send(method, f"{ACME}/{path}", body, status, key="k1")
    other = await scoring.send(method, f"{ACME}/{path}", body, status, key="k2")

    assert first["event"] == second["event"] != other["event"]
    assert second == first
    assert len({each.id for each in await appended(scoring, type_)}) == 2
    assert len(await timeline(scoring, "note", "touch")) == (0 if method == "PATCH" else 2)
    assert len(await timeline(scoring, "owner")) == (1 if method == "PATCH" else 0)


@pytest.mark.parametrize("who", ["kim", "花子"])
async def test_who_acts_through_a_service_is_the_author(tmp_path: Path, who: str) -> None:
    async with running(tmp_path, scopes=["admin"]) as scoring:
        await scoring.append(seats("acme", NOON, 4))

        made = await scoring.client.post(f"{ACME}/notes", json={"text": "n"}, headers={"Kizashi-Actor": who.encode()})

        assert made.status_code == 201, made.text
        (entry,) = await timeline(scoring, "note")
        assert entry["data"]["author"] == who
        assert scoring.texts.actors == [who]


async def test_for_somebody_who_can_be_nobody_nothing_is_done(tmp_path: Path) -> None:
    async with running(tmp_path, scopes=["admin"]) as scoring:
        await scoring.append(seats("acme", NOON, 4))

        refused = await scoring.client.post(f"{ACME}/notes", json={"text": "n"}, headers={"Kizashi-Actor": "a@b"})

        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_actor")
        assert scoring.texts.texts == {}
        assert await appended(scoring, "note.recorded") == []


async def test_an_act_answers_in_time_though_the_fold_is_held_up(scoring: Running) -> None:
    scoring.hold.clear()

    answer = await scoring.post(f"{ACME}/notes", {"text": "n"})

    assert answer["folded"] is False
    assert len(await appended(scoring, "note.recorded")) == 1


async def test_a_text_that_cannot_be_kept_changes_nothing(scoring: Running) -> None:
    scoring.texts.down = True

    problem = await scoring.post(f"{ACME}/notes", {"text": "n"}, status=503)

    assert problem["code"] == "note_not_kept"
    assert await appended(scoring, "note.recorded") == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("notes", {"text": ""}),
        ("notes", {"text": "  \n"}),
        ("notes", {"text": "x" * 20_001}),
        ("notes", {"text": "a\x00b"}),
        ("touches", {"kind": "visit", "direction": "both"}),
        ("touches", {"kind": "call", "direction": "both", "person": "Ms Sato"}),
        ("touches", {"kind": "call", "direction": "both", "outcome": "They will think about it"}),
        ("touches", {"kind": "call", "direction": "both", "at": "yesterday"}),
        ("notes", {"text": "Lost?", "note": "words under a name that is not known"}),
        ("touches", {"kind": "call", "direction": "both", "when": "2026-06-30T00:00:00Z"}),
    ],
)
async def test_what_is_no_note_and_no_contact_is_refused(scoring: Running, path: str, body: dict[str, Any]) -> None:
    problem = await scoring.post(f"{ACME}/{path}", body, status=422)

    assert problem["code"]
    assert scoring.texts.texts == {}
    assert await appended(scoring, "note.recorded") == await appended(scoring, "touch.recorded") == []


async def test_of_an_unknown_account_nothing_is_recorded(scoring: Running) -> None:
    for method, path, body in (
        ("POST", "notes", {"text": "n"}),
        ("POST", "touches", {"kind": "call", "direction": "both"}),
        ("PATCH", "owner", {"to": "kim"}),
    ):
        problem = await scoring.send(method, f"/v1/accounts/nobody/{path}", body, 404)
        assert problem["code"] == "account_not_found"
    assert (await scoring.send("DELETE", "/v1/accounts/nobody", status=404))["code"] == "account_not_found"
    assert scoring.texts.texts == {}


async def test_an_erased_account_is_gone_with_its_texts_and_its_people(scoring: Running) -> None:
    await scoring.post(f"{ACME}/notes", {"text": "secret"})
    scoring.texts.texts["unheard"] = '{"text": "of an event that scoring never saw", "account": "acme"}'
    scoring.texts.texts["other"] = '{"text": "of another account", "account": "bolt"}'
    scoring.texts.people = [PERSON.format(n) for n in range(3)]

    answer = await scoring.send("DELETE", ACME)

    counts = {name: answer[name] for name in ("people", "unlinked", "users", "waiting", "texts")}
    assert counts == {"people": 3, "unlinked": 0, "users": 6, "waiting": 0, "texts": 2}
    assert (answer["account"], answer["folded"]) == ("acme", True)
    assert list(scoring.texts.texts) == ["other"]
    assert scoring.texts.people == []
    for path in ("", "/health", "/timeline", "/overrides"):
        assert (await scoring.get(f"{ACME}{path}", status=404))["code"] == "account_not_found"
    assert (await scoring.send("DELETE", ACME, status=404))["code"] == "account_not_found"
    (erased,) = await appended(scoring, "account.erased")
    assert erased.id == answer["event"]


async def test_an_erasure_that_is_under_way_says_so(scoring: Running) -> None:
    scoring.hold.clear()

    answer = await scoring.send("DELETE", ACME, status=202)

    assert answer["folded"] is False


async def test_texts_of_an_erased_account_that_are_gone_already_are_no_hindrance(scoring: Running) -> None:
    await scoring.append(event("note.recorded", "acme", NOON, {"author": "sam", "text_ref": f"ingest/{WHO}"}))

    answer = await scoring.send("DELETE", ACME)

    assert answer["texts"] == 0
    assert answer["folded"] is True


async def test_an_account_whose_people_cannot_all_be_erased_is_still_there_and_a_repeat_ends_it(
    scoring: Running,
) -> None:
    scoring.texts.people = [PERSON.format(n) for n in range(3)]
    scoring.texts.down_after = 2

    problem = await scoring.send("DELETE", ACME, status=503)

    assert problem["code"] == "people_not_erased"
    assert await appended(scoring, "account.erased") == []
    assert (await scoring.get(ACME))["account"] == "acme"
    scoring.texts.down_after = None
    answer = await scoring.send("DELETE", ACME)
    assert (answer["people"], answer["folded"]) == (1, True)


async def test_an_account_whose_texts_cannot_be_erased_is_still_there(scoring: Running) -> None:
    scoring.texts.down = True

    problem = await scoring.send("DELETE", ACME, status=503)

    assert problem["code"] == "people_not_erased"
    assert await appended(scoring, "account.erased") == []
    assert (await scoring.get(ACME))["account"] == "acme"


async def test_who_may_write_may_not_erase(tmp_path: Path) -> None:
    async with running(tmp_path) as scoring:
        await scoring.append(seats("acme", NOON, 4))

        problem = await scoring.send("DELETE", ACME, status=403)

        assert problem["code"] == "missing_scope"
        assert await appended(scoring, "account.erased") == []


async def test_who_may_read_may_not_write(tmp_path: Path) -> None:
    async with running(tmp_path, scopes=["read"]) as scoring:
        await scoring.append(seats("acme", NOON, 4))

        answers: list[httpx.Response] = [
            await scoring.client.post(f"{ACME}/notes", json={"text": "n"}),
            await scoring.client.post(f"{ACME}/touches", json={"kind": "call", "direction": "both"}),
            await scoring.client.patch(f"{ACME}/owner", json={"to": "kim"}),
        ]

        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert scoring.texts.texts == {}
