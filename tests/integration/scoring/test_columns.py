"""Usage that is read by columns comes to the same as event by event, whatever stands beside it."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.world import (
    DAY,
    HOUR,
    NOON,
    PERSON,
    SECOND,
    Scoring,
    Stream,
    event,
    neighbours,
    seats,
    story,
    tick,
    ticket,
    usage,
)

from cskit.db import Database
from cskit.log import Record, Records
from cskit.messages import Message, UnitOfWork, Usage, message_of
from cskit.usage_reader import UsageReader
from csmodels.catalogue import parse
from csmodels.envelope import Event
from csmodels.topics import CUSTOMER_EVENTS
from scoring.tables import PLUMBING


class ByColumns(Scoring):
    """Takes all usage by columns that can be taken so."""

    reader = UsageReader()
    by_columns = 0

    async def take(self, *batches: Sequence[Message[Event]], forgetful: bool = False) -> "ByColumns":
        for batch in batches:
            if forgetful:
                self.handler.forget()
            messages: list[Message[Event]] = []
            usage: dict[int, Usage] = {}
            parts: dict[int, list[Message[Event]]] = defaultdict(list)
            for message in batch:
                parts[message.partition].append(message)
            for number, part in parts.items():
                records = Records.of([record_of(message) for message in part])
                columns, others = await self.reader.read(records.values, records.keys)
                if len(columns):
                    usage[number] = Usage.of(records, columns)
                    self.by_columns += len(columns)
                for place in others:
                    value = records.values[place]
                    messages.append(message_of(records, place, parse(CUSTOMER_EVENTS, value or b"")))
            async with self.database.write() as tx:
                await self.handler.on_columns(messages, usage, UnitOfWork(tx, PLUMBING))
        return self


def record_of(message: Message[Event]) -> Record:
    stamp = int(message.appended_at.timestamp() * 1000)
    value = message.event.to_bytes()
    return Record(CUSTOMER_EVENTS, message.partition, message.offset, stamp, message.event.key, value, message.headers)


def mixed(accounts: list[str], seed: int) -> Stream:
    """All that may stand beside usage: people without an id, erasures, merges, late and imported and very old usage."""
    dice = random.Random(seed)
    stream = Stream()
    for number in range(400):
        now = NOON + number * HOUR / 8
        account = dice.choice(accounts)
        kind = dice.random()
        if kind < 0.75:
            late = dice.choice((0, 0, 0, 1, 29, 70, 290, 310, 500)) * DAY
            who = dice.choice((None, 1, 2, 3, 4, 5))
            data: dict[str, Any] = {
                "name": dice.choice(("login", "export", "検索", "report_created", f"n{number % 90}"))
            }
            data |= {"count": dice.randrange(1, 4)} if dice.random() < 0.5 else {}
            data |= {"properties": {"plan": "pro", "rows": 3}} if dice.random() < 0.2 else {}
            at = now - late - dice.randrange(3_000) * SECOND
            backfill = {"backfill": True} if dice.random() < 0.05 else {}
            stream.append(event("usage.tracked", account, at, data, who=who, received=now, id=f"u{number}", **backfill))
        elif kind < 0.8:
            stream.append(seats(account, now, dice.randrange(2, 9)))
        elif kind < 0.85:
            stream.append(ticket(account, now, now - HOUR))
        elif kind < 0.87:
            stream.append(event("account.erased", account, now, {"account": account}))
        elif kind < 0.9:
            stream.append(event("person.erased", account, now, {"person": PERSON.format(dice.randrange(1, 5))}))
        elif kind < 0.93:
            pair = {"from": PERSON.format(1), "into": PERSON.format(2)}
            stream.append(event("contact.merged", account, now, pair, id=f"m{number}"))
        elif kind < 0.97:
            stream.append(tick((now - timedelta(minutes=now.minute)).replace(second=0), now))
        else:
            touch = {"kind": "call", "direction": "both"}
            stream.append(event("touch.recorded", account, now, touch, id=f"t{number}"))
    return stream


async def both(fresh: Fresh, batches: list[Sequence[Message[Event]]], **settings: Any) -> tuple[Any, Any, int]:
    """What it comes to event by event, what by columns, and how many went by columns."""
    one = await Scoring(await fresh(), **settings).take(*batches)
    other = await ByColumns(await fresh(), **settings).take(*batches)
    return await one.everything(), await other.everything(), other.by_columns


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("every", [3, 40, 400])
async def test_what_stands_beside_usage_and_where_it_is_cut_make_no_difference(
    fresh: Fresh, zone: str, every: int
) -> None:
    stream = mixed(neighbours(4), seed=every)

    one, other, by_columns = await both(fresh, stream.cut(every), zone=zone)

    assert by_columns > 150
    assert other == one


async def test_a_story_with_hours_and_closings_comes_to_the_same(fresh: Fresh) -> None:
    one, other, by_columns = await both(fresh, story(neighbours(3), days=3).cut(50))

    assert by_columns > 20
    assert other == one


async def test_who_was_seen_is_forgotten_with_an_erasure(database: Database, fresh: Fresh) -> None:
    before = Stream().append(*(usage("acme", NOON + n * SECOND, n % 3 + 1) for n in range(9)))
    erased = event("account.erased", "acme", NOON + HOUR, {"account": "acme"})
    before.append(erased, *(usage("acme", NOON + HOUR + n * SECOND, n % 3 + 1) for n in range(1, 9)))

    one, other, _ = await both(fresh, before.cut(3))

    assert other == one
    assert one["facts"]["acme"]["months"]["2026-07"]["people"].keys() == {PERSON.format(n) for n in (1, 2, 3)}


async def test_who_was_seen_is_forgotten_with_an_erasure_in_a_batch_of_its_own(fresh: Fresh) -> None:
    before = Stream().append(*(usage("acme", NOON + n * SECOND, n % 3 + 1) for n in range(9)))
    before.append(event("account.erased", "acme", NOON + HOUR, {"account": "acme"}))
    before.append(*(usage("acme", NOON + HOUR + n * SECOND, n % 3 + 1) for n in range(1, 9)))

    one, other, _ = await both(fresh, [before.messages[:9], before.messages[9:10], before.messages[10:]])

    assert other == one
    assert one["facts"]["acme"]["months"]["2026-07"]["people"].keys() == {PERSON.format(n) for n in (1, 2, 3)}


async def test_causes_are_the_newest_of_both_kinds_in_the_order_of_the_log(fresh: Fresh) -> None:
    stream = Stream()
    for n in range(40):
        at = NOON + n * SECOND
        stream.append(usage("acme", at) if n % 3 else seats("acme", at, n + 1))

    one, other, by_columns = await both(fresh, [stream.messages])

    assert by_columns == 26
    assert other == one
    (published,) = one["published"]
    assert published["data"]["cause"]["events"] == [message.event.id for message in stream.messages[-20:]]
    assert published["data"]["cause"]["more"] == 20
