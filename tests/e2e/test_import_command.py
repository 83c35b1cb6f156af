"""`kizashi import` as people use it: a file, a running server, and what is printed where."""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from tests.running.processes import Process, command, ended

from allinone.data_folder import running_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

CONTRACTS = "顧客ID,契約番号,月額,通貨,契約開始日,ステータス,備考\n"
GOOD = CONTRACTS + 'akagi,K-1,"\\120,000",円,2026年1月31日,有効,-\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mapping[str, str]]:
    folder = tmp_path_factory.mktemp("server")
    process = Process(("--data", str(folder / "data")), {}, folder / "kizashi.log")
    await process.start()
    await process.ready()
    try:
        yield {"KIZASHI_DATA": str(folder / "data")}
    finally:
        await process.stop()


def written(folder: Path, text: str, encoding: str = "cp932") -> str:
    file = folder / "contracts.csv"
    file.write_text(text, encoding=encoding)
    return str(file)


async def test_a_dry_run_shows_the_mapping_the_events_and_every_problem_with_its_line(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    file = written(tmp_path, GOOD + "akagi,K-2,abc,円,いつか,有効,-\n")

    looked = await ended("import", "contracts", file, "--dry-run", environment=environment)

    assert looked.status == 1
    assert "starts_on: 契約開始日" in looked.err
    assert "# Not taken: 備考" in looked.err
    assert "line 3: mrr (column 月額) should be an amount" in looked.err
    assert "line 3: starts_on (column 契約開始日) should be a day" in looked.err
    assert "mrr=120000, currency=JPY, starts_on=2026-01-31" in looked.out
    assert "1 rows can be taken, 1 not. Nothing was imported." in looked.out


async def test_a_file_is_taken_once_and_refused_the_second_time(environment: Mapping[str, str], tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)

    taken = json.loads(await command("import", "contracts", file, "--json", environment=environment))
    again = await ended("import", "contracts", file, environment=environment)

    assert (taken["accepted"], taken["refused"], taken["mode"], taken["encoding"]) == (1, 0, "backfill", "cp932")
    assert (again.status, again.out) == (1, "")
    assert "This file was imported on " in again.err


async def test_a_command_that_was_stopped_goes_on_from_the_next_row(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    file = written(tmp_path, CONTRACTS + "".join(f"akagi,G-{number},1,JPY,2026-01-31,有効,-\n" for number in range(3)))
    columns = {"account": "顧客ID", "contract": "契約番号"}
    (tmp_path / "map.yaml").write_text(json.dumps({"columns": columns}))
    arguments = ("import", "contracts", file, "--map", str(tmp_path / "map.yaml"), "--source", "crm")
    await first_row_of(environment, Path(file), columns)

    told = await command(*arguments, environment=environment)

    assert "Continued after line 2." in told
    assert "2 rows taken, 0 refused" in told


async def first_row_of(environment: Mapping[str, str], file: Path, columns: Mapping[str, str]) -> None:
    """What a command has sent that was killed after its first slice."""
    server = running_server(Path(environment["KIZASHI_DATA"]))
    assert server is not None
    headers = {"authorization": f"Bearer {server.key}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False, timeout=30) as client:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        body = {"kind": "contracts", "columns": columns, "sha256": digest, "lines": 4, "source": "crm"}
        begun = (await client.post("/v1/imports", json=body)).json()
        rows = [{"line": 2, "cells": {"account": "akagi", "contract": "G-0"}}]
        sent = await client.post(f"/v1/imports/{begun['id']}/rows", json={"from_line": 1, "rows": rows})
        assert sent.status_code == 200, sent.text


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("contract", GOOD, ("cannot be imported", "contracts")),
        ("usage", GOOD, ("name", "--map")),
        ("contracts", "", ("empty",)),
        ("contracts", GOOD + "a,b,c,d,e,f,g,h\n", ("line 3", "more cells")),
    ],
)
async def test_wrong_use_says_what_and_where(
    environment: Mapping[str, str], tmp_path: Path, kind: str, text: str, words: tuple[str, ...]
) -> None:
    file = written(tmp_path, text)

    refused = await ended("import", kind, file, environment=environment)

    assert (refused.status, refused.out) == (2, "")
    assert "Traceback" not in refused.err
    for word in words:
        assert word in refused.err


async def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD)

    alone = await ended("import", "contracts", file, environment={"KIZASHI_DATA": str(tmp_path / "none")})

    assert alone.status == 3
    assert "No server runs" in alone.err
