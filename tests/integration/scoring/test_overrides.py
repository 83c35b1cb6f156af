"""Overrides graded by what became of the account, over HTTP."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.server import Running, running
from tests.integration.scoring.world import DAY, NOON, TEXT, busy_weeks, event, seats, ticket

from cskit.http import encode_cursor
from csmodels.envelope import Event

WEEK = timedelta(days=7)


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


def override(
    account: str, points: float, *, id_: str = "o1", at: datetime = NOON, author: str = "sam", days: int = 30
) -> Event:
    data = {"override": id_, "points": points, "expires_at": at + days * DAY, "author": author, "text_ref": TEXT}
    return event("override.set", account, at, data)


def contract(account: str, at: datetime = NOON, **fields: Any) -> Event:
    return event("contract.changed", account, at, {"contract": "c1", "status": "active", **fields})


async def of(scoring: Running, account: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await scoring.get(f"/v1/accounts/{account}/overrides"))["items"]
    return items


async def test_an_override_in_force_is_listed_and_not_graded_yet(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), contract("acme"), override("acme", 4.5))

    (row,) = await of(scoring, "acme")

    assert (row["state"], row["points"], row["author"], row["text_ref"]) == ("in_force", 4.5, "sam", TEXT)
    assert (row["outcome"], row["grade"], row["graded_at"], row["ended_at"]) == (None, None, None, None)
    assert datetime.fromisoformat(row["due_at"]) == NOON + 90 * DAY
    assert row["score"] == pytest.approx(min(row["score_without"] + 4.5, 100))


async def test_one_that_showed_a_better_band_before_the_customer_left_was_harmful(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]), contract("acme"), ticket("acme", NOON, NOON - timedelta(hours=3)))
    without = (await scoring.get("/v1/accounts/acme/health"))["score"]
    lifted = 75.5 - without if without < 75 else 0.0
    assert 0 < lifted <= 10, without  # else this tells nothing
    await scoring.append(override("acme", lifted, at=NOON + timedelta(seconds=1)))
    scoring.world.advance(40 * DAY)
    await scoring.append(contract("acme", NOON + 20 * DAY, status="ended"))

    (row,) = await of(scoring, "acme")

    assert row["score_without"] < 75 <= row["score"]
    assert (row["state"], row["outcome"], row["grade"]) == ("expired", "left", "harmful")
    assert datetime.fromisoformat(row["graded_at"]) == NOON + 20 * DAY


async def test_sums_by_author_are_of_all_pages_and_by_grade(scoring: Running) -> None:
    for account, author in (("acme", "sam"), ("beta", "kim"), ("gama", "kim")):
        await scoring.append(*busy_weeks([account]), contract(account), override(account, 1.0, author=author))
    await scoring.append(override("acme", -1.0, id_="o2", at=NOON + DAY, author="sam", days=400))
    scoring.world.advance(100 * DAY)

    everything = await scoring.get("/v1/overrides")
    kims = await scoring.get("/v1/overrides", author="kim", limit=1)
    rest = await scoring.get("/v1/overrides", author="kim", limit=1, cursor=kims["next"])
    neutral = await scoring.get("/v1/overrides", grade="neutral")

    sums = [(one["author"], one["overrides"], one["waiting"], one["neutral"]) for one in everything["authors"]]
    assert sums == [("kim", 2, 0, 2), ("sam", 2, 1, 1)]
    assert everything["items"][0]["override"] == "o2"
    assert [row["account"] for row in kims["items"] + rest["items"]] == ["gama", "beta"]
    assert rest["next"] is None
    assert kims["authors"] == rest["authors"]
    assert {row["account"] for row in neutral["items"]} == {"acme", "beta", "gama"}
    assert all(row["outcome"] == "kept" for row in neutral["items"])


async def test_an_ended_override_says_when(scoring: Running) -> None:
    await scoring.append(*busy_weeks(["acme"]))
    made = await scoring.post(
        "/v1/accounts/acme/overrides", {"points": 2.0, "note": "n", "expires_at": (NOON + 30 * DAY).isoformat()}
    )
    scoring.world.advance(DAY)
    await scoring.post(f"/v1/accounts/acme/overrides/{made['override']}/end", {}, status=200)

    (row,) = await of(scoring, "acme")

    assert row["state"] == "ended"
    assert datetime.fromisoformat(row["ended_at"]) == NOON + DAY
    assert datetime.fromisoformat(row["due_at"]) == NOON + 61 * DAY


async def test_overrides_of_an_erased_account_are_gone(tmp_path: Path) -> None:
    async with running(tmp_path, scopes=["read", "people"]) as scoring:
        await scoring.append(seats("acme", NOON, 4), override("acme", 1.0))

        await scoring.send("DELETE", "/v1/accounts/acme")

        assert await scoring.get("/v1/overrides") == {"items": [], "next": None, "authors": []}


async def test_a_foreign_cursor_and_an_unknown_grade_are_refused(scoring: Running) -> None:
    moments = ("yesterday", "2026-01-01", "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59")
    for asked in (*({"cursor": encode_cursor(each, "a", "b")} for each in moments), {"grade": "good"}):
        assert (await scoring.get("/v1/overrides", status=422, **asked))["code"]
    assert (await scoring.get("/v1/accounts/nobody/overrides", status=404))["code"] == "account_not_found"
