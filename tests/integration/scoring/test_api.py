"""Accounts, health, history and overrides over HTTP, with the real runner on a SQLite log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
from tests.integration.scoring.server import NOTE, Running, published, running, total
from tests.integration.scoring.world import DAY, HOUR, NOON, SECOND, busy_weeks, event, seats, tick, ticket, usage

from cskit.http import encode_cursor
from cskit.messages import event_record
from cskit.platform import open_platform
from cskit.settings import Settings
from cskit.testing.log import read_all
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS
from scoring.scorecards import built_in
from scoring.service import build


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


async def test_contributions_and_adjustments_add_up_to_the_score(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), ticket("acme", NOON, NOON - DAY))

    health = await scoring.get("/v1/accounts/acme/health")

    assert health["score"] == 49.0
    assert abs(total(health) - health["score"]) < 1e-9
    assert [one["kind"] for one in health["adjustments"]] == ["cap"]
    names = [one["measure"] for one in health["contributions"]]
    assert names == list(built_in()[0].columns["adoption"])
    share = health["contributions"][0]
    assert share["status"] == "fresh"
    assert share["contribution"] == pytest.approx(share["weight"] * (share["points"] - health["reference"]))
    missing = health["contributions"][names.index("nps")]
    assert (missing["status"], missing["value"], missing["contribution"]) == ("not_connected", None, 0.0)
    assert {"occurred_at", "received_at", "scored_at"} <= health.keys()
    assert (health["band"], health["scorecard"], health["account"]) == ("red", "default@1", "acme")


async def test_an_unknown_account_is_a_problem_with_a_code(scoring: Running) -> None:
    for path in ("", "/health", "/history"):
        problem = await scoring.get(f"/v1/accounts/nobody{path}", status=404)
        assert problem["code"] == "account_not_found"
        assert "nobody" in problem["message"]
    body = {"points": 1.0, "note": "n", "expires_at": (NOON + DAY).isoformat()}
    assert (await scoring.post("/v1/accounts/nobody/overrides", body, status=404))["code"] == "account_not_found"
    assert scoring.texts.texts == {}


async def test_accounts_come_in_order_of_urgency_page_by_page(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["fine", "late", "calm"]), event("note.recorded", "new", NOON, NOTE))
    await scoring.append(ticket("late", NOON, NOON - DAY))

    first = await scoring.get("/v1/accounts", limit=2)
    second = await scoring.get("/v1/accounts", limit=2, cursor=first["next"])

    listed = [(one["account"], one["band"]) for one in first["items"] + second["items"]]
    assert [band for _, band in listed] == ["red", "grey", "green", "green"]
    assert [account for account, _ in listed] == ["late", "new", "calm", "fine"]
    assert second["next"] is None
    by_id = await scoring.get("/v1/accounts", sort="account", limit=3)
    assert [one["account"] for one in by_id["items"]] == ["calm", "fine", "late"]
    other = await scoring.get("/v1/accounts", status=422, cursor=by_id["next"])
    assert other["code"] == "invalid_cursor"


async def test_accounts_are_found_by_band_segment_owner_and_text(scoring: Running) -> None:
    await scoring.append(
        seats("acme", NOON, 4, name="Acme Ltd", segment="smb", owner="sam"),
        seats("100%", NOON, 4, name="Percent", segment="enterprise", owner="kim"),
    )

    async def found(**filters: Any) -> list[str]:
        return sorted(one["account"] for one in (await scoring.get("/v1/accounts", **filters))["items"])

    assert await found(segment="smb") == ["acme"]
    assert await found(owner="kim") == ["100%"]
    assert await found(text="ltd") == ["acme"]
    assert await found(text="%") == ["100%"]
    assert await found(band="grey") == ["100%", "acme"]
    assert await found(band="red") == []


async def test_an_account_id_may_hold_slashes(scoring: Running) -> None:
    await scoring.append(usage("eu/acme", NOON))

    for path in ("eu/acme", quote("eu/acme", safe="")):
        assert (await scoring.get(f"/v1/accounts/{path}"))["account"] == "eu/acme"
        assert (await scoring.get(f"/v1/accounts/{path}/health"))["account"] == "eu/acme"


async def test_history_holds_what_was_known_in_pages_and_between_moments(scoring: Running) -> None:
    partition = partition_of("acme")
    await scoring.append(*busy_weeks(["acme"]))
    for day in range(1, 4):
        await scoring.append(tick(NOON.replace(hour=0) + day * DAY), partition=partition)
    await scoring.append(ticket("acme", NOON + 3 * DAY, NOON))

    rows, cursor = [], None
    while True:
        place: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = await scoring.get("/v1/accounts/acme/history", limit=2, **place)
        rows += page["items"]
        if (cursor := page["next"]) is None:
            break

    assert all(row["view"] == "known" and row["partition"] == partition for row in rows)
    assert [row["offset"] for row in rows] == sorted(row["offset"] for row in rows)
    assert [row["version"] for row in rows if row["version"]] == list(
        range(1, 1 + sum(1 for r in rows if r["version"]))
    )
    assert sum(row["version"] is None for row in rows) == 3
    assert rows[-1]["score"] == 49.0
    assert 75 + sum(rows[-1]["contributions"].values()) + sum(a["points"] for a in rows[-1]["adjustments"]) == (
        pytest.approx(49.0, abs=1e-9)
    )
    one_day = await scoring.get(
        "/v1/accounts/acme/history",
        to="2026-07-03T06:00:00Z",
        **cast("dict[str, Any]", {"from": (NOON + DAY).isoformat().replace("+00:00", "Z")}),
    )
    span = (NOON + DAY, NOON.replace(hour=6) + 2 * DAY)
    inside = [row for row in rows if span[0] <= datetime.fromisoformat(row["at"]) <= span[1]]
    assert one_day["items"] == inside
    assert any(row["version"] is None for row in inside)


async def test_history_is_in_order_of_time_also_where_an_event_came_before_the_hour_was_told(scoring: Running) -> None:
    midnight = NOON.replace(hour=0) + DAY
    await scoring.append(*busy_weeks(["acme"]), ticket("acme", midnight + SECOND, NOON))
    await scoring.append(tick(midnight, midnight + 2 * SECOND), partition=partition_of("acme"))

    rows = (await scoring.get("/v1/accounts/acme/history"))["items"]
    first = await scoring.get("/v1/accounts/acme/history", limit=len(rows) - 1)
    rest = await scoring.get("/v1/accounts/acme/history", cursor=first["next"])

    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    offsets = [row["offset"] for row in rows]
    assert offsets != sorted(offsets)
    assert [*first["items"], *rest["items"]] == rows


async def test_an_import_draws_its_history_at_once(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))
    span: dict[str, Any] = {"view": "corrected", "from": (NOON - 10 * DAY).isoformat().replace("+00:00", "Z")}

    whole = await scoring.get("/v1/accounts/acme/history", **span, limit=100)
    first = await scoring.get("/v1/accounts/acme/history", **span, limit=4)
    rest = await scoring.get("/v1/accounts/acme/history", **span, limit=100, cursor=first["next"])

    assert len(whole["items"]) == 11
    assert first["items"] + rest["items"] == whole["items"]
    assert {row["view"] for row in whole["items"]} == {"corrected"}
    assert whole["items"][-1]["score"] == (await scoring.get("/v1/accounts/acme/health"))["score"]
    known = (await scoring.get("/v1/accounts/acme/history"))["items"]
    assert len({row["at"] for row in known}) == 1


async def test_the_change_of_a_week_is_told(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))
    before = (await scoring.get("/v1/accounts/acme"))["score"]
    scoring.world.advance(8 * DAY)
    await scoring.append(ticket("acme", NOON + 8 * DAY, NOON))

    account = await scoring.get("/v1/accounts/acme")

    assert account["change"] == account["score"] - before


async def test_an_override_goes_through_the_log_and_is_in_the_answer(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), ticket("acme", NOON - HOUR, NOON - HOUR, severity=2))
    before = await scoring.get("/v1/accounts/acme/health")
    expires = (NOON + 30 * DAY).isoformat()

    answer = await scoring.post(
        "/v1/accounts/acme/overrides", {"points": -7.5, "note": "Champion is leaving.", "expires_at": expires}
    )

    assert answer["folded"] is True
    assert answer["health"]["score"] == pytest.approx(before["score"] - 7.5, abs=1e-9)
    assert answer["health"]["adjustments"] == [{"kind": "override", "points": -7.5, "reason": "override"}]
    assert abs(total(answer["health"]) - answer["health"]["score"]) < 1e-9
    records = await read_all(scoring.platform.log, CUSTOMER_EVENTS, 10)
    on_the_log = [r.value or b"" for r in records if b'"override.set"' in (r.value or b"")]
    assert len(on_the_log) == 1
    assert b"Champion" not in on_the_log[0]
    assert b'"author":"sam"' in on_the_log[0]
    assert answer["text_ref"].encode() in on_the_log[0]
    assert list(scoring.texts.texts.values()) == ['{"text":"Champion is leaving.","account":"acme"}']

    health = await published(scoring, "acme")
    assert health[-1]["data"]["cause"]["override"] == answer["override"]

    ended = await scoring.post(f"/v1/accounts/acme/overrides/{answer['override']}/end", {}, status=200)
    assert ended["health"]["score"] == pytest.approx(before["score"], abs=1e-9)


async def test_a_repeated_override_with_one_key_counts_once(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), ticket("acme", NOON - HOUR, NOON - HOUR, severity=2))
    body = {"points": -5.0, "note": "n", "expires_at": (NOON + DAY).isoformat()}

    first = await scoring.post("/v1/accounts/acme/overrides", body, key="k1")
    scoring.world.advance(timedelta(minutes=1))
    second = await scoring.post("/v1/accounts/acme/overrides", body, key="k1")

    assert (second["override"], second["text_ref"]) == (first["override"], first["text_ref"])
    assert second["health"]["adjustments"] == first["health"]["adjustments"]
    assert second["health"]["version"] == first["health"]["version"]


async def test_an_override_answers_in_time_though_the_fold_is_held_up(scoring: Running) -> None:
    await scoring.append(usage("acme", NOON))
    scoring.hold.clear()
    body = {"points": 3.0, "note": "n", "expires_at": (NOON + DAY).isoformat()}

    answer = await scoring.post("/v1/accounts/acme/overrides", body)

    assert answer["folded"] is False
    assert answer["health"]["adjustments"] == []


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"points": 11.0}, "invalid_request", "points"),
        ({"note": ""}, "invalid_request", "note"),
        ({"expires_at": (NOON - SECOND).isoformat()}, "expired_override", "expires_at"),
        ({"expires_at": (NOON + 400 * DAY + SECOND).isoformat()}, "override_too_long", "expires_at"),
    ],
)
async def test_an_override_that_may_not_be_is_refused(
    scoring: Running, change: dict[str, Any], code: str, field: str
) -> None:
    await scoring.append(usage("acme", NOON))
    body = {"points": 3.0, "note": "n", "expires_at": (NOON + DAY).isoformat(), **change}

    problem = await scoring.post("/v1/accounts/acme/overrides", body, status=422)

    assert (problem["code"], problem["field"]) == (code, field)


async def test_an_override_whose_note_cannot_be_kept_changes_nothing(scoring: Running) -> None:
    await scoring.append(usage("acme", NOON))
    scoring.texts.down = True
    body = {"points": 3.0, "note": "n", "expires_at": (NOON + DAY).isoformat()}

    problem = await scoring.post("/v1/accounts/acme/overrides", body, status=503)

    assert problem["code"] == "note_not_kept"
    assert len(await read_all(scoring.platform.log, CUSTOMER_EVENTS, 10)) == 1


async def test_an_override_nobody_set_cannot_be_ended(scoring: Running) -> None:
    await scoring.append(usage("acme", NOON))

    problem = await scoring.post("/v1/accounts/acme/overrides/none/end", {}, status=404)

    assert problem["code"] == "override_not_found"


async def test_reading_does_not_allow_writing(tmp_path: Path) -> None:
    async with running(tmp_path, ["read"]) as scoring:
        body = {"points": 3.0, "note": "n", "expires_at": (NOON + DAY).isoformat()}
        assert (await scoring.post("/v1/accounts/acme/overrides", body, status=403))["code"] == "missing_scope"


async def test_scorecards_are_listed(tmp_path: Path) -> None:
    async with running(tmp_path, ["read"]) as scoring:
        await scoring.append(usage("acme", NOON))

        (card,) = (await scoring.get("/v1/scorecards"))["items"]

    assert (card["name"], card["sha256"]) == ("default@1", built_in()[0].sha256)


async def test_the_built_service_is_ready_though_it_owns_no_partition_and_folds_what_comes(tmp_path: Path) -> None:
    platform = open_platform(Settings(data=tmp_path, service_key="0123456789abcdef"))
    await platform.start()
    await platform.prepare("scoring")
    service = build(platform)
    assert set((await service.ready()).values()) == {"ok"}
    stop = asyncio.Event()
    working = asyncio.create_task(platform.run([service], stop))
    try:
        await platform.log.append([event_record(CUSTOMER_EVENTS, event("note.recorded", "acme", NOON, NOTE))])
        async with asyncio.timeout(10):
            while not await read_all(platform.log, HEALTH_EVENTS, 10):
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await working
        await platform.close()


def test_customers_events_leave_the_log_only_where_there_is_an_archive(tmp_path: Path) -> None:
    def dropped(settings: Settings) -> list[str]:
        workers = build(open_platform(settings)).workers
        return [worker.name for worker in workers if worker.name.startswith("retention:")]

    cluster = {"kafka": "127.0.0.1:9", "database_url": "postgresql://127.0.0.1:9/none", "keys": tmp_path / "keys"}
    embedded, bare = Settings(data=tmp_path), Settings.model_validate(cluster)
    kept = Settings.model_validate({**cluster, "archive": str(tmp_path)})

    assert dropped(embedded) == dropped(kept) == ["retention:cs.customer-events", "retention:cs.health-events"]
    assert dropped(bare) == ["retention:cs.health-events"]


async def test_moments_and_places_beyond_all_bounds_are_no_server_errors(scoring: Running) -> None:
    await scoring.append(
        *busy_weeks(["acme"]),
        event("milestone.reached", "acme", NOON - 500 * DAY, {"milestone": "signed"}, received=NOON),
    )
    path = "/v1/accounts/acme/history"
    corrected: dict[str, Any] = {"view": "corrected"}
    far: dict[str, Any] = {"from": "0001-01-01T00:00:00Z"}
    last = "9999-12-31T23:59:59.999999+00:00"

    assert (await scoring.get(path, **corrected, to="0001-01-02T00:00:00Z"))["items"] == []
    assert (await scoring.get(path, **corrected, **far, to="0001-01-02T00:00:00Z"))["items"] == []
    whole = await scoring.get(path, **corrected, **far, to="9999-12-31T23:59:59Z", limit=500)
    again = await scoring.get(path, **corrected, limit=500, cursor=encode_cursor("0001-01-01T00:00:00+00:00"), **far)
    assert again == whole
    assert 399 <= len(whole["items"]) <= 401
    assert (await scoring.get(path, **far, to="9999-12-31T23:59:59Z"))["items"]
    for place in (last, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"):
        problem = await scoring.get(path, status=422, **corrected, cursor=encode_cursor(place))
        assert problem["code"] == "invalid_cursor"
    for offset in (2**63, -(2**63) - 1, True):
        problem = await scoring.get(path, status=422, cursor=encode_cursor(NOON.isoformat(), offset, "change"))
        assert problem["code"] == "invalid_cursor"
    assert (await scoring.get(path, cursor=encode_cursor(last, 2**63 - 1, "change")))["items"] == []


@pytest.mark.parametrize(
    ("path", "wrong", "meant"),
    [
        ("/v1/accounts/acme/history", "fron", "from"),
        ("/v1/accounts/acme/history", "limits", "limit"),
        ("/v1/accounts/acme/explanation", "tto", "to"),
        ("/v1/accounts/acme/timeline", "curser", "cursor"),
        ("/v1/accounts/acme/overrides", "author", None),
        ("/v1/overrides", "authr", "author"),
        ("/v1/watch-list", "reeson", "reason"),
    ],
)
async def test_a_parameter_that_is_written_wrong_is_refused(
    scoring: Running, path: str, wrong: str, meant: str | None
) -> None:
    problem = await scoring.get(path, 422, **{wrong: "x"})

    assert problem["code"] == "unknown_parameter"
    assert meant is None or f"Did you mean “{meant}”?" in problem["message"]
