"""The books that the fold keeps for the metrics, on both databases: always what the facts say, and gone with them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, update
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.portfolio_world import JUNE, World, contract, example, get, new_world, rows, value
from tests.integration.scoring.world import DAY, HOUR, NOON, event, usage

from scoring.domain.portfolio.book import Book
from scoring.engine import booking
from scoring.store import portfolio as store
from scoring.tables import PLUMBING, account_months, portfolio_books, portfolio_tickets


@pytest.fixture
async def world(fresh: Fresh, tmp_path: Path) -> World:
    return await new_world(fresh, tmp_path)


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client() as one:
        yield one


async def test_what_is_folded_is_in_the_next_answer_of_every_replica(world: World, client: httpx.AsyncClient) -> None:
    async with world.client() as other:
        await world.take(contract("acme", NOON - DAY, mrr="100"), contract("best", NOON - DAY, mrr="10"))
        assert [await value(one, "mrr") for one in (client, other)] == ["110", "110"]

        await world.take(contract("acme", NOON - HOUR, mrr="120"))

        assert [await value(one, "mrr") for one in (client, other)] == ["130", "130"]


async def test_an_erased_account_is_gone_from_every_figure_and_counted_as_erased(
    world: World, client: httpx.AsyncClient
) -> None:
    ticket = {"ticket": "t1", "opened_at": NOON - 9 * DAY}
    await world.take(
        contract("acme", NOON - 90 * DAY, mrr="100"),
        event("ticket.changed", "acme", NOON - 9 * DAY, ticket),
        contract("best", NOON - 90 * DAY, mrr="10"),
    )
    assert await value(client, "mrr", at="2026-06-30") == "110"

    await world.take(event("account.erased", "acme", NOON, {"account": "acme"}))

    ledger = await get(client, "/v1/metrics/mrr_movements", **JUNE)
    assert (ledger["points"][0]["parts"]["start"], ledger["points"][0]["parts"]["end"]) == ("10", "10")
    assert ledger["erased_accounts"] == 1
    assert (await get(client, "/v1/metrics/mrr", at="2026-07-01"))["erased_accounts"] == 1
    assert await value(client, "ticket_resolution_rate", **JUNE) is None
    assert await rows(world.database, portfolio_tickets) == []
    assert [(row.account, row.body is None) for row in await rows(world.database, portfolio_books)] == [
        ("acme", True),
        ("best", False),
    ]


async def test_an_account_that_comes_back_after_its_erasure_begins_anew(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.take(contract("acme", NOON - 90 * DAY, mrr="100"))
    await world.take(
        event("account.erased", "acme", NOON, {"account": "acme"}),
        contract("acme", NOON, mrr="7", starts_on=NOON.date()),
    )

    assert await value(client, "mrr") == "7"
    assert await value(client, "mrr", at="2026-06-30") == "0"
    assert (await get(client, "/v1/metrics/mrr"))["erased_accounts"] == 0


async def test_an_account_that_nobody_knows_leaves_nothing_when_it_is_erased(world: World) -> None:
    await world.take(event("account.erased", "acme", NOON, {"account": "acme"}))

    assert await rows(world.database, portfolio_books) == []


async def test_people_who_turned_out_to_be_one_are_active_once(world: World, client: httpx.AsyncClient) -> None:
    one, two = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
    await world.take(
        usage("acme", NOON - 3 * DAY, 1), usage("acme", NOON - 2 * DAY, 2), usage("acme", NOON - 2 * DAY, 3)
    )
    assert await value(client, "active_users", **JUNE) == "3"

    await world.take(event("contact.merged", "acme", NOON, {"from": one, "into": two}))

    assert await value(client, "active_users", **JUNE) == "2"


async def test_months_that_nobody_counted_are_looked_into(world: World, client: httpx.AsyncClient) -> None:
    await world.take(usage("acme", NOON - 3 * DAY, 1), usage("acme", NOON - 2 * DAY, 2), usage("best", NOON - DAY, 3))
    async with world.database.write() as tx:
        await tx.execute(update(account_months).where(account_months.c.account == "acme").values(active=None))

    assert await value(client, "active_users", **JUNE) == "3"


async def test_tickets_solved_long_ago_are_forgotten_at_a_closing(world: World) -> None:
    old, now = NOON - 560 * DAY, NOON
    solved = {"ticket": "t1", "opened_at": old, "solved_at": old + DAY}
    await world.take(
        event("ticket.changed", "acme", old, solved, received=now),
        event("ticket.changed", "acme", old, {"ticket": "t2", "opened_at": old}, received=now),
    )

    await world.hour("acme", NOON.replace(hour=0) + DAY)

    assert [row.ticket for row in await rows(world.database, portfolio_tickets)] == ["t2"]


async def test_books_are_made_once_for_accounts_that_were_there_before(world: World) -> None:
    await world.take(*example(), event("ticket.changed", "akagi", NOON, {"ticket": "t1", "opened_at": NOON}))
    written = [row._mapping for row in await rows(world.database, portfolio_books)]
    tickets = await rows(world.database, portfolio_tickets)
    async with world.database.write() as tx:
        await tx.execute(delete(portfolio_books))
        await tx.execute(delete(portfolio_tickets))

    await asyncio.gather(world.portfolio().start(), world.portfolio().start())

    assert [row._mapping for row in await rows(world.database, portfolio_books)] == written
    assert await rows(world.database, portfolio_tickets) == tickets
    async with world.database.write() as tx:
        await tx.execute(delete(portfolio_books))
    await world.portfolio().start()
    assert await rows(world.database, portfolio_books) == []


async def test_books_and_tickets_of_another_format_are_made_anew(world: World) -> None:
    await world.take(*example(), event("ticket.changed", "akagi", NOON, {"ticket": "t1", "opened_at": NOON}))
    await world.portfolio().start()
    written = [row._mapping for row in await rows(world.database, portfolio_books)]
    tickets = await rows(world.database, portfolio_tickets)
    async with world.database.write() as tx:
        tx.upsert(PLUMBING.deployment, [{"name": "portfolio_books", "value": f"{booking.FORMAT - 1}:of-old"}])
        await tx.execute(update(portfolio_books).values(body=booking.encode_book(Book("akagi"))))
        await tx.execute(update(portfolio_tickets).values(solved_at=NOON))

    await world.portfolio().start()

    assert [row._mapping for row in await rows(world.database, portfolio_books)] == written
    assert await rows(world.database, portfolio_tickets) == tickets


async def test_books_that_were_replaced_are_read_anew(world: World, client: httpx.AsyncClient) -> None:
    await world.take(contract("acme", NOON - DAY, mrr="100"))
    assert await value(client, "mrr") == "100"
    async with world.database.write() as tx:
        await tx.execute(delete(portfolio_books))

        await store.renew(tx)

    assert await value(client, "mrr") == "0"


async def test_only_what_a_book_is_made_of_writes_it(world: World) -> None:
    await world.take(contract("acme", NOON - DAY, mrr="100"), usage("acme", NOON - DAY))
    (before,) = await rows(world.database, portfolio_books)

    await world.take(usage("acme", NOON), event("ticket.changed", "acme", NOON, {"ticket": "t1"}))
    (same,) = await rows(world.database, portfolio_books)
    await world.take(event("milestone.reached", "acme", NOON, {"milestone": "go_live"}))
    (after,) = await rows(world.database, portfolio_books)

    assert same == before
    assert after.offset > before.offset
