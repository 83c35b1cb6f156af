"""Bulk exports: all accounts, in NDJSON and CSV, packed, continued, and harmless in a spreadsheet."""

import csv
import gzip
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import DAY, NOON, busy_weeks, seats, ticket, usage

from scoring.api import exports


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


@pytest.fixture
def small_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_LOT", 3)


async def text(scoring: Running, **query: Any) -> str:
    answer = await scoring.client.get("/v1/exports/accounts", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_every_account_has_a_line_with_the_fields_of_the_list(scoring: Running, small_lots: None) -> None:
    names = [f"a{number}" for number in range(10)]
    await scoring.append(*(seats(name, NOON, 4, name=name.upper()) for name in names), *busy_weeks(["busy"]))

    lines = [json.loads(line) for line in (await text(scoring)).splitlines()]

    listed = (await scoring.get("/v1/accounts", sort="account"))["items"]
    assert lines == listed
    assert len(lines) == 11


async def test_an_export_is_continued_after_the_last_whole_line(scoring: Running, small_lots: None) -> None:
    await scoring.append(*(usage(f"a{number}", NOON) for number in range(9)))
    for form in ("ndjson", "csv"):
        whole = (await text(scoring, format=form, fields="score")).splitlines(keepends=True)
        broken = "".join(whole[:-4])
        last = json.loads(whole[-5])["account"] if form == "ndjson" else whole[-5].split(",")[0]

        rest = await text(scoring, format=form, fields="score", after=last)

        assert broken + rest == "".join(whole)


async def test_filters_narrow_an_export(scoring: Running) -> None:
    await scoring.append(seats("one", NOON, 4, segment="smb"), seats("two", NOON, 4, segment="enterprise"))

    lines = (await text(scoring, segment="smb", fields="account")).splitlines()

    assert [json.loads(line) for line in lines] == [{"account": "one"}]


async def test_csv_has_a_column_per_measure_and_numbers_as_they_are(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), ticket("acme", NOON, NOON - DAY))
    health = await scoring.get("/v1/accounts/acme/health")

    (row,) = csv.DictReader(io.StringIO(await text(scoring, format="csv")))

    assert float(row["score"]) == health["score"]
    assert row["scored_at"] == health["scored_at"]
    for one in health["contributions"]:
        assert float(row[f"contribution.{one['measure']}"]) == one["contribution"]
    assert {"contribution.activation", "contribution.renewal_checklist"} <= row.keys()  # of other stages, too
    assert row["plan"] == ""
    assert row["adjustments"].startswith("cap:severity_1_overdue:-")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "＝1", 'a "quote", and comma'])
async def test_no_text_becomes_a_formula(scoring: Running, name: str) -> None:
    await scoring.append(seats("acme", NOON, 4, name=name))

    (row,) = csv.DictReader(io.StringIO(await text(scoring, format="csv")))

    assert row["name"] == (f"'{name}" if not name.startswith("a") else name)


async def test_excel_knows_the_encoding_by_the_mark(scoring: Running) -> None:
    await scoring.append(seats("acme", NOON, 4, name="株式会社アクメ"))

    with_mark = await scoring.client.get("/v1/exports/accounts", params={"format": "csv", "bom": "true"})
    without = await scoring.client.get("/v1/exports/accounts", params={"format": "csv"})

    assert with_mark.content == b"\xef\xbb\xbf" + without.content
    assert "株式会社アクメ" in without.content.decode()
    assert with_mark.headers["content-type"] == "text/csv; charset=utf-8"
    assert with_mark.headers["content-disposition"] == 'attachment; filename="accounts-2026-07-01.csv"'


async def test_an_export_is_packed_where_that_is_accepted(scoring: Running, small_lots: None) -> None:
    await scoring.append(*(usage(f"a{number}", NOON) for number in range(9)))
    plain = await text(scoring)

    async with scoring.client.stream("GET", "/v1/exports/accounts", headers={"accept-encoding": "gzip"}) as packed:
        body = b"".join([part async for part in packed.aiter_raw()])
    async with scoring.client.stream("GET", "/v1/exports/accounts", headers={"accept-encoding": "identity"}) as bare:
        unpacked = b"".join([part async for part in bare.aiter_raw()])

    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(body).decode() == plain
    assert unpacked.decode() == plain


async def test_an_unknown_parameter_of_an_export_is_refused(scoring: Running) -> None:
    problem = await scoring.get("/v1/exports/accounts", 422, formt="csv")

    assert (problem["code"], "“format”" in problem["message"]) == ("unknown_parameter", True)


async def test_an_account_id_like_a_formula_is_continued_after_and_comes_raw_for_programs(
    scoring: Running, small_lots: None
) -> None:
    names = ["'-x", "-minus", "=x", "a"]
    await scoring.append(*(usage(name, NOON) for name in names))

    told = (await text(scoring, format="csv", fields="account")).splitlines()[1:]
    raw = (await text(scoring, format="csv", fields="account", raw=True)).splitlines()[1:]

    assert told == ["''-x", "'-minus", "'=x", "a"]
    assert raw == names
    for number, name in enumerate(told):
        rest = await text(scoring, format="csv", fields="account", after=name)
        assert rest.splitlines() == told[number + 1 :]
