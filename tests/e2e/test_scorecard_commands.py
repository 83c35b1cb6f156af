"""kizashi scorecards: validate, diff, apply, rollback, history, as somebody types them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.running.processes import Ended, command, ended
from tests.running.systems import System, embedded_system

from scoring.scorecards import default_text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def written(folder: Path, name: str, *replacements: tuple[str, str], more: str = "") -> str:
    """A file with the default scorecard and some texts replaced."""
    text = default_text()
    for before, after in replacements:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    file = folder / name
    file.write_text(text + more, encoding="utf-8")
    return str(file)


async def folded(system: System, account: str, mrr: str | None) -> None:
    """Wait until an account is scored and this is known of its price."""
    async with system.client("scoring") as client, asyncio.timeout(60):
        while True:
            answer = await client.get(f"/v1/accounts/{account}")
            if answer.status_code == 200 and answer.json()["mrr"] == mrr:
                return
            await asyncio.sleep(0.05)


async def scored(system: System, account: str) -> dict[str, Any]:
    """The health of an account."""
    async with system.client("scoring") as client:
        health: dict[str, Any] = (await client.get(f"/v1/accounts/{account}/health")).json()
    return health


async def test_a_scorecard_is_checked_compared_applied_and_rolled_back_by_command(tmp_path: Path) -> None:
    stricter = written(tmp_path, "stricter.yaml", ("{green: 75, yellow: 50}", "{green: 100, yellow: 99}"))
    async with embedded_system(tmp_path) as system:
        await system.start()
        async with system.client("ingest") as ingest:
            described = [
                {"id": f"d-{account}", "type": "account.described", "account": account, "data": {"seats": 1}}
                for account in ("acme", "bolt")
            ]
            group = {"type": "group", "userId": "taro", "groupId": "acme", "messageId": "g"}
            assert (await ingest.post("/v1/batch", json={"batch": [group]})).status_code == 200
            used = [
                {"id": f"u-{n}", "type": "usage.tracked", "user": "taro", "account": "acme", "data": {"name": f"f{n}"}}
                for n in range(8)
            ]
            price = {"contract": "c", "status": "active", "mrr": "1200.50", "starts_on": "2026-01-01"}
            priced = {"id": "c-acme", "type": "contract.changed", "account": "acme", "data": price}
            answer = await ingest.post("/v1/events", json={"events": [*described, *used, priced]})
            assert answer.json().get("accepted") == 11, answer.text
        await folded(system, "acme", "1200.50")
        await folded(system, "bolt", None)

        async def ran(*arguments: str) -> Ended:
            return await ended("scorecards", *arguments, environment=system.environment)

        async def said(*arguments: str) -> Any:
            return json.loads(await command("scorecards", *arguments, "--json", environment=system.environment))

        difference = await said("diff", stricter)
        refused = await ran("diff", stricter, "--max-accounts", "0", "--max-mrr", "1200.49", "--max-share", "0.4")
        allowed = await ran("diff", stricter, "--max-accounts", "1", "--max-mrr", "1200.50", "--max-share", "0.5")
        unasked = await ran("apply", stricter)
        applied = await said("apply", stricter, "--yes", "--wait", "--note", "for the board")
        after = await scored(system, "acme")
        again = await ran("apply", stricter, "--yes")
        back = await ran("rollback", "default", "--yes", "--wait")
        nothing = await ran("rollback", "default", "--yes")
        history = await said("history", "default")
        as_table = await ran("history")

    assert (difference["name"], difference["accounts"], difference["changing"]) == ("default@2", 2, 1)
    assert [each["account"] for each in difference["items"]] == ["acme"]
    assert {each["field"] for each in difference["changes"]} >= {"bands.green", "bands.yellow"}
    assert refused.status == 1
    assert [line.split(";")[1].strip() for line in refused.err.splitlines()] == [
        "--max-accounts allows 0.",
        "--max-mrr allows 1200.49.",
        "--max-share allows 40.0%.",
    ]
    assert (allowed.status, allowed.err) == (0, "")
    assert "default@2 against what is in force, 2 accounts, by today's facts" in allowed.out
    assert (unasked.status, "--yes" in unasked.err) == (2, True)
    assert (applied["name"], applied["folded"]) == ("default@2", True)
    assert (after["scorecard"], after["band"]) == ("default@2", difference["items"][0]["after"]["band"])
    assert "default@2 is in force already" in again.out
    assert "default@1 is in force" in back.out
    assert (nothing.status, "Nothing came before default@1" in nothing.err) == (1, True)
    assert [(each["kind"], each["name"], each["note"]) for each in history] == [
        ("rollback", "default@1", None),
        ("apply", "default@2", "for the board"),
        ("shipped", "default@1", None),
    ]
    assert "for the board" in as_table.out


async def test_validate_needs_no_server_and_names_line_and_column(tmp_path: Path) -> None:
    good = written(tmp_path, "good.yaml", more='applies_to: account.plan == "pro"\n')
    bad = written(tmp_path, "bad.yaml", ("reference: 75", "reference: high"))
    condition = written(tmp_path, "condition.yaml", more='\napplies_to: account.plam == "pro"\n')
    environment = {"KIZASHI_DATA": str(tmp_path / "nowhere")}

    done = [await ended("scorecards", "validate", file, environment=environment) for file in (good, bad, condition)]
    as_json = json.loads((await ended("scorecards", "validate", bad, "--json", environment=environment)).out)
    missing = await ended("scorecards", "validate", str(tmp_path / "none.yaml"), environment=environment)
    unreachable = await ended("scorecards", "diff", good, environment=environment)

    assert [one.status for one in done] == [0, 1, 1]
    assert f"{bad}:5:1: reference: 'high' is no number." in done[1].err
    assert "Did you mean “account.plan”?" in done[2].err
    (mistake,) = as_json["mistakes"]
    assert (as_json["valid"], mistake["line"], mistake["column"], mistake["field"]) == (False, 5, 1, "reference")
    assert (missing.status, "cannot be read" in missing.err) == (2, True)
    assert (unreachable.status, "No server runs" in unreachable.err) == (3, True)
