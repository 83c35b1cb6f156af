"""Files of rows through /v1/imports: taken once, in order, on from where they stopped."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.integration.ingest.conftest import NOW, Ingest, running

from cskit.auth import KeyFile, new_key
from cskit.clock import FrozenClock
from cskit.http import encode_cursor

COLUMNS = {"account": "顧客ID", "name": "機能", "time": "日時"}


@pytest.fixture
def ingest(each_ingest: Ingest) -> Ingest:
    """On each platform."""
    return each_ingest


def file(letter: str = "a", **more: Any) -> dict[str, Any]:
    return {"kind": "usage", "columns": COLUMNS, "sha256": letter * 64, "lines": 5, **more}


def rows(first: int, *times: str, account: str = "akagi") -> list[dict[str, Any]]:
    return [
        {"line": first + at, "cells": {"account": account, "name": "login", "time": time}}
        for at, time in enumerate(times)
    ]


FOUR = rows(2, "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04")


async def begin(ingest: Ingest, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    return await post(ingest, "/v1/imports", body, status)


async def send(ingest: Ingest, begun: dict[str, Any], taken: list[dict[str, Any]], status: int = 200) -> dict[str, Any]:
    body = {"from_line": taken[0]["line"], "rows": taken}
    return await post(ingest, f"/v1/imports/{begun['id']}/rows", body, status)


async def done(ingest: Ingest, begun: dict[str, Any], status: int = 200) -> dict[str, Any]:
    return await post(ingest, f"/v1/imports/{begun['id']}/done", {}, status)


async def post(ingest: Ingest, path: str, body: dict[str, Any], status: int) -> dict[str, Any]:
    response = await ingest.client.post(path, json=body)
    assert response.status_code == status, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def whole(ingest: Ingest, letter: str, taken: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A file imported from its first row to its last."""
    begun = await begin(ingest, file(letter, lines=taken[-1]["line"], **more))
    await send(ingest, begun, [{**taken[0], "line": 1}, *taken[1:]])
    return await done(ingest, begun)


async def test_a_file_stopped_in_the_middle_goes_on_and_each_row_is_one_event(ingest: Ingest) -> None:
    begun = await begin(ingest, file())
    await post(ingest, f"/v1/imports/{begun['id']}/rows", {"from_line": 1, "rows": FOUR[:2]}, 200)
    await done(ingest, begun, 409)

    again = await begin(ingest, file())
    answer = await send(ingest, again, FOUR[2:])
    ended = await done(ingest, again)

    assert (again["id"], again["acknowledged"], again["mode"]) == (begun["id"], 3, "backfill")
    assert (answer["acknowledged"], answer["accepted"]) == (5, 2)
    assert (ended["status"], ended["accepted"], ended["refused"], ended["newest"]) == (
        "done",
        4,
        0,
        "2026-01-04T00:00:00Z",
    )
    events = await ingest.events()
    assert [event["time"][:10] for event in events] == ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]
    assert all(event["backfill"] and event["source"] == "product" for event in events)


async def test_a_slice_that_is_sent_again_has_the_same_ids_and_counts_once(ingest: Ingest) -> None:
    begun = await begin(ingest, file())
    body = {"from_line": 1, "rows": FOUR}

    for _ in range(2):
        await post(ingest, f"/v1/imports/{begun['id']}/rows", body, 200)

    ended = await done(ingest, begun)
    assert ended["accepted"] == 4
    assert len({event["id"] for event in await ingest.events()}) == 4


async def test_a_gap_is_refused_and_says_where_it_stands(ingest: Ingest) -> None:
    begun = await begin(ingest, file())

    refused = await send(ingest, begun, FOUR[1:], 409)

    assert (refused["code"], refused["acknowledged"]) == ("import_gap", 0)
    assert await ingest.events() == []


async def test_the_same_file_is_refused_when_it_is_done_and_the_message_says_since_when(ingest: Ingest) -> None:
    await whole(ingest, "a", FOUR)

    refused = await begin(ingest, file(), 409)

    assert refused["code"] == "already_imported"
    assert "2026-03-10T12:30:00Z" in refused["message"]


