"""Why a score changed, and what befell an account, over HTTP."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.server import NOTE, Running, running
from tests.integration.scoring.world import DAY, HOUR, NOON, SECOND, TEXT, busy_weeks, event, seats, tick, ticket, usage

from csmodels.partitioning import partition_of


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def adds_up(why: dict[str, Any]) -> bool:
    parts = why["data"] + why["configuration"] + why["override"]
    lines = sum(one["change"] for one in why["adjustments"])
    measures = sum(one["after"] - one["before"] for one in why["measures"])
    change = why["to"]["score"] - why["from"]["score"]
    return all(abs(each - why["change"]) < 1e-9 for each in (parts, measures + lines, change))


async def test_a_change_is_explained_by_the_measure_that_moved_with_the_events_behind_it(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))
    scoring.world.advance(DAY)
    await scoring.append(ticket("acme", NOON + DAY, NOON, severity=2))

    why = await scoring.get("/v1/accounts/acme/explanation", **{"from": text(NOON + HOUR)})

    assert why["measures"][0]["measure"] == "open_tickets"
    assert why["measures"][0]["after"] < why["measures"][0]["before"]
    assert why["change"] < 0
    assert why["data"] == pytest.approx(why["change"])
    assert why["events"] == [ticket("acme", NOON + DAY, NOON, severity=2).id]
    assert (why["from"]["view"], why["to"]["view"]) == ("known", "known")
    assert adds_up(why)


async def test_an_override_and_a_cap_are_lines_of_their_own(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))
    scoring.world.advance(DAY)
    await scoring.append(ticket("acme", NOON + DAY, NOON - DAY))
    body = {"points": -3.0, "note": "They told me so.", "expires_at": (NOON + 9 * DAY).isoformat()}
    await scoring.post("/v1/accounts/acme/overrides", body)

    why = await scoring.get("/v1/accounts/acme/explanation", **{"from": text(NOON + HOUR)})

    assert {(one["kind"], one["reason"]) for one in why["adjustments"]} == {
        ("override", "override"),
        ("cap", "severity_1_overdue"),
    }
    assert why["override"] == -3.0
    assert adds_up(why)


async def test_before_the_first_record_the_facts_of_today_tell_the_score(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))

    why = await scoring.get("/v1/accounts/acme/explanation", **{"from": text(NOON - 10 * DAY)})

    assert (why["from"]["view"], why["from"]["version"]) == ("corrected", None)
    assert why["to"]["view"] == "known"
    assert adds_up(why)


async def test_an_explanation_of_the_past_leaves_out_what_came_later(scoring: Running) -> None:
    partition = partition_of("acme")
    await scoring.append(*busy_weeks(["acme"]))
    await scoring.append(tick(NOON.replace(hour=0) + DAY), partition=partition)
    await scoring.append(ticket("acme", NOON + 2 * DAY, NOON + 2 * DAY, severity=2))

    why = await scoring.get(
        "/v1/accounts/acme/explanation", **{"from": text(NOON + HOUR), "to": text(NOON.replace(hour=6) + DAY)}
    )

    assert why["events"] == []
    assert abs(why["change"]) < 5
    assert adds_up(why)


async def test_a_span_that_ends_before_it_begins_is_refused(scoring: Running) -> None:
    await scoring.append(usage("acme", NOON))

    problem = await scoring.get("/v1/accounts/acme/explanation", status=422, **{"from": text(NOON + 400 * DAY)})

    assert problem["code"] == "from_after_to"
    assert (await scoring.get("/v1/accounts/nobody/explanation", status=404))["code"] == "account_not_found"


async def test_the_timeline_tells_everything_once_the_newest_first_page_by_page(scoring: Running) -> None:
    person = {"who": 1}
    await scoring.append(
        seats("acme", NOON - 9 * DAY, 4),
        event("contract.changed", "acme", NOON - 8 * DAY, {"contract": "c1", "status": "active", "mrr": "100"}),
        event("contact.described", "acme", NOON - 8 * DAY, {"role": "champion"}, **person),
        ticket("acme", NOON - 7 * DAY, NOON - 7 * DAY, severity=3),
        event("touch.recorded", "acme", NOON - 6 * DAY, {"kind": "call", "direction": "both"}, **person),
        event("note.recorded", "acme", NOON - 5 * DAY, NOTE),
        event("milestone.reached", "acme", NOON - 4 * DAY, {"milestone": "first_report"}),
        ticket("acme", NOON - 3 * DAY, NOON - 7 * DAY, severity=3, status="solved"),
        event("voice.recorded", "acme", NOON - 2 * DAY, {"sentiment": -1, "text_ref": TEXT}, **person),
    )

    pages, cursor = [], None
    while True:
        place: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = await scoring.get("/v1/accounts/acme/timeline", limit=4, **place)
        pages.append(page["items"])
        if (cursor := page["next"]) is None:
            break

    told = [entry for items in pages for entry in items]
    assert all(len(items) <= 4 for items in pages)
    assert [entry["at"] for entry in told] == sorted((entry["at"] for entry in told), reverse=True)
    assert len({entry["id"] for entry in told}) == len(told)
    assert [entry["kind"] for entry in told if entry["kind"] != "health"] == [
        "voice", "ticket", "milestone", "note", "touch", "ticket", "contract", "contact",
    ]  # fmt: skip
    assert [entry["data"]["status"] for entry in told if entry["kind"] == "ticket"] == ["solved", "open"]
    assert next(entry for entry in told if entry["kind"] == "note")["data"] == NOTE
    health = [entry for entry in told if entry["kind"] == "health"]
    assert "previous_score" not in health[-1]["data"]
    assert [entry["data"]["version"] for entry in health] == list(range(len(health), 0, -1))


async def test_a_foreign_cursor_of_the_timeline_is_refused(scoring: Running) -> None:
    await scoring.append(usage("acme", NOON))
    cursor = (await scoring.get("/v1/accounts", limit=1))["next"] or "bm9uZQ"

    assert (await scoring.get("/v1/accounts/acme/timeline", status=422, cursor=cursor))["code"] == "invalid_cursor"


async def test_a_list_of_accounts_says_why(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), ticket("acme", NOON, NOON - DAY))
    health = await scoring.get("/v1/accounts/acme/health")

    (account,) = (await scoring.get("/v1/accounts", stage="adoption"))["items"]

    assert account["contributions"] == health["contributions"]
    assert account["adjustments"] == health["adjustments"]
    assert (await scoring.get("/v1/accounts", stage="churned"))["items"] == []


async def test_the_change_of_an_imported_account_is_told_by_its_facts(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), usage("new", NOON))
    week = text(NOON - 7 * DAY)
    rows = (await scoring.get("/v1/accounts/acme/history", view="corrected", **{"from": week, "to": week}))["items"]

    listed = {one["account"]: one for one in (await scoring.get("/v1/accounts"))["items"]}

    assert listed["acme"]["change"] == pytest.approx(listed["acme"]["score"] - rows[0]["score"])
    assert listed["new"]["change"] is None


async def test_before_anything_was_known_of_an_account_there_was_no_score(scoring: Running) -> None:
    await scoring.append(usage("acme", NOON - 2 * DAY, received=NOON), ticket("acme", NOON, NOON - DAY))
    long_ago: dict[str, Any] = {"from": text(NOON - 40 * DAY)}

    rows = (await scoring.get("/v1/accounts/acme/history", view="corrected", **long_ago))["items"]
    why = await scoring.get("/v1/accounts/acme/explanation", **long_ago)

    begun = (NOON - 2 * DAY).replace(hour=0)
    assert [datetime.fromisoformat(row["at"]).date() for row in rows] == [(begun + n * DAY).date() for n in range(3)]
    assert datetime.fromisoformat(why["from"]["at"]) == begun
    assert adds_up(why)
    refused = await scoring.client.get("/v1/accounts/acme/explanation", params={"to": text(NOON - 30 * DAY)})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "no_score_yet", "to")


async def test_many_changes_of_one_moment_are_told_in_order_and_none_is_lost(scoring: Running) -> None:
    ahead = NOON + HOUR  # as of which everything is scored that comes within the hour
    await scoring.append(*busy_weeks(["acme"]), usage("acme", ahead, received=ahead))
    for number in range(30):
        status = "open" if number % 2 == 0 else "solved"
        await scoring.append(ticket("acme", NOON + number * SECOND, NOON - DAY, status=status))

    told, cursor = [], None
    while True:
        place: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = await scoring.get("/v1/accounts/acme/timeline", limit=3, **place)
        told += page["items"]
        if (cursor := page["next"]) is None:
            break

    versions = [entry["data"]["version"] for entry in told if entry["kind"] == "health"]
    assert versions == list(range(len(versions), 0, -1))
    assert len(versions) > 25
    assert len({entry["at"] for entry in told if entry["kind"] == "health"}) < 4
    assert len({entry["id"] for entry in told}) == len(told)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_moments_beyond_all_bounds_are_explained_or_refused(scoring: Running, moment: str) -> None:
    await scoring.append(*busy_weeks(["acme"]))

    for name in ("from", "to"):
        answer = await scoring.client.get("/v1/accounts/acme/explanation", params={name: moment})
        assert answer.status_code in (200, 422), answer.text


async def test_facts_tell_nothing_of_what_lies_beyond_the_days_they_are_kept(scoring: Running) -> None:
    old = {"milestone": "signed"}
    await scoring.append(
        *busy_weeks(["acme"]), event("milestone.reached", "acme", NOON - 600 * DAY, old, received=NOON)
    )

    why = await scoring.get("/v1/accounts/acme/explanation", **{"from": text(NOON - 500 * DAY)})

    assert NOON - 401 * DAY < datetime.fromisoformat(why["from"]["at"]) < NOON - 399 * DAY
