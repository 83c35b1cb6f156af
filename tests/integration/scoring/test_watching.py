"""The watch list: set by weeks and scores alone, published, listed, and the same in a replay."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.server import Running, published, running
from tests.integration.scoring.world import DAY, HOUR, NOON, Scoring, Stream, event, seats, tick

from cskit.http import encode_cursor
from csmodels.envelope import Event

WEEK = timedelta(days=7)
MONDAY = NOON - 2 * DAY


@pytest.fixture
async def scoring(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path) as one:
        yield one


def weeks(account: str, counts: Sequence[int], end: Any = MONDAY) -> list[Event]:
    """So many core actions in each of the weeks before `end`, all taken in at its noon, and a steady life beside it."""
    events = [seats(account, end, 4, name=account.title())]
    for back, count in enumerate(reversed(counts), 1):
        for day in range(5):
            at = end - back * WEEK + day * DAY
            share = {"name": "report_created", "count": max(count // 5, 1)}
            events += [
                event("usage.tracked", account, at + n * HOUR, share, who=n + 1, received=end, backfill=True)
                for n in range(3)
            ]
    return events


def contract(account: str, mrr: str) -> Event:
    data = {"contract": "c1", "status": "active", "mrr": mrr, "currency": "USD", "seats": 4}
    return event("contract.changed", account, MONDAY, data)


def good_relation(account: str) -> list[Event]:
    answers = [
        event(
            "survey.answered", account, MONDAY - n * DAY,
            {"survey": "s", "response": f"r{n}", "revision": 1, "kind": "nps", "score": 10, "role": "sponsor"},
            id=f"r{n}:1",
        )
        for n in range(6)
    ]  # fmt: skip
    return [*answers, event("touch.recorded", account, MONDAY - DAY, {"kind": "call", "direction": "both"}, who=1)]


STEADY = [60] * 17
HALVED = [60] * 12 + [20] * 5


async def test_an_account_whose_usage_falls_is_watched_with_its_numbers(scoring: Running) -> None:
    await scoring.append(*weeks("acme", HALVED), contract("acme", "100"), *good_relation("acme"))
    await scoring.append(*weeks("calm", STEADY), contract("calm", "900"), *good_relation("calm"))

    items = (await scoring.get("/v1/watch-list", reason="declining"))["items"]

    (item,) = items
    assert (item["account"], item["reason"], item["mrr"]) == ("acme", "declining", "100")
    assert item["numbers"]["last"] < item["numbers"]["usual"] / 2
    assert item["numbers"]["cusum"] >= 5
    assert "declining" in (await scoring.get("/v1/accounts/acme/health"))["watch"]
    assert (await scoring.get("/v1/accounts/calm/health"))["watch"] == []
    assert "declining" in (await published(scoring, "acme"))[-1]["data"]["watch"]


async def test_a_good_relation_with_weak_usage_is_divergent(scoring: Running) -> None:
    await scoring.append(*weeks("acme", [60] * 13 + [15] * 4), *good_relation("acme"))

    (item,) = (await scoring.get("/v1/watch-list", reason="divergent"))["items"]

    assert item["numbers"]["usage_trend"] < 50
    assert item["numbers"]["contact"] >= 75
    assert item["numbers"]["nps"] >= 75


async def test_the_most_revenue_at_stake_comes_first_page_by_page(scoring: Running) -> None:
    stakes = {"small": "10", "big": "1000", "none": None, "middle": "200"}
    for account, mrr in stakes.items():
        signed = [contract(account, mrr)] if mrr else []
        await scoring.append(*weeks(account, HALVED), *signed, *good_relation(account))

    found, cursor = [], None
    while True:
        place: dict[str, Any] = {"cursor": cursor} if cursor else {}
        page = await scoring.get("/v1/watch-list", limit=1, reason="declining", **place)
        found += [item["account"] for item in page["items"]]
        if (cursor := page["next"]) is None:
            break

    assert found == ["big", "middle", "small", "none"]


@pytest.mark.parametrize(
    "place",
    [
        ("x",),
        ("NaN", "2026-01-01T00:00:00+00:00", "a", "declining"),
        ("1e999999999", "2026-01-01T00:00:00+00:00", "a", "declining"),
        ("1", "x", "a", "b"),
        ("1", "x", "a", "declining"),
        ("1", "9999-12-31T23:59:59.999999-23:59", "a", "declining"),
        ("1", "0001-01-01T00:00:00+23:59", "a", "declining"),
    ],
)
async def test_a_foreign_cursor_is_refused(scoring: Running, place: tuple[str, ...]) -> None:
    problem = await scoring.get("/v1/watch-list", status=422, cursor=encode_cursor(*place))

    assert problem["code"] == "invalid_cursor"


async def test_a_decline_shows_on_the_monday_after_the_week_and_ends_by_time_or_use(fresh: Fresh) -> None:
    fallen = weeks("acme", HALVED, MONDAY - WEEK)
    stream = Stream().append(*fallen, *good_relation("acme"), tick(MONDAY - 12 * HOUR))

    scoring = await Scoring(await fresh()).take(stream.messages)
    during = (await scoring.live()).watch
    before = len(stream.messages)
    many = {"name": "report_created", "count": 3}
    back = [event("usage.tracked", "acme", MONDAY + n * HOUR, many, who=n % 3 + 1) for n in range(1, 66)]
    stream.append(*back, *(tick(MONDAY - 12 * HOUR + n * HOUR) for n in range(1, 24 * 8)))
    await scoring.take(stream.messages[before:])

    assert "declining" in during
    assert "declining" not in (await scoring.live()).watch
    told = [one["data"]["watch"] for one in await scoring.published()]
    assert "declining" in told[0]
    assert "declining" not in told[-1]


async def test_a_replay_watches_the_same_since_the_same_moment(fresh: Fresh) -> None:
    stream = Stream().append(*weeks("acme", HALVED), *good_relation("acme"))
    stream.append(*(tick(MONDAY + n * HOUR) for n in range(1, 60)))
    batches = stream.cut(23)

    once = await Scoring(await fresh()).take(*batches)
    again = await Scoring(await fresh(), now=NOON + 100 * DAY, in_memory=1).take(*batches, forgetful=True)

    first, second = await once.live(), await again.live()
    assert first.verdict["signs"]
    assert first.verdict["signs"] == second.verdict["signs"]
    assert await once.everything() == await again.everything()


async def test_an_unknown_reason_is_refused(scoring: Running) -> None:
    assert (await scoring.get("/v1/watch-list", status=422, reason="red"))["code"]