async def test_bad_rows_are_told_with_line_and_column_and_the_others_are_taken(ingest: Ingest) -> None:
    begun = await begin(ingest, file())
    bad = rows(3, "yesterday") + rows(4, "2026-01-03", account="a@b")
    body = {"from_line": 1, "rows": [FOUR[0], *bad, FOUR[3]]}

    answer = await post(ingest, f"/v1/imports/{begun['id']}/rows", body, 200)

    assert [(row["line"], row["status"]) for row in answer["rows"]] == [
        (2, "accepted"),
        (3, "refused"),
        (4, "refused"),
        (5, "accepted"),
    ]
    problems = [problem for row in answer["rows"] for problem in row["problems"]]
    assert [(each["field"], each["column"], each["code"]) for each in problems] == [
        ("time", "日時", "invalid_time"),
        ("account", "顧客ID", "invalid_field"),
    ]
    assert len(await ingest.events()) == 2


async def test_a_later_file_is_live_for_rows_newer_than_the_newest_before(ingest: Ingest) -> None:
    await whole(ingest, "a", rows(2, "2026-03-09T00:00:00Z", "2026-03-08T00:00:00Z"))

    second = await whole(
        ingest, "b", rows(2, "2026-03-08T12:00:00Z", "2026-03-09T00:00:00Z", "2026-03-09T00:00:01Z", "2026-03-10")
    )

    assert (second["mode"], second["live_after"]) == ("live", "2026-03-09T00:00:00Z")
    live = [event["time"] for event in await ingest.events() if not event.get("backfill")]
    assert live == ["2026-03-09T00:00:01Z", "2026-03-10T00:00:00Z"]


async def test_a_kind_has_a_first_file_of_its_own_and_as_decides_otherwise(ingest: Ingest) -> None:
    await whole(ingest, "a", FOUR)
    accounts = {"kind": "accounts", "columns": {"account": "ID"}, "sha256": "a" * 64, "lines": 2}

    of_its_own = await begin(ingest, accounts)
    as_said = await begin(ingest, {**accounts, "sha256": "b" * 64, "mode": "live"})

    assert (of_its_own["mode"], as_said["mode"]) == ("backfill", "live")
    assert (await begin(ingest, {**accounts, "mode": "live"}, 409))["code"] == "other_mode"


async def test_a_changed_row_is_another_event_and_one_that_stayed_has_its_id_again(ingest: Ingest) -> None:
    columns = {"account": "ID", "plan": "Plan"}

    async def imported(letter: str, *plans: str) -> list[str]:
        accounts = [{"line": 2 + at, "cells": {"account": f"a{at}", "plan": plan}} for at, plan in enumerate(plans)]
        body = {"kind": "accounts", "columns": columns, "sha256": letter * 64, "lines": 3}
        begun = await begin(ingest, body)
        await post(ingest, f"/v1/imports/{begun['id']}/rows", {"from_line": 1, "rows": accounts}, 200)
        await done(ingest, begun)
        return [event["id"] for event in await ingest.events("account.described")]

    first = await imported("a", "basic", "pro")
    both = await imported("b", "basic", "free")

    assert len(first) == 2
    assert len(set(both)) == 3


async def test_a_file_whose_rows_were_refused_may_come_again_with_other_columns_only(ingest: Ingest) -> None:
    begun = await begin(ingest, file(columns={**COLUMNS, "time": "登録番号"}))
    body = {"from_line": 1, "rows": rows(2, "x", "x", "x", "x")}
    await post(ingest, f"/v1/imports/{begun['id']}/rows", body, 200)
    await done(ingest, begun)

    again = await begin(ingest, file())
    ended = await post(ingest, f"/v1/imports/{again['id']}/rows", {"from_line": 1, "rows": FOUR}, 200)
    await done(ingest, again)

    assert (again["acknowledged"], again["refused"], ended["accepted"]) == (0, 0, 4)
    assert (await begin(ingest, file(columns={**COLUMNS, "time": "登録番号"}), 409))["code"] == "other_columns"


