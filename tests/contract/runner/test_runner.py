"""What a service may rely on when it reads the log, on both platforms."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update
from tests.contract.runner.stack import NOW, PLUMBING, SEEN, Noting, Stack, erased, failing, running, usage

from cskit import dead_letters, runner
from cskit.claims import Fenced, TopicRecreated, read_offsets
from cskit.headers import unpacked
from cskit.log import NewRecord
from cskit.log.sqlite import SqliteLog
from cskit.messages import InvalidMessage, Message, Retry, UnitOfWork
from cskit.reading import BatchReader
from cskit.settings import TestHooks
from cskit.watchdog import Stuck
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from csmodels.topics import CUSTOMER_EVENTS, DEAD_LETTERS

HERE = partition_of("akagi")  # where the account of most cases lives


def many(count: int, account: str = "akagi") -> list[Event]:
    return [usage(account, f"e{n}") for n in range(count)]


async def test_every_event_is_handled_once_and_in_order_over_two_lives_of_a_worker(stack: Stack) -> None:
    await stack.append(many(50))
    async with running(stack.runner(Noting())):
        await stack.until(50)

    await stack.append([usage("akagi", f"e{n}") for n in range(50, 120)])
    async with running(stack.runner(Noting(), owner="two")):
        seen = await stack.until(120)

    assert seen == [f"e{n}" for n in range(120)]


async def test_a_batch_that_would_make_too_many_objects_is_handled_in_several(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "BatchReader", partial(BatchReader, most=7))
    accounts = ("akagi", "nantai", "myogi")  # of different partitions
    again = [usage("akagi", "akagi0") for _ in range(20)]
    await stack.append([usage(account, f"{account}{n}") for n in range(30) for account in accounts])
    await stack.append([*again, usage("akagi", "last")])

    async with running(stack.runner(Noting(before=failing("nantai11")))):
        seen = await stack.until(90)

    expected = {f"{account}{n}" for n in range(30) for account in accounts} - {"nantai11"} | {"last"}
    assert sorted(seen) == sorted(expected)
    for account in accounts:
        mine = [int(id_.removeprefix(account)) for id_ in seen if id_.startswith(account)]
        assert mine == sorted(mine)
    if isinstance(stack.log, SqliteLog):  # of Kafka a poll may have one partition alone
        assert {id_.rstrip("0123456789") for id_ in seen[:7]} == set(accounts)


async def test_how_old_a_batch_was_at_its_commit_is_told(stack: Stack) -> None:
    def told(what: str) -> float:
        return REGISTRY.get_sample_value(f"kizashi_runner_age_seconds_{what}", {"group": "noting"}) or 0.0

    count, seconds = told("count"), told("sum")
    await stack.append(many(3))

    async with running(stack.runner(Noting())):
        await stack.until(3)

    assert told("count") > count
    assert 0 < told("sum") - seconds < 120


async def test_an_event_that_was_sent_again_is_handled_once(stack: Stack) -> None:
    await stack.append([usage("akagi", "a"), usage("akagi", "a"), usage("akagi", "b")])
    async with running(stack.runner(Noting())):
        await stack.until(2)
        await stack.append([usage("akagi", "b"), usage("akagi", "c")])
        await stack.until(3)

    await stack.append([usage("akagi", "a"), usage("akagi", "d")])
    async with running(stack.runner(Noting(), owner="two")):
        seen = await stack.until(4)

    assert seen == ["a", "b", "c", "d"]


async def test_one_id_from_two_sources_is_two_events(stack: Stack) -> None:
    await stack.append([usage("akagi", "a", source="app"), usage("akagi", "a", source="crm")])

    async with running(stack.runner(Noting())):
        assert await stack.until(2) == ["a", "a"]


async def test_poison_never_stops_a_partition_and_is_found_with_its_reason(stack: Stack) -> None:
    good = usage("akagi", "good").to_bytes()
    future = good.replace(b'"time":"', b'"time":"9')  # year 9....: no time at all
    beyond = usage("akagi", "beyond").to_bytes().replace(f'"time":"{NOW.year}'.encode(), b'"time":"2999', 1)
    ahead = usage("akagi", "ahead").model_copy(update={"receivedtime": NOW + timedelta(hours=25)})
    poison = [
        (b"akagi", b"no json", "not_json"),
        (b"akagi", good.replace(b"usage.tracked", b"usage.unheard"), "unknown_type"),
        (b"akagi", b'"' + b"x" * 5_000_000 + b'"', "not_an_object"),
        (b"akagi", good.replace(b'"data":{', b'"data":{"count":"three",'), "invalid_field"),
        (b"akagi", future, "invalid_field"),
        (b"akagi", beyond, "time_in_future"),
        (None, good, "null_key"),
        (b"other", good, "wrong_key"),
        (b"other", usage("other", "elsewhere").to_bytes(), "wrong_partition"),
        (b"akagi", ahead.to_bytes(), "ahead_of_log"),
    ]
    for key, value, _ in poison:
        await stack.append_raw(HERE, key, value)
    await stack.append([usage("akagi", "after")])

    async with running(stack.runner(Noting())), running(stack.relay()):
        assert await stack.until(1) == ["after"]
        async with stack.database.read() as tx:
            letters = await dead_letters.listed(tx, PLUMBING, before=None, limit=50)
            (large,) = [
                await dead_letters.found(tx, PLUMBING, letter.id)
                for letter in letters
                if letter.code == "not_an_object"
            ]
        for _ in range(400):
            if sum((await stack.log.end_offsets(DEAD_LETTERS)).values()) == len(poison):
                break
            await asyncio.sleep(0.05)

    assert {(letter.offset, letter.code) for letter in letters} == {(n, code) for n, (_, _, code) in enumerate(poison)}
    assert all(letter.reason for letter in letters)
    assert large is not None
    assert len(large.value) == 5_000_002
    assert sum((await stack.log.end_offsets(DEAD_LETTERS)).values()) == len(poison)


async def test_repeats_and_poison_in_one_batch_leave_the_rest_in_order_each_once(stack: Stack) -> None:
    await stack.append([usage("akagi", each) for each in "abab"])
    await stack.append_raw(HERE, b"akagi", b"not json")
    await stack.append([usage("akagi", each) for each in "cadc"])

    async with running(stack.runner(Noting())):
        assert await stack.until(4) == ["a", "b", "c", "d"]

    async with running(stack.runner(Noting(), group="another")):
        assert await stack.until(8) == ["a", "b", "c", "d"] * 2


async def test_what_a_handler_does_not_want_is_passed_over_and_what_cannot_be_told_is_put_aside(stack: Stack) -> None:
    broken = usage("akagi", "broken").to_bytes().replace(b'"data":{', b'"data":{"count":"three",')
    await stack.append_raw(HERE, b"akagi", broken)
    await stack.append_raw(HERE, b"akagi", broken.replace(b"usage.tracked", b"usage.unheard"))
    await stack.append_raw(HERE, b"akagi", b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b',"type":"usage.tracked"}')
    await stack.append([usage("akagi", "a"), erased("akagi", "b"), usage("akagi", "c")])

    async with running(stack.runner(Noting(wants={"person.erased"}.__contains__))):
        await stack.until(1)
        await stack.append([usage("akagi", "d"), erased("akagi", "e")])
        seen = await stack.until(2)
        async with stack.database.read() as tx:
            letters = await dead_letters.listed(tx, PLUMBING, before=None, limit=50)

    assert seen == ["b", "e"]
    assert sorted(letter.code for letter in letters) == ["not_json", "unknown_type"]


async def test_a_dead_letter_is_replayed_once_with_its_original_bytes(stack: Stack) -> None:
    await stack.append_raw(HERE, b"other", usage("akagi", "a").to_bytes())
    async with running(stack.runner(Noting())), running(stack.relay()):
        while not (await read_offsets(stack.database, PLUMBING, "noting")).get((CUSTOMER_EVENTS, HERE)):
            await asyncio.sleep(0.02)
        async with stack.database.read() as tx:
            (letter,) = await dead_letters.listed(tx, PLUMBING, before=None, limit=5)
        replays = []
        for _ in range(2):
            async with stack.database.write() as tx:
                replays.append(await dead_letters.replay(UnitOfWork(tx, PLUMBING), PLUMBING, letter.id, NOW))
        while (await read_offsets(stack.database, PLUMBING, "noting"))[CUSTOMER_EVENTS, HERE] < 2:
            await asyncio.sleep(0.02)

    assert replays == [True, False]
    assert (await stack.log.end_offsets(CUSTOMER_EVENTS))[HERE] == 2


async def test_what_lay_in_a_wrong_partition_is_replayed_into_its_own(stack: Stack) -> None:
    await stack.append_raw(partition_of("other"), b"akagi", usage("akagi", "a").to_bytes())
    await stack.append([usage("other", "b")])
    async with running(stack.runner(Noting())):
        assert await stack.until(1) == ["b"]
    async with stack.database.read() as tx:
        (letter,) = await dead_letters.listed(tx, PLUMBING, before=None, limit=5)

    async with stack.database.write() as tx:
        await dead_letters.replay(UnitOfWork(tx, PLUMBING), PLUMBING, letter.id, NOW)
    async with running(stack.runner(Noting(), owner="two")), running(stack.relay()):
        assert await stack.until(2) == ["b", "a"]

    assert (await stack.log.end_offsets(CUSTOMER_EVENTS))[HERE] == 1


async def test_what_a_handler_refuses_is_put_aside_and_the_rest_of_the_batch_goes_on(stack: Stack) -> None:
    def refuse(messages: Sequence[Message[Event]]) -> None:
        for message in messages:
            if message.event.id == "e3":
                raise InvalidMessage(message, "no_such_thing", "e3 names a thing that does not exist.")

    handler = Noting(before=refuse)
    await stack.append(many(6))

    async with running(stack.runner(handler)):
        seen = await stack.until(5)

    async with stack.database.read() as tx:
        (letter,) = await dead_letters.listed(tx, PLUMBING, before=None, limit=5)
    assert seen == ["e0", "e1", "e2", "e4", "e5"]
    assert (letter.offset, letter.code) == (3, "no_such_thing")


async def test_a_batch_that_is_to_be_retried_keeps_its_place(stack: Stack) -> None:
    turns = iter([True, True, False])

    def not_yet(_: Sequence[Message[Event]]) -> None:
        if next(turns, False):
            raise Retry(0.01, "not yet")

    handler = Noting(before=not_yet)
    await stack.append(many(3))

    async with running(stack.runner(handler)):
        assert await stack.until(3) == ["e0", "e1", "e2"]


async def take_away(stack: Stack, partition: int) -> None:
    """What another worker's claim does to the row."""
    table = PLUMBING.consumer_offsets
    async with stack.database.write() as tx:
        raised = update(table).where(table.c.partition == partition).values(epoch=table.c.epoch + 1, owner="other")
        assert await tx.execute(raised) == 1


