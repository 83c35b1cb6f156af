"""Batches that are long or large."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.playbook.conftest import answer, health, opened

from cskit.messages import UnitOfWork
from playbook import ledger
from playbook.domain import run
from playbook.tables import PLUMBING


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
    monkeypatch.setattr(ledger, "monotonic", lambda: clock)
    monkeypatch.setattr(run, "step", slowly(run.step))
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
