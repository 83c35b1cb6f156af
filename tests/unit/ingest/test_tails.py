"""What a request leaves behind in memory, without a database."""

import json
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.running.tails import ACCOUNT, saw

from cskit.clock import Clocks, FrozenClock
from cskit.db import DatabaseUnavailable, Tx
from csmodels.ids import AccountId
from ingest.domain.hours import full_hour
from ingest.domain.wire import home_of
from ingest.tables import FEED_HOURS, TAILS
from ingest.tails import LENGTH, Tails

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


class Kept:
    """A database that remembers what it is given, or cannot be reached."""

    def __init__(self) -> None:
        self.there = True
        self.rows: list[dict[str, Any]] = []
        self.hours: list[dict[str, Any]] = []
        self.added = 0

    def write(self) -> AbstractAsyncContextManager[Tx]:
        return self  # type: ignore[return-value]

    async def __aenter__(self) -> "Kept":
        if not self.there:
            raise DatabaseUnavailable("away")
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def upsert(self, table: Any, rows: list[dict[str, Any]]) -> None:
        assert table is TAILS
        self.rows += rows

    def insert(self, table: Any, rows: list[dict[str, Any]], *, ignore: bool) -> None:
        assert table is FEED_HOURS
        assert ignore
        self.hours += rows

    async def execute(self, statement: Any) -> int:
        self.added += statement.compile().params["events_1"]
        return 1


async def key() -> bytes:
    return b"k" * 32


def made() -> tuple[Tails, Kept]:
    kept = Kept()
    clock = FrozenClock(NOW)
    return Tails(kept, Clocks(world=clock, wall=clock), key, replica="one"), kept  # type: ignore[arg-type]


def item(index: int, status: str = "accepted", **more: Any) -> dict[str, Any]:
    return {"index": index, "id": f"e-{index}", "status": status, **more}


async def test_only_the_last_hundred_are_held_and_numbered() -> None:
    tails, kept = made()
    saw(tails, "shop", [item(n) for n in range(250)], ["usage.tracked"] * 250, NOW)

    await tails.round()

    text = kept.rows[0]["items"]
    assert text.count('"n":') == LENGTH
    assert text.startswith('[{"n":250,')
    assert kept.added == 250


async def test_nothing_personal_is_kept_of_an_item() -> None:
    tails, kept = made()
    refused = item(0, "refused", code="invalid_field", field="properties.hana@example.com", message="of Hana Ito")
    refused["id"] = "order-of-hana@example.com"
    saw(tails, "shop", [refused], [None], NOW)

    await tails.round()

    text = kept.rows[0]["items"].lower()
    assert "hana" not in text
    assert '"id":"h-' in text
    assert '"code":"invalid_field"' in text


async def test_what_a_database_did_not_take_is_written_the_next_time() -> None:
    tails, kept = made()
    kept.there = False
    saw(tails, "shop", [item(0)], ["usage.tracked"], NOW)
    with pytest.raises(DatabaseUnavailable):
        await tails.round()

    kept.there = True
    saw(tails, "shop", [item(1)], ["ticket.changed"], NOW)
    await tails.round()

    assert [row["source"] for row in kept.rows] == ["shop"]
    assert kept.hours == [
        {"family": family, "hour": full_hour(NOW), "events": 0} for family in ("tickets", "usage")
    ]  # fmt: skip
    assert kept.added == 2


async def test_nothing_new_is_not_written_again() -> None:
    tails, kept = made()
    saw(tails, "shop", [item(0)], ["usage.tracked"], NOW)

    await tails.round()
    await tails.round()

    assert len(kept.rows) == 1
    assert kept.added == 1


async def test_what_waits_or_is_of_the_past_is_no_sign_of_life() -> None:
    tails, kept = made()
    saw(tails, "shop", [item(0, "waiting")], ["usage.tracked"], NOW)
    saw(tails, "shop", [item(0)], ["usage.tracked"], NOW, backfill=True)

    await tails.round()

    assert kept.hours == []


