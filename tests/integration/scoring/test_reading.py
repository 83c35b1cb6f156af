"""What lists ask of the database, on both databases."""

from sqlalchemy import update
from tests.integration.scoring.world import NOON, Scoring, Stream, neighbours, usage

from cskit.db import Database
from scoring.store import listing
from scoring.store.listing import Filter
from scoring.tables import live


async def test_accounts_are_found_by_what_they_are_watched_for(database: Database) -> None:
    one, two = neighbours(2)
    scoring = Scoring(database)
    await scoring.take(*Stream().append(usage(one, NOON), usage(two, NOON)).cut(10))
    async with database.write() as tx:
        await tx.execute(update(live).where(live.c.account == two).values(watch=["declining"]))

    async with database.read() as tx:
        found = {
            watch: [row.account for row in await listing.page(tx, Filter(watch=(watch,)), columns=["account"], limit=9)]
            for watch in ("declining", "divergent")
        }

    assert found == {"declining": [two], "divergent": []}