async def test_contacts_go_to_the_directory_and_no_name_to_the_bus(ingest: Ingest) -> None:
    columns = {"email": "メール", "name": "氏名", "account": "顧客ID", "role": "役割"}
    begun = await begin(ingest, {"kind": "contacts", "columns": columns, "sha256": "a" * 64, "lines": 2})
    cells = {"email": "akagi@example.com", "name": "赤城 花", "account": "akagi", "role": "決裁者"}

    body = {"from_line": 1, "rows": [{"line": 2, "cells": cells}]}
    await post(ingest, f"/v1/imports/{begun['id']}/rows", body, 200)

    (event,) = await ingest.events()
    assert (event["subject"], event["data"]) == ("akagi", {"role": "sponsor"})
    assert not [record for record in await ingest.sent() if b"example.com" in (record.value or b"")]
    people = (await ingest.client.get("/v1/people", params={"user": "akagi@example.com"})).json()["items"]
    assert [(each["name"], each["email"]) for each in people] == [("赤城 花", "akagi@example.com")]


async def test_a_contact_whose_country_nobody_knows_is_refused_in_its_column(ingest: Ingest) -> None:
    columns = {"email": "メール", "country": "国"}
    begun = await begin(ingest, {"kind": "contacts", "columns": columns, "sha256": "a" * 64, "lines": 2})

    body = {"from_line": 1, "rows": [{"line": 2, "cells": {"email": "akagi@example.com", "country": "東の国"}}]}
    answer = await post(ingest, f"/v1/imports/{begun['id']}/rows", body, 200)

    (row,) = answer["rows"]
    assert [(one["field"], one["column"], one["code"]) for one in row["problems"]] == [
        ("country", "国", "invalid_field")
    ]


async def test_a_preview_shows_the_first_rows_as_events_and_all_problems_and_writes_nothing(ingest: Ingest) -> None:
    body = {"kind": "usage", "columns": COLUMNS, "rows": [*FOUR, *rows(6, "01/02/2026")], "show": 2}

    answer = await post(ingest, "/v1/imports/preview", body, 200)

    assert [(each["line"], each["item"]["time"]) for each in answer["items"]] == [
        (2, "2026-01-01T00:00:00Z"),
        (3, "2026-01-02T00:00:00Z"),
    ]
    assert (answer["accepted"], answer["refused"]) == (4, 1)
    assert [(each["line"], each["code"]) for each in answer["problems"]] == [(6, "ambiguous_day")]
    assert await ingest.events() == []
    assert (await ingest.client.get("/v1/imports")).json()["items"] == []


async def test_columns_that_no_row_can_do_without_and_unknown_fields_are_refused(ingest: Ingest) -> None:
    lacking = await begin(ingest, file(columns={"account": "a", "name": "b"}), 422)
    unknown = await begin(ingest, file(columns={**COLUMNS, "colour": "c"}), 422)

    assert (lacking["code"], unknown["code"]) == ("missing_column", "unknown_field")


async def test_imports_are_listed_the_newest_first_and_page_by_page(ingest: Ingest) -> None:
    made = [(await begin(ingest, file(letter)))["id"] for letter in "abc"]

    first = (await ingest.client.get("/v1/imports", params={"limit": 2})).json()
    second = (await ingest.client.get("/v1/imports", params={"limit": 2, "cursor": first["next"]})).json()

    assert sorted(each["id"] for each in first["items"] + second["items"]) == sorted(made)
    assert (len(first["items"]), second["next"]) == (2, None)
    for moment in ("2026-12-01", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59"):
        foreign = await ingest.client.get("/v1/imports", params={"cursor": encode_cursor(moment, made[0])})
        assert (foreign.status_code, foreign.json()["code"]) == (422, "invalid_cursor")


async def test_a_key_imports_for_its_own_source_and_sees_no_other(tmp_path: Path) -> None:
    async with running(tmp_path, FrozenClock(NOW)) as ingest:
        begun = await begin(ingest, file(source="desk"))  # its key may operate
        text, entry = new_key("small", ["ingest"], None, None, NOW)
        KeyFile(tmp_path / "keys.json", ingest.platform.clocks.wall).add(entry)
        transport = httpx.ASGITransport(ingest.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest", auth=(text, "")) as small:
            foreign = await small.post("/v1/imports", json=file(source="desk"))
            seen = await small.get(f"/v1/imports/{begun['id']}")
            listed = await small.get("/v1/imports")
        reserved = await begin(ingest, file(source="scoring"), 403)

    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_source")
    assert seen.status_code == 404
    assert listed.json()["items"] == []
    assert reserved["code"] == "reserved_source"
