"""A service that hears of an erasure keeps no dead letter that names the person."""

from sqlalchemy import select
from tests.contract.runner.stack import NOW, PLUMBING, Noting, Stack, erased, running, usage

from cskit import dead_letters
from csmodels.ids import PersonId
from csmodels.internal import AccountErased
from csmodels.partitioning import partition_of

HERE = partition_of("akagi")
PERSON = PersonId("5b8c0b2e-6c3b-4f6e-9d5a-0d7c1a2b3c4d")


async def bodies(stack: Stack) -> list[bytes]:
    async with stack.database.read() as tx:
        rows = await tx.fetch(select(PLUMBING.dead_letters.c.value).order_by(PLUMBING.dead_letters.c.offset))
    return [row.value for row in rows]


async def test_an_erasure_takes_the_dead_letters_that_name_the_person_and_leaves_the_others(stack: Stack) -> None:
    await stack.append_raw(HERE, b"akagi", b'{"half of ' + PERSON.encode() + b"\x00\xff")
    await stack.append_raw(HERE, b"akagi", b"\x00" + PERSON.upper().encode())
    await stack.append_raw(HERE, b"akagi", b"somebody else")
    await stack.append([usage("akagi", "a")])
    async with running(stack.runner(Noting())):
        await stack.until(1)
    before = await bodies(stack)

    await stack.append([erased("akagi", "gone"), usage("akagi", "b")])
    async with running(stack.runner(Noting(), owner="two")):
        await stack.until(3)

    assert len(before) == 3
    assert await bodies(stack) == [b"somebody else"]


async def test_an_erased_account_takes_the_letters_of_what_came_before_and_of_no_other_account(stack: Stack) -> None:
    await stack.append_raw(HERE, b"akagi", b"before")
    await stack.append_raw(HERE, b"another", b"not of the account")
    fields = {"id": "gone", "source": "ingest", "subject": "akagi", "time": NOW, "receivedtime": NOW}
    await stack.append([AccountErased.model_validate({**fields, "data": {"account": "akagi"}})])
    await stack.append_raw(HERE, b"akagi", b"after")
    await stack.append([usage("akagi", "b")])

    async with running(stack.runner(Noting())):
        await stack.until(2)

    assert await bodies(stack) == [b"not of the account", b"after"]


async def test_a_letter_of_the_very_batch_of_the_erasure_goes_too(stack: Stack) -> None:
    await stack.append_raw(HERE, b"akagi", b"half of " + PERSON.encode())
    await stack.append([erased("akagi", "gone")])

    async with running(stack.runner(Noting())):
        await stack.until(1)

    assert await bodies(stack) == []


async def test_letters_are_searched_to_the_last_of_many(stack: Stack) -> None:
    await stack.append([usage("akagi", "a")])
    for n in range(450):
        body = PERSON.encode() if n % 9 == 0 else b"other"
        await stack.append_raw(HERE, b"akagi", b"poison " + body)
    await stack.append([usage("akagi", "b")])
    async with running(stack.runner(Noting())):
        await stack.until(2)

    async with stack.database.write() as tx:
        gone = await dead_letters.forget_people(tx, PLUMBING, [PERSON])

    assert gone == 50
    assert len(await bodies(stack)) == 400
