"""Scorecards over HTTP, with the workers at work."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.scorecards import document
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import DAY, HOUR, NOON, busy_weeks, seats, usage

from scoring.scorecards import default_text

SCOPES = ("read", "write", "configure")
STRICT = {"bands__green": 99, "bands__yellow": 98, "dwell__at_once": 0, "dwell__margin": 0}


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, SCOPES) as started:
        await started.append(*busy_weeks(["acme"]))
        yield started


async def stored(scoring: Running, made: dict[str, Any], status: int = 201, **params: str) -> Any:
    answer = await scoring.client.post("/v1/scorecards", json=made, params=params)
    assert answer.status_code == status, answer.text
    return answer.json()


async def put_in_force(scoring: Running, name: str, note: str | None = None) -> Any:
    """Apply a version and wait until every partition has folded it."""
    applied = await scoring.post(f"/v1/scorecards/{name}/apply", {"note": note}, status=200)
    await folded(scoring, name)
    return applied


async def folded(scoring: Running, name: str) -> None:
    async with asyncio.timeout(20):
        while True:
            version = await scoring.get(f"/v1/scorecards/{name}")
            if version["partitions"] == version["of_partitions"]:
                return
            await asyncio.sleep(0.02)


async def test_a_scorecard_is_stored_applied_and_rolled_back(scoring: Running) -> None:
    new = await stored(scoring, document(**STRICT), note="stricter")
    before = await scoring.get("/v1/accounts/acme/health")

    applied = await put_in_force(scoring, "default@2", "for the board")
    scored = await scoring.get("/v1/accounts/acme/health")
    version = await scoring.get("/v1/scorecards/default@2")
    back = await scoring.post("/v1/scorecards/default/rollback", None, status=200)
    await folded(scoring, "default@1")
    again = await scoring.get("/v1/accounts/acme/health")

    assert (new["name"], new["new"], new["author"], new["note"], new["in_force"]) == (
        "default@2", True, "sam", "stricter", False,
    )  # fmt: skip
    assert {each["field"] for each in new["changes"]} == {
        "bands.green", "bands.yellow", "dwell.at_once", "dwell.margin",
    }  # fmt: skip
    assert (applied["name"], applied["changed"], applied["in_force"]) == ("default@2", True, ["default@2"])
    assert (before["band"], scored["band"], scored["scorecard"]) == ("green", "red", "default@2")
    assert (version["in_force"], version["partitions"], version["of_partitions"]) == (True, 16, 16)
    assert version["document"]["bands"] == {"green": 99, "yellow": 98}
    assert (back["name"], again["scorecard"], again["score"]) == ("default@1", "default@1", before["score"])


async def test_the_history_says_who_applied_what_and_goes_on_by_cursor(scoring: Running) -> None:
    await stored(scoring, document(**STRICT))
    await scoring.post("/v1/scorecards/default@2/apply", {"note": "for the board"}, status=200)
    await scoring.post("/v1/scorecards/default@2/rollback", {"to": 1}, status=200)

    first = await scoring.get("/v1/scorecards/history", limit=2)
    rest = await scoring.get("/v1/scorecards/history", cursor=first["next"])
    other = await scoring.get("/v1/scorecards/history", scorecard="other")

    told = [(each["kind"], each["name"], each["actor"], each["note"]) for each in first["items"] + rest["items"]]
    assert told == [
        ("rollback", "default@1", "sam", None),
        ("apply", "default@2", "sam", "for the board"),
        ("shipped", "default@1", "kizashi", None),
    ]
    assert (rest["next"], other["items"]) == (None, [])


async def test_an_explanation_tells_a_new_scorecard_from_new_data(scoring: Running) -> None:
    before = await scoring.get("/v1/accounts/acme/health")
    made = document()
    made["measures"]["active_share"] |= {"weights": 60, "curve": [[0, 0], [10, 100]]}
    await stored(scoring, made)
    scoring.world.advance(HOUR)
    await put_in_force(scoring, "default@2")
    await put_in_force(scoring, "default@1")
    await put_in_force(scoring, "default@2")

    why = await scoring.get("/v1/accounts/acme/explanation", **{"from": NOON.isoformat()})

    assert (why["from"]["scorecard"], why["to"]["scorecard"]) == ("default@1", "default@2")
    assert why["from"]["score"] == before["score"]
    assert why["configuration"] < -5
    assert why["data"] + why["configuration"] + why["override"] == pytest.approx(why["change"], abs=1e-9)
    assert abs(why["data"]) < 1


async def test_what_came_late_is_data_and_not_the_new_scorecard(scoring: Running) -> None:
    scoring.world.advance(HOUR)
    late = [
        usage("acme", NOON - day * DAY, who, received=NOON + HOUR, backfill=True) for day in range(9) for who in (5, 6)
    ]
    await scoring.append(*late)
    made = document()
    made["watch"]["k"] += 0.25  # no score knows of it
    await stored(scoring, made)
    await put_in_force(scoring, "default@2")

    why = await scoring.get("/v1/accounts/acme/explanation", **{"from": NOON.isoformat()})

    assert (why["from"]["scorecard"], why["to"]["scorecard"]) == ("default@1", "default@2")
    assert why["configuration"] == pytest.approx(0, abs=1e-9)
    assert abs(why["data"]) > 1
    assert why["data"] + why["override"] == pytest.approx(why["change"], abs=1e-9)


async def test_a_repeat_with_its_key_applies_nothing_again(scoring: Running) -> None:
    await stored(scoring, document(**STRICT))

    answers = [
        await scoring.post("/v1/scorecards/default@2/apply", None, status=200, key="k1"),
        await scoring.post("/v1/scorecards/default/rollback", None, status=200, key="k2"),
        await scoring.post("/v1/scorecards/default@2/apply", None, status=200, key="k1"),
        await scoring.post("/v1/scorecards/default/rollback", None, status=200, key="k2"),
    ]

    assert [each["name"] for each in answers] == ["default@2", "default@1", "default@2", "default@1"]
    assert len((await scoring.get("/v1/scorecards/history"))["items"]) == 3
    await folded(scoring, "default@1")
    assert (await scoring.get("/v1/accounts/acme/health"))["scorecard"] == "default@1"


async def test_what_an_installation_began_with_is_folded_before_anything_was(tmp_path: Path) -> None:
    async with running(tmp_path, ("read", "configure")) as scoring:
        applied = await scoring.post("/v1/scorecards/default@1/apply", None, status=200)
        version = await scoring.get("/v1/scorecards/default@1")

    assert (applied["changed"], applied["folded"]) == (False, True)
    assert (version["partitions"], version["of_partitions"]) == (16, 16)


async def test_a_comparison_is_one_document_or_lines(scoring: Running) -> None:
    body = json.dumps(document(**STRICT))

    whole = (await scoring.client.post("/v1/scorecards/diff", content=body)).json()
    answer = await scoring.client.post("/v1/scorecards/diff", content=body, headers={"accept": "application/x-ndjson"})

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert lines[0] == whole["items"][0]
    assert lines[1:] == [
        {"progress": {"done": 1, "of": 1}},
        {"totals": {name: value for name, value in whole.items() if name != "items"}},
    ]
    assert (whole["accounts"], whole["changing"], whole["share"], whole["unpriced"]) == (1, 1, 1.0, 1)
    assert whole["moves"] == [{"from_band": "green", "to_band": "red", "accounts": 1, "mrr": "0"}]
    assert whole["items"][0]["account"] == "acme"
    assert (await scoring.get("/v1/scorecards"))["items"][-1]["name"] == "default@1"


async def test_yaml_is_taken_as_it_is_written(scoring: Running) -> None:
    text = "# Stricter.\n" + default_text().replace("green: 75", "green: 80")

    answer = await scoring.client.post("/v1/scorecards", content=text.encode())

    assert (answer.status_code, answer.json()["name"]) == (201, "default@2")
    assert [each["field"] for each in answer.json()["changes"]] == ["bands.green"]


@pytest.mark.parametrize(
    ("value", "column", "field"),
    [("high", 1, "reference"), ("2026-02-30", 12, ""), ("0x_", 12, ""), ("1" + "0" * 400, 12, "")],
)
async def test_a_wrong_document_is_refused_with_its_place(
    scoring: Running, value: str, column: int, field: str
) -> None:
    text = default_text().replace("reference: 75", f"reference: {value}")

    for path in ("/v1/scorecards", "/v1/scorecards/diff"):
        answer = await scoring.client.post(path, content=text.encode())

        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "invalid_scorecard")
        (mistake,) = problem["mistakes"]
        assert (mistake["line"], mistake["column"], mistake["field"]) == (5, column, field)


async def test_what_is_not_there_is_a_problem_with_a_code(scoring: Running) -> None:
    unknown = await scoring.get("/v1/scorecards/default@9", status=404)
    applied = await scoring.post("/v1/scorecards/default@9/apply", None, status=404)
    rolled = await scoring.post("/v1/scorecards/default@x/rollback", None, status=404)
    never = await scoring.post("/v1/scorecards/default@9/rollback", None, status=409)

    assert [each["code"] for each in (unknown, applied, rolled)] == ["scorecard_not_found"] * 3
    assert never["code"] == "scorecard_never_applied"


async def test_scorecards_are_changed_by_those_who_configure_only(tmp_path: Path) -> None:
    async with running(tmp_path, ("read", "write")) as scoring:
        for path in ("", "/diff", "/default@1/apply", "/default/rollback"):
            await scoring.post(f"/v1/scorecards{path}", {}, status=403)

        assert (await scoring.get("/v1/scorecards/default@1"))["in_force"] is True


async def test_an_account_of_a_segment_is_read_by_its_own_scorecard(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4, segment="enterprise"))
    own = document("own", applies_to='account.segment == "enterprise"', precedence=5, **STRICT)
    await stored(scoring, own)

    applied = await put_in_force(scoring, "own@1")
    corrected = await scoring.get("/v1/accounts/acme/history", view="corrected")
    listed = (await scoring.get("/v1/scorecards"))["items"]

    assert applied["in_force"] == ["default@1", "own@1"]
    assert corrected["items"][-1]["scorecard"] == "own@1"
    assert [(each["name"], each["in_force"], each["applies_to"], each["precedence"]) for each in listed] == [
        ("default@1", True, None, 0),
        ("own@1", True, 'account.segment == "enterprise"', 5),
    ]
