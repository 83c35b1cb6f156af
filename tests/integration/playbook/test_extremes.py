"""Batches that are long or large."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql import asyncpg
from tests.integration.playbook.conftest import Stack, answer, health, opened, person_erased

from cskit import messages
from cskit.messages import UnitOfWork
from playbook.domain import run, views
from playbook.store import portions
from playbook.tables import PLUMBING, notes, runs, tasks


async def test_a_long_batch_is_never_without_a_statement_and_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL ends a transaction that is idle, and the watchdog a runner that asks for nothing."""
    batch = [health(1), answer(3), health(2, "green", "red"), *(health(1, account=f"a{n}") for n in range(20))]
    clock, spoke, silence = 0.0, 0.0, [0.0]

    def slowly(work: Callable[..., Any]) -> Callable[..., Any]:
        def working(*given: Any, **named: Any) -> Any:
            nonlocal clock
            clock += 0.5
            return work(*given, **named)

        return working

    (tmp_path / "calm").mkdir()
    async with opened(tmp_path / "calm") as calm:
        await calm.fold(*batch)
        whole = await calm.everything()
    monkeypatch.setattr(messages, "monotonic", lambda: clock)
    monkeypatch.setattr(run, "step", slowly(run.step))
    monkeypatch.setattr(views, "event_view", slowly(views.event_view))
    async with opened(tmp_path) as stack:
        means = stack.handler._means
        stack.handler._means = replace(means, enqueue=slowly(means.enqueue))
        async with stack.service.database.write() as tx:

            async def fetch(statement: Any, values: Any = None, plain: Any = tx.fetch) -> Any:
                nonlocal spoke
                silence.append(clock - spoke)
                spoke = clock
                return await plain(statement, values)

            monkeypatch.setattr(tx, "fetch", fetch)
            await stack.handler.on_batch(stack.messages(batch), UnitOfWork(tx, PLUMBING))

        assert clock > 30
        assert max(*silence, clock - spoke) < 3
        assert await stack.everything() == whole


async def test_more_runs_than_one_statement_holds_are_looked_up_and_lose_an_erased_person(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = "00000000-0000-4000-8000-000000000001"
    answers = [answer(3, f"r{n}", personid=person) for n in range(7)]
    await stack.fold(health(1, "yellow", "grey"), *answers)
    (task,) = await stack.rows(tasks)
    done = {"outcome": "reached", "note": "It is the report."}
    assert (await stack.api.post(f"/v1/tasks/{task['id']}/complete", json=done)).status_code == 200
    bound = []

    def counted(plain: Callable[..., Any]) -> Callable[..., Any]:
        def asking(statement: Executable, *values: Any) -> Any:
            bound.append(_bound(statement))
            return plain(statement, *values)

        return asking

    monkeypatch.setattr(portions, "AT_ONCE", 2)
    async with stack.service.database.write() as tx:
        monkeypatch.setattr(tx, "fetch", counted(tx.fetch))
        monkeypatch.setattr(tx, "execute", counted(tx.execute))
        batch = stack.messages([*answers, person_erased(person)])
        await stack.handler.on_batch(batch, UnitOfWork(tx, PLUMBING))

    assert max(bound) < 7
    started = await stack.rows(runs)
    assert len(started) == 7
    assert not any("personid" in each["event"] for each in started)
    assert await stack.rows(notes) == []


def _bound(statement: Executable) -> int:
    """How many values PostgreSQL would be sent."""
    if not hasattr(statement, "compile"):
        return 0
    options = {"render_postcompile": True}
    return len(statement.compile(dialect=asyncpg.dialect(), compile_kwargs=options).params)
