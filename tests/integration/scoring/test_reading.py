"""What lists ask of the database, on both databases."""

from sqlalchemy import update
from tests.integration.scoring.world import NOON, Scoring, Stream, neighbours, seats, usage

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


async def test_accounts_are_found_by_names_of_any_script(database: Database) -> None:
    one, two = neighbours(2)
    scoring = Scoring(database)
    named = [seats(one, NOON, 4, name="Ärzte ＡＣＭＥ工業"), seats(two, NOON, 4, name="Beta")]
    await scoring.take(*Stream().append(*named).cut(10))

    async with database.read() as tx:
        found = {
            text: [row.account for row in await listing.page(tx, Filter(text=text), columns=["account"], limit=9)]
            for text in ("ärzte", "ÄRZTE", "ａｃｍｅ", "工業", "BETA")
        }

    assert found == {"ärzte": [one], "ÄRZTE": [one], "ａｃｍｅ": [one], "工業": [one], "BETA": [two]}