async def lose_one_of_two_partitions(stack: Stack, hooks: TestHooks) -> tuple[list[str], BaseException | None]:
    """A worker holds two partitions, loses one without noticing, and is given a batch with records of both."""
    accounts = {partition_of(name): name for name in (f"a{n}" for n in range(100))}
    first, second = sorted(accounts)[:2]
    await stack.append([usage(accounts[first], "f0"), usage(accounts[second], "s0")])
    worker = stack.runner(Noting(), hooks=hooks)
    async with running(worker) as task:
        await stack.until(2)
        await take_away(stack, second)
        await stack.append([usage(accounts[first], "f1"), usage(accounts[second], "s1")])
        if hooks.unfenced:
            await stack.until(4)
            return await stack.seen(), None
        await asyncio.wait((task,), timeout=40)
    return sorted(await stack.seen()), task.exception()


async def test_a_worker_that_lost_one_of_its_two_partitions_writes_nothing_of_that_batch(stack: Stack) -> None:
    seen, error = await lose_one_of_two_partitions(stack, TestHooks())

    assert isinstance(error, Fenced)
    assert "s1" not in seen


async def test_without_the_epoch_check_a_worker_that_lost_a_partition_would_write(stack: Stack) -> None:
    seen, _ = await lose_one_of_two_partitions(stack, TestHooks(unfenced=True))

    assert "s1" in seen


