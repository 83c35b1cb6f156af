"""What a request leaves behind in memory, without a database."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.running.tails import saw

from cskit.clock import Clocks, FrozenClock
from cskit.db import DatabaseUnavailable, Tx
from ingest.domain.hours import full_hour
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
