"""An account for which the code fails keeps the hours and the scorecards of no other."""

from typing import Any

import pytest
from tests.integration.scoring.conftest import Fresh
from tests.integration.scoring.scorecards import Desk, document
from tests.integration.scoring.world import DAY, HOUR, MIDNIGHT, NOON, Scoring, Stream, busy_weeks, neighbours, tick

from cskit.db import Database
from scoring import batch
from scoring.account import Account

STRICT = {"bands__green": 99, "bands__yellow": 98, "dwell__at_once": 0, "dwell__margin": 0}


def failing_for(monkeypatch: pytest.MonkeyPatch, step: str, *accounts: str) -> None:
    """Let a step of scoring fail for these accounts."""
    work = getattr(batch, step)

    def failing(account: Account, *rest: Any, **named: Any) -> Any:
        if account.id in accounts:
            raise ZeroDivisionError
        return work(account, *rest, **named)

    monkeypatch.setattr(batch, step, failing)


@pytest.mark.parametrize("in_memory", [1, 100])
async def test_an_hour_passes_for_all_others_and_for_that_one_after_the_repair(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    accounts = neighbours(3)
    stream = Stream().append(*busy_weeks(accounts), tick(NOON), tick(MIDNIGHT + 5 * DAY))
    expected = await Scoring(await fresh(), in_memory=in_memory).take(stream.messages)
    scoring = await Scoring(await fresh(), in_memory=in_memory).take(stream.messages[:-1])
    before = await scoring.history(account="acme")

    with monkeypatch.context() as broken:
        failing_for(broken, "passing", "acme")
        await scoring.take(stream.messages[-1:])
    after = await scoring.history(account="acme")
    await scoring.take(stream.append(tick(MIDNIGHT + 5 * DAY + HOUR)).messages[-1:])
    await expected.take(stream.messages[-1:])

    assert len(after) == len(before)
    for account in accounts[1:]:
        assert await scoring.history(account=account) == await expected.history(account=account)
    assert (await scoring.live()).score == (await expected.live()).score
    assert len(await scoring.history(account="acme")) < len(await expected.history(account="acme"))  # days it missed


async def test_scorecards_score_all_others_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = neighbours(3)
    desk, stream = Desk(database), Stream().append(*busy_weeks(accounts))
    scoring = await Scoring(database).take(stream.messages)
    name = await desk.apply(document(**STRICT))
    await desk.send(stream)

    with monkeypatch.context() as broken:
        failing_for(broken, "rescoring", "acme")
        await scoring.take(stream.messages[-1:])
    kept = await scoring.live("acme")
    await scoring.take(stream.append(*busy_weeks(["acme"], start=NOON, days=1)).messages[-1:])

    assert kept.scorecard != name
    assert [(await scoring.live(account)).scorecard for account in accounts] == [name] * 3


async def test_where_it_fails_for_more_than_a_few_the_batch_is_not_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_DEFECTS_AT_ONCE", 1)
    accounts = neighbours(3)
    stream = Stream().append(*busy_weeks(accounts), tick(NOON), tick(NOON + HOUR))
    scoring = await Scoring(database).take(stream.messages[:-1])
    before = await scoring.everything()

    failing_for(monkeypatch, "passing", *accounts[:2])
    with pytest.raises(ZeroDivisionError):
        await scoring.take(stream.messages[-1:])

    assert await scoring.everything() == before