async def test_a_topic_made_anew_is_refused_with_the_line_that_resolves_it(stack: Stack) -> None:
    await stack.append(many(5))
    async with running(stack.runner(Noting())):
        await stack.until(5)
    await stack.make_anew(CUSTOMER_EVENTS)  # type: ignore[misc]
    await stack.append(many(9))

    with pytest.raises(TopicRecreated, match=r"kizashi doctor --resolve noting cs.customer-events"):
        await asyncio.wait_for(stack.runner(Noting(), owner="two").run(asyncio.Event()), 40)

    assert len(await stack.seen()) == 5


async def test_batches_are_cut_only_where_the_test_setting_allows(stack: Stack) -> None:
    await stack.append(many(40))

    async with running(stack.runner(Noting(), hooks=TestHooks(cut=16))):
        await stack.until(32)

    async with stack.database.read() as tx:
        rows = await tx.fetch(select(SEEN.c.batch, func.count().label("events")).group_by(SEEN.c.batch))
        offsets = await read_offsets(stack.database, PLUMBING, "noting")
    assert [row.events for row in rows] == [16, 16]
    assert offsets[CUSTOMER_EVENTS, HERE] == 32


async def test_a_second_worker_of_the_group_takes_over_what_the_first_left(stack: Stack) -> None:
    await stack.append(many(10))
    async with running(stack.runner(Noting())):
        await stack.until(10)
        await stack.append([usage("akagi", f"e{n}") for n in range(10, 20)])
        await stack.until(20)

    await stack.append([usage("akagi", f"e{n}") for n in range(20, 30)])
    async with running(stack.runner(Noting(), owner="two")):
        assert await stack.until(30) == [f"e{n}" for n in range(30)]