async def test_memory_is_bounded_by_the_sources_heard_last() -> None:
    tails, kept = made()
    for number in range(1_100):
        saw(tails, f"s{number}", [item(0)], ["usage.tracked"], NOW)
    saw(tails, "s100", [item(1)], ["usage.tracked"], NOW)

    for _ in range(11):
        await tails.round()

    names = {row["source"] for row in kept.rows}
    assert len(names) == 1_000
    assert "s99" not in names
    assert {"s100", "s1099"} <= names


def used(tails: Tails, name: str, count: int, source: str = "shop", account: AccountId = ACCOUNT) -> None:
    """A request of `count` events of usage of an account, `name-0` and so on, was taken as a whole."""
    last = range(max(0, count - LENGTH), count)
    ids, homes = [f"{name}-{number}" for number in last], [home_of(account, None)] * len(last)
    tails.took_usage(source, count, ids, homes, count, NOW)


def told(kept: Kept) -> list[dict[str, Any]]:
    """The items of the tail as it was written last."""
    found: list[dict[str, Any]] = json.loads(kept.rows[-1]["items"])
    return found


async def test_usage_and_other_items_stand_in_the_order_of_their_requests() -> None:
    tails, kept = made()
    used(tails, "a", 2)
    refused = item(1, "refused", code="unknown_field", field="data.mmr")
    saw(tails, "shop", [item(0), refused], ["ticket.changed", None], NOW)
    used(tails, "b", 2, account=AccountId("other"))
    used(tails, "c", 1)

    await tails.round()

    assert [(one["n"], one["id"], one["index"], one["type"], one["account"], one["status"]) for one in told(kept)] == [
        (7, "c-0", 0, "usage.tracked", "acme", "accepted"),
        (6, "b-1", 1, "usage.tracked", "other", "accepted"),
        (5, "b-0", 0, "usage.tracked", "other", "accepted"),
        (4, "e-1", 1, None, None, "refused"),
        (3, "e-0", 0, "ticket.changed", "acme", "accepted"),
        (2, "a-1", 1, "usage.tracked", "acme", "accepted"),
        (1, "a-0", 0, "usage.tracked", "acme", "accepted"),
    ]
    assert kept.added == 6


async def test_a_request_of_more_usage_than_a_tail_holds_counts_as_a_whole_and_has_its_own_indexes() -> None:
    tails, kept = made()
    saw(tails, "shop", [item(0)], ["usage.tracked"], NOW)
    used(tails, "a", 30)
    used(tails, "b", 250)

    await tails.round()

    assert [(one["n"], one["index"], one["id"]) for one in told(kept)] == [
        (1 + 30 + 1 + index, index, f"b-{index}") for index in reversed(range(150, 250))
    ]
    assert kept.added == 281


async def test_what_no_longer_fits_is_the_oldest_whatever_it_was() -> None:
    tails, kept = made()
    used(tails, "a", 60)
    saw(tails, "shop", [item(n) for n in range(30)], ["usage.tracked"] * 30, NOW)
    used(tails, "b", 60)

    await tails.round()

    ids = [f"b-{n}" for n in range(60)], [f"e-{n}" for n in range(30)], [f"a-{n}" for n in range(50, 60)]
    assert [one["id"] for one in told(kept)] == [id_ for part in ids for id_ in reversed(part)]
    assert [one["n"] for one in told(kept)] == list(range(150, 50, -1))


async def test_of_many_small_requests_of_usage_the_last_hundred_are_held() -> None:
    tails, kept = made()
    saw(tails, "shop", [item(0)], ["usage.tracked"], NOW)
    for number in range(1_000):
        used(tails, f"u{number}", 1)

    await tails.round()

    assert [(one["n"], one["id"]) for one in told(kept)] == [(n + 2, f"u{n}-0") for n in range(999, 899, -1)]


async def test_usage_that_was_written_is_not_told_twice() -> None:
    tails, kept = made()
    used(tails, "a", 2)
    await tails.round()
    used(tails, "b", 1)
    used(tails, "x", 1, source="other")

    await tails.round()

    items = {row["source"]: [(one["n"], one["id"]) for one in json.loads(row["items"])] for row in kept.rows[1:]}
    assert items == {"shop": [(3, "b-0"), (2, "a-1"), (1, "a-0")], "other": [(1, "x-0")]}
