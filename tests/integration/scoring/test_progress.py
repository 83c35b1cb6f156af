"""Progress of accounts over HTTP, with the real runner on a SQLite log."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import APIRouter
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import (
    DAY,
    HOUR,
    NOON,
    Scoring,
    Stream,
    busy_weeks,
    control,
    event,
    seats,
    tick,
    usage,
)

from cskit.auth import KeyFile, Keys, new_key
from cskit.clock import Clocks, RealClock
from cskit.db import Database
from cskit.http import make_app
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from scoring.api.progress import progress_route
from scoring.catalogue import Catalogue, ReadingRules
from scoring.scorecards import built_in

ACME = "/v1/accounts/acme"


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


def contract(at: datetime = NOON, **fields: Any) -> Event:
    return event("contract.changed", "acme", at, {"contract": "c1", "status": "active", **fields})


def milestone(at: datetime, name: str) -> Event:
    return event("milestone.reached", "acme", at, {"milestone": name})


async def test_a_new_customer_shows_its_onboarding(scoring: Running) -> None:
    await scoring.append(
        seats("acme", NOON, 10),
        contract(NOON - 20 * DAY, starts_on=date(2026, 6, 11), ends_on=date(2027, 6, 10), term_months=12),
        milestone(NOON - 10 * DAY, "kickoff"),
        usage("acme", NOON),
    )

    told = await scoring.get(f"{ACME}/progress")

    assert (told["account"], told["stage"], told["since"]) == ("acme", "onboarding", "2026-06-11T12:00:00Z")
    assert (told["at"], told["scorecard"]) == ("2026-07-01T12:00:00Z", "default@1")
    onboarding = told["onboarding"]
    assert (onboarding["began"], onboarding["last_day"]) == ("2026-06-11", "2026-10-08")
    assert (onboarding["outcome"], onboarding["ended_at"], onboarding["connected"]) == ("running", None, True)
    assert onboarding["milestones"] == [
        {"name": "kickoff", "weight": 1.0, "due_on": "2026-06-25", "reached_at": "2026-06-21T12:00:00Z"},
        {"name": "data_imported", "weight": 2.0, "due_on": "2026-07-11", "reached_at": None},
        {"name": "go_live", "weight": 3.0, "due_on": "2026-08-10", "reached_at": None},
    ]
    assert onboarding["first_value"] == {
        "milestone": "first_value", "target_days": 45, "due_on": "2026-07-26", "days": 20, "reached_at": None,
    }  # fmt: skip
    renewal = told["renewal"]
    assert (renewal["contract"], renewal["begun"], renewal["begins"], renewal["days_left"]) == (
        "c1", False, "2027-02-10", 344,
    )  # fmt: skip
    assert [item["name"] for item in renewal["checklist"]] == ["renewal_review", "renewal_proposal", "renewal_agreed"]
    assert told["notices"] == []


async def test_stage_level_and_scorecard_are_those_of_the_health(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4), *busy_weeks(["acme"]), contract(starts_on=date(2025, 1, 1)))

    told, health = await scoring.get(f"{ACME}/progress"), await scoring.get(f"{ACME}/health")

    adoption = told["adoption"]
    assert (told["stage"], adoption["level"]) == (health["stage"], health["adoption_level"])
    assert told["scorecard"] == health["scorecard"]
    assert adoption["active"] > 0
    values = {one["measure"]: one["value"] for one in health["contributions"]}
    assert adoption["needs"]
    assert all(need["value"] == values[need["measure"]] for need in adoption["needs"])


async def test_a_notice_of_cancellation_is_told_until_the_contract_ends(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4), contract(ends_on=date(2026, 7, 31), cancelled_at=NOON - DAY))

    before = await scoring.get(f"{ACME}/progress")
    scoring.world.advance(31 * DAY)
    after = await scoring.get(f"{ACME}/progress")

    assert before["stage"] == "churning"
    assert before["notices"] == [{"contract": "c1", "cancelled_at": "2026-06-30T12:00:00Z", "ends_on": "2026-07-31"}]
    assert (after["stage"], after["since"], after["notices"]) == ("churned", "2026-08-01T00:00:00Z", [])


async def test_a_stopped_usage_feed_takes_no_level_away(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4), *busy_weeks(["acme"]))
    before = await scoring.get(f"{ACME}/progress")
    stopped = control("feed.stopped", NOON, {"family": "usage", "since": NOON})
    later = NOON + 40 * DAY
    await scoring.append(stopped, partition=partition_of("acme"))
    scoring.world.advance(40 * DAY)
    await scoring.append(tick(later.replace(minute=0) - HOUR, later), partition=partition_of("acme"))

    after = await scoring.get(f"{ACME}/progress")

    assert before["adoption"]["level"] != "none"
    assert after["adoption"] == before["adoption"]
    assert after["adoption"]["level"] == (await scoring.get(f"{ACME}/health"))["adoption_level"]


async def test_an_unknown_account_has_no_progress(scoring: Running) -> None:
    problem = await scoring.get("/v1/accounts/nobody/progress", status=404)

    assert problem["code"] == "account_not_found"


async def test_an_id_with_slashes_has_its_progress_and_the_scope_is_read(tmp_path: Path) -> None:
    async with running(tmp_path, scopes=["ingest"]) as scoring:
        await scoring.append(seats("a/b", NOON, 4))
        await scoring.get("/v1/accounts/a%2Fb/progress", status=403)
    async with running(tmp_path / "other", scopes=["read"]) as scoring:
        await scoring.append(seats("a/b", NOON, 4))
        assert (await scoring.get("/v1/accounts/a%2Fb/progress"))["account"] == "a/b"


async def test_the_description_tells_what_the_parts_mean(scoring: Running) -> None:
    described = await scoring.get("/openapi.json")

    operation = described["paths"]["/v1/accounts/{id}/progress"]["get"]
    schema = described["components"]["schemas"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("/Progress")
    assert operation["description"].startswith("How far an account has come")
    for name in ("Progress", "OnboardingProgress", "RenewalProgress", "NoticeOfCancellation", "AdoptionProgress"):
        assert schema[name]["description"], name


async def test_it_is_read_from_each_database(database: Database, tmp_path: Path) -> None:
    scoring = Scoring(database)
    stopped = control("feed.stopped", NOON, {"family": "usage", "since": NOON})
    stream = Stream().append(*busy_weeks(["acme"]), contract(ends_on=date(2026, 7, 31), term_months=12), at=NOON)
    stream.append(milestone(NOON, "renewal_review"), stopped, at=NOON)
    await scoring.take(*stream.cut(50))
    clocks = Clocks(world=scoring.world, wall=RealClock())
    keys, routes = KeyFile(tmp_path / "keys.json", clocks.wall), APIRouter()
    text, entry = new_key("sam", ["read"], None, None, clocks.wall.now())
    keys.add(entry)
    rules = ReadingRules(Catalogue(built_in()), ZoneInfo("UTC"), "USD")
    progress_route(routes, database=database, rules=rules, clocks=clocks)

    async def ready() -> dict[str, str]:
        return {}

    app = make_app("scoring", [routes], keys=Keys(keys), clocks=clocks, ready=ready)
    scoring.world.advance(30 * DAY)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://scoring", auth=(text, "")
    ) as client:
        told = (await client.get(f"{ACME}/progress")).json()

    assert (told["stage"], told["renewal"]["days_left"], told["renewal"]["connected"]) == ("renewal", 0, True)
    assert told["renewal"]["checklist"][0] == {"name": "renewal_review", "reached_at": "2026-07-01T12:00:00Z"}
    assert told["adoption"]["active"] > 0  # as of when the feed stopped
