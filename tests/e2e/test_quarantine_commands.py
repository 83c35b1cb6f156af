"""kizashi quarantine: list, show, discard, against a running server."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.running.processes import command, ended
from tests.running.systems import embedded_system

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def test_waiting_events_are_listed_explained_and_discarded_by_command(tmp_path: Path) -> None:
    async with embedded_system(tmp_path) as system:
        await system.start()
        events = [
            {"id": f"{user}-{n}", "type": "usage.tracked", "user": user, "data": {"name": "report"}}
            for user in ("taro", "hanako")
            for n in range(2)
        ]
        async with system.client("ingest") as ingest:
            answer = await ingest.post("/v1/events", json={"events": events})
            assert answer.json().get("waiting") == 4, answer.text

        async def said(*arguments: str) -> str:
            return await command("quarantine", *arguments, environment=system.environment)

        async def listed(*arguments: str) -> list[dict[str, Any]]:
            return list(json.loads(await said("list", *arguments, "--json")))

        first, second = await listed("--user", "taro")
        as_table, as_text = await said("list"), await said("show", str(first["seq"]))
        gone = json.loads(await said("discard", str(first["seq"]), "--json"))
        rest = await said("discard", "--source", first["source"], "--user", "hanako")
        refused = [
            await ended("quarantine", "discard", *arguments, environment=system.environment)
            for arguments in ((), (str(first["seq"]),), ("1", "--source", "x"))
        ]

        assert [first["id"], second["id"]] == ["taro-0", "taro-1"]
        assert "hanako-1" in as_table
        assert "no account of the user taro" in as_text
        assert 'released by: POST /v1/batch {"batch": [{"type": "group", "userId": "taro"' in as_text
        assert gone == {"discarded": 1}
        assert rest.split() == ["2", "discarded"]
        assert [one.status for one in refused] == [2, 1, 2]
        assert "No event waits at" in refused[1].err
        assert [one["id"] for one in await listed()] == ["taro-1"]
        both = (str(first["seq"]), str(second["seq"]))
        one_of_two = await ended("quarantine", "discard", *both, environment=system.environment)
        assert (one_of_two.status, one_of_two.out.split(), await listed()) == (1, ["1", "discarded"], [])
