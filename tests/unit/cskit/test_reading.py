"""Reading a batch: by columns or not, the same events are new, doubled and poison, and the same is noted of them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from sqlalchemy import MetaData
from tests.unit.cskit.test_columns import written

from cskit.batches import BatchSize
from cskit.claims import Claim
from cskit.db.plumbing import plumbing
from cskit.db.sqlite import SqliteDatabase
from cskit.dedup import Dedup
from cskit.log import Partition, Record, Records
from cskit.reading import BatchReader, Reading, Refused
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS

METADATA = MetaData()
TABLE = plumbing(METADATA).fingerprints
NOW = datetime(2026, 7, 1, 13, tzinfo=UTC)
HERE = Partition(CUSTOMER_EVENTS, partition_of("acme"))
START_MS = 1_782_907_200_000
HOUR_MS = 3_600_000
SIGNAL = {"type": "signal.seen", "data": {"kind": "page_view", "topic": "docs"}}


def batch(seed: int, count: int = 200) -> Records:
    """Records of the partition: usage, other events, repeats of both, and poison."""
    dice = random.Random(seed)
    stamp, records = START_MS, []
    for offset in range(count):
        stamp += dice.choice((0, 1, 1, -5, HOUR_MS // 20))
        id_ = f"e{dice.randrange(count)}"
        kind = dice.random()
        key: bytes | None = b"acme"
        if kind < 0.7:
            value: bytes | None = written(id=id_)
        elif kind < 0.85:
            value = written(id=id_, **SIGNAL)
        elif kind < 0.9:
            value = written(id=id_, data={"name": ""})
        elif kind < 0.93:
            value, key = written(id=id_), b"another"
        elif kind < 0.95:
            value, key = written(id=id_, subject="another"), b"another"
        elif kind < 0.97:
            value = written(id=id_, receivedtime="2026-07-03T12:00:00Z")
        else:
            value, key = dice.choice(((None, b"acme"), (b"{", b"acme"), (written(id=id_), None)))
        records.append(Record(HERE.topic, HERE.number, offset, stamp, key, value, ()))
    return Records.of(records)


@asynccontextmanager
async def nothing_taken(tmp_path: Path, *partitions: Partition) -> AsyncIterator[tuple[SqliteDatabase, Dedup]]:
    """An empty database, and what dedup knows of these partitions: nothing."""
    with TemporaryDirectory(dir=tmp_path) as folder:
        database = SqliteDatabase(Path(folder) / "one.db")
        await database.migrate(METADATA.create_all)
        dedup = Dedup(TABLE, "scoring", seed=7)
        async with database.write() as tx:
            await dedup.load(tx, [(partition, 0) for partition in partitions])
        try:
            yield database, dedup
        finally:
            await database.close()


def claim_of(partition: Partition) -> Claim:
    return Claim(partition, UUID(int=0), 1, 0, 0)


async def read(
    tmp_path: Path, records: Records, *, by_columns: bool, refused: Refused | None = None, fewest: int = 1
) -> Reading:
    claim, reading = claim_of(Partition(records.topic, HERE.number)), Reading()
    async with nothing_taken(tmp_path, claim.partition) as (_, dedup):
        reader = BatchReader("scoring", dedup, by_columns=by_columns, fewest=fewest)
        await reader.read(records, claim, refused or {}, None, NOW, reading)
    return reading


def told(reading: Reading) -> list[tuple[int, str, datetime]]:
    """All that was read: offset, id and append time."""
    messages = list(reading.messages)
    for usage in reading.usage.values():
        messages += [usage.message(number) for number in range(len(usage))]
    return sorted((message.offset, message.event.id, message.appended_at) for message in messages)


def noted(reading: Reading) -> dict[Partition, dict[int, list[int]]]:
    """What a reading noted for dedup."""
    return {place: {hour: ids.tolist() for hour, ids in hours.items()} for place, hours in reading.taken.new.items()}


@pytest.mark.parametrize("seed", range(8))
async def test_columns_make_no_difference(tmp_path: Path, seed: int) -> None:
    records = batch(seed)

    plain = await read(tmp_path, records, by_columns=False)
    columns = await read(tmp_path, records, by_columns=True)

    assert not plain.usage
    assert len(columns.usage[HERE.number]) > 50
    assert told(columns) == told(plain)
    assert plain.duplicates == columns.duplicates > 20
    assert columns.letters == plain.letters != []
    assert (noted(columns), columns.claims) == (noted(plain), plain.claims)


@pytest.mark.parametrize("by_columns", [True, False])
async def test_what_lies_ahead_of_the_log_or_where_its_account_does_not_belong_is_poison(
    tmp_path: Path, by_columns: bool
) -> None:
    tick = {"type": "clock.ticked", "subject": "!control", "personid": ...}
    cases = [
        (b"acme", written(id="in time", receivedtime="2026-07-02T12:00:00Z"), None),
        (b"acme", written(id="ahead", receivedtime="2026-07-02T12:00:00.000001Z"), "ahead_of_log"),
        (b"acme", written(id="signal", **SIGNAL, receivedtime="2027-07-01T12:00:00Z"), "ahead_of_log"),
        (b"another", written(id="elsewhere", subject="another"), "wrong_partition"),
        (b"another", written(id="signal elsewhere", **SIGNAL, subject="another"), "wrong_partition"),
        (b"!control", written(**tick, id="an hour", data={"hour": "2026-07-01T13:00:00Z"}), None),
        (b"!control", written(**tick, id="years", data={"hour": "2028-01-01T00:00:00Z"}), "ahead_of_log"),
        (b"acme", written(id="after"), None),
    ]
    records = [Record(*HERE, n, START_MS, key, value, ()) for n, (key, value, _) in enumerate(cases)]

    reading = await read(tmp_path, Records.of(records), by_columns=by_columns)

    assert bool(reading.usage) is by_columns
    assert [(letter.record, letter.code) for letter in reading.letters] == [
        (record, code) for record, (_, _, code) in zip(records, cases, strict=True) if code
    ]
    assert [offset for offset, _, _ in told(reading)] == [n for n, (_, _, code) in enumerate(cases) if not code]


async def test_where_accounts_belong_is_known_of_those_that_come_later_too(tmp_path: Path) -> None:
    names = [f"a{number}" for number in range(400)]
    read_at_once = []
    async with nothing_taken(tmp_path, HERE) as (_, dedup):
        reader = BatchReader("scoring", dedup, by_columns=True, fewest=1)
        for part in (names[:200], names[100:]):
            some = [Record(*HERE, n, START_MS, a.encode(), written(id=a, subject=a), ()) for n, a in enumerate(part)]
            reading = Reading()
            await reader.read(Records.of(some), claim_of(HERE), {}, None, NOW, reading)
            read_at_once.append({id_ for _, id_, _ in told(reading)})

    mine = [{name for name in part if partition_of(name) == HERE.number} for part in (names[:200], names[100:])]
    assert read_at_once == mine


async def test_few_records_are_read_one_by_one(tmp_path: Path) -> None:
    records = Records.of(
        [Record(HERE.topic, HERE.number, n, START_MS, b"acme", written(id=f"e{n}"), ()) for n in range(9)]
    )

    reading = await read(tmp_path, records, by_columns=True, fewest=10)

    assert not reading.usage
    assert [message.offset for message in reading.messages] == list(range(9))


@pytest.mark.parametrize("seed", range(8))
async def test_what_a_handler_refused_is_put_aside_and_all_else_stays_as_it_was(tmp_path: Path, seed: int) -> None:
    records = batch(seed)
    refused = {(HERE, int(offset)): ("odd", "It is odd.") for offset in records.offsets[::7]}
    elsewhere = {(Partition(HERE.topic, 9), int(offset)): ("odd", "It is odd.") for offset in records.offsets}

    plain = await read(tmp_path, records, by_columns=False, refused=refused | elsewhere)
    columns = await read(tmp_path, records, by_columns=True, refused=refused | elsewhere)

    assert not plain.usage
    assert len(columns.usage[HERE.number]) > 50
    assert columns.letters == plain.letters
    assert {letter.record.offset for letter in plain.letters if letter.code == "odd"} == {
        offset for _, offset in refused
    }
    assert told(columns) == told(plain)
    assert (noted(columns), columns.claims) == (noted(plain), plain.claims)


@pytest.mark.parametrize("by_columns", [True, False])
@pytest.mark.parametrize("seed", range(8))
async def test_what_makes_too_many_objects_is_left_for_another_batch(
    tmp_path: Path, seed: int, by_columns: bool
) -> None:
    records = batch(seed)
    at_once = await read(tmp_path, records, by_columns=by_columns)
    claim, pieces = claim_of(HERE), []
    async with nothing_taken(tmp_path, HERE) as (database, dedup):
        reader = BatchReader("scoring", dedup, by_columns=by_columns, fewest=1, most=20)
        while len(left := records.between(int(records.offsets.searchsorted(claim.next_offset)), len(records))):
            piece = Reading()
            await reader.read(left, claim, {}, None, NOW, piece)
            pieces.append(piece)
            (claim,) = piece.claims
            async with database.write() as tx:
                await dedup.write(tx, piece.taken, {HERE: claim})
            dedup.applied(piece.taken)

    assert [piece.left for piece in pieces] == [{HERE}] * (len(pieces) - 1) + [set()]
    assert len(pieces) > 2
    assert max(len(piece.messages) + len(piece.letters) for piece in pieces) <= 20
    assert sorted(one for piece in pieces for one in told(piece)) == told(at_once)
    assert [letter for piece in pieces for letter in piece.letters] == at_once.letters
    assert sum(piece.duplicates for piece in pieces) == at_once.duplicates
    assert [claim] == at_once.claims


async def test_partitions_share_what_objects_may_be_made(tmp_path: Path) -> None:
    records, reading, made = batch(1), Reading(), []
    places = [Partition(HERE.topic, number) for number in (3, 4, 5)]

    async with nothing_taken(tmp_path, *places) as (_, dedup):
        reader = BatchReader("scoring", dedup, by_columns=True, fewest=1, most=30)
        for share, place in zip((3, 2, 1), places, strict=True):
            before = len(reading.messages) + len(reading.letters)
            part = records.between(0, 6) if share == 2 else records
            await reader.read(part, claim_of(place), {}, None, NOW, reading, share)
            made.append(len(reading.messages) + len(reading.letters) - before)

    assert made[0] <= 10
    assert 10 < made[2] <= 30 - made[0] - made[1]  # the rest, since the one before needed little
    assert reading.left == {places[0], places[2]}


async def test_of_other_topics_nothing_is_read_by_columns(tmp_path: Path) -> None:
    record = Record(HEALTH_EVENTS, 3, 0, START_MS, b"acme", written(), ())

    reading = await read(tmp_path, Records.of([record]), by_columns=True)

    assert not reading.usage
    assert len(reading.letters) == 1


def test_batches_grow_while_they_are_full_and_quick_and_shrink_when_they_take_long() -> None:
    size = BatchSize(100, 1_000)
    size.took(100, 0.01)
    size.took(200, 0.1)
    assert size.records == 400
    size.took(400, 12.0)
    assert size.records == 400
    for _ in range(5):
        size.took(10, 17.0)
    assert size.records == 100
    for _ in range(30):
        size.took(size.records, 0.01)
    assert size.records == 1_000
    assert BatchSize(5_000, 1_000).records == 5_000


def test_batches_grow_where_the_next_partition_did_not_fit_into_what_was_left_of_them() -> None:
    size = BatchSize(100, 1_000)
    size.took(74, 0.01)
    assert size.records == 100
    size.took(75, 0.01)
    assert size.records == 200
    size.took(150, 6.5)  # with all that was asked for it would have been more than eight seconds
    assert size.records == 200
    size.took(150, 5.5)
    assert size.records == 400
    size.took(400, 0.01, whole=False)
    assert size.records == 200


def test_where_others_wait_for_them_batches_shrink_sooner() -> None:
    size = BatchSize(100, 1_000, seconds=1.0)
    size.took(100, 0.9)
    size.took(200, 1.1)
    assert size.records == 200
    size.took(10, 2.1)
    assert size.records == 100
