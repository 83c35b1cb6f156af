"""Whether work goes on: what the watchdog looks at."""

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Executable, Row

from cskit.db import Tx, Values


class Progress:
    """Remembers when something last went on."""

    def __init__(self) -> None:
        self._at = 0.0

    def beat(self) -> None:
        """Something has gone on."""
        self._at = asyncio.get_running_loop().time()

    def idle(self) -> float:
        """Seconds since the last beat."""
        return asyncio.get_running_loop().time() - self._at


class BeatingTx:
    """A transaction whose statements are progress: a long batch that goes on is not stuck."""

    def __init__(self, tx: Tx, progress: Progress) -> None:
        self._tx = tx
        self._progress = progress
        self.insert = tx.insert
        self.upsert = tx.upsert

    async def fetch(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        self._progress.beat()
        return await self._tx.fetch(statement, values)

    async def execute(self, statement: Executable, values: Values | None = None) -> int:
        self._progress.beat()
        return await self._tx.execute(statement, values)

    async def flush(self) -> None:
        self._progress.beat()
        await self._tx.flush()