async def test_a_foreign_header_of_any_bytes_is_put_aside_with_its_record(stack: Stack) -> None:
    strange = (("x", b"\x00\xff"), ("traceparent", "00-é".encode()))
    await stack.log.append([NewRecord(CUSTOMER_EVENTS, HERE, b"akagi", b"no json", strange)])
    await stack.append(many(1))

    async with running(stack.runner(Noting())):
        assert await stack.until(1) == ["e0"]

    async with stack.database.read() as tx:
        (letter,) = await dead_letters.listed(tx, PLUMBING, before=None, limit=5)
        found = await dead_letters.found(tx, PLUMBING, letter.id)
    assert found is not None
    assert unpacked(found.headers) == strange


async def test_a_stop_is_heard_while_a_batch_waits_for_its_retry(stack: Stack) -> None:
    asked = asyncio.Event()

    def never(_: Sequence[Message[Event]]) -> None:
        asked.set()
        raise Retry(3_600, "not today")

    await stack.append(many(1))

    async with running(stack.runner(Noting(before=never))):
        await asyncio.wait_for(asked.wait(), 40)  # and `running` stops it within 30 s

    assert await stack.seen() == []


async def test_a_batch_that_takes_long_but_goes_on_is_not_stuck(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cskit.watchdog._STUCK_AFTER", 0.3)
    monkeypatch.setattr("cskit.watchdog._WATCH_EVERY", 0.05)
    await stack.append(many(3))

    async with running(stack.runner(Slow(steps=12))):
        assert await stack.until(3) == ["e0", "e1", "e2"]


async def test_a_batch_that_does_not_go_on_ends_the_consumer(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cskit.watchdog._STUCK_AFTER", 0.3)
    monkeypatch.setattr("cskit.watchdog._WATCH_EVERY", 0.05)
    await stack.append(many(3))

    with pytest.raises(Stuck):
        await asyncio.wait_for(stack.runner(Noting(gate=asyncio.Event())).run(asyncio.Event()), 40)


class Slow(Noting):
    """A handler whose batch takes longer than the watchdog waits, a statement at a time."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._steps = steps

    async def on_batch(self, messages: Sequence[Message[Event]], uow: UnitOfWork) -> None:
        for _ in range(self._steps):
            await uow.fetch(select(func.count()).select_from(SEEN))
            await asyncio.sleep(0.05)
        await super().on_batch(messages, uow)
