"""Reading a batch: by columns or not, the same events are new, doubled and poison, and the same is noted of them."""

import random
from datetime import UTC, datetime
from pathlib import Path
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
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS

METADATA = MetaData()
TABLE = plumbing(METADATA).fingerprints
NOW = datetime(2026, 7, 1, 13, tzinfo=UTC)
HERE = Partition(CUSTOMER_EVENTS, 3)
START_MS = 1_782_907_200_000
HOUR_MS = 3_600_000


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
            value = written(id=id_, type="signal.seen", data={"kind": "page_view", "topic": "docs"})
        elif kind < 0.9:
            value = written(id=id_, data={"name": ""})
        elif kind < 0.95:
            value, key = written(id=id_), b"another"
        else:
            value, key = dice.choice(((None, b"acme"), (b"{", b"acme"), (written(id=id_), None)))
        records.append(Record(HERE.topic, HERE.number, offset, stamp, key, value, ()))
    return Records.of(records)


async def read(
    tmp_path: Path, records: Records, *, by_columns: bool, refused: Refused | None = None, fewest: int = 1
) -> Reading:
    database = SqliteDatabase(tmp_path / f"{by_columns}.db")
    await database.migrate(METADATA.create_all)
    dedup = Dedup(TABLE, "scoring", seed=7)
    async with database.write() as tx:
        await dedup.load(tx, [(HERE, 0)])
    await database.close()
    reading = Reading()
    reader = BatchReader("scoring", dedup, by_columns=by_columns, fewest=fewest)
    claim = Claim(Partition(records.topic, HERE.number), UUID(int=0), 1, 0, 0)
    if claim.partition != HERE:
        dedup._seen[claim.partition] = dedup._seen[HERE]
    reader.read(records, claim, refused or {}, None, NOW, reading)
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


@pytest.mark.parametrize("few", [True, False])
async def test_what_a_handler_refused_is_put_aside_and_few_records_are_read_one_by_one(
    tmp_path: Path, few: bool
) -> None:
    records = Records.of([Record(HERE.topic, 3, n, START_MS, b"acme", written(id=f"e{n}"), ()) for n in range(9)])
    refused = {} if few else {(HERE, 4): ("odd", "It is odd.")}

    reading = await read(tmp_path, records, by_columns=True, refused=refused, fewest=10 if few else 1)

    assert not reading.usage
    assert [letter.code for letter in reading.letters] == ([] if few else ["odd"])
    assert [message.offset for message in reading.messages] == [n for n in range(9) if few or n != 4]


async def test_of_other_topics_nothing_is_read_by_columns(tmp_path: Path) -> None:
    record = Record(HEALTH_EVENTS, 3, 0, START_MS, b"acme", written(), ())

    reading = await read(tmp_path, Records.of([record]), by_columns=True)

    assert not reading.usage
    assert len(reading.letters) == 1


def test_batches_grow_while_they_are_full_and_quick_and_shrink_when_they_take_long() -> None:
    size = BatchSize(100, 1_000)
    size.took(99, 0.01)
    assert size.records == 100
    size.took(100, 0.01)
    size.took(200, 0.1)
    assert size.records == 400
    size.took(400, 6.0)
    assert size.records == 400
    for _ in range(5):
        size.took(10, 9.0)
    assert size.records == 100
    for _ in range(30):
        size.took(size.records, 0.01)
    assert size.records == 1_000
    assert BatchSize(5_000, 1_000).records == 5_000


def test_where_others_wait_for_them_batches_shrink_sooner() -> None:
    size = BatchSize(100, 1_000, seconds=1.0)
    size.took(100, 0.9)
    size.took(200, 1.1)
    assert size.records == 200
    size.took(10, 2.1)
    assert size.records == 100
