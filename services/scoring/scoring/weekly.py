"""The scores of a week ago, which lists compare with: looked up once an hour and account, not at each reading."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row

from cskit.db import Database
from scoring import views
from scoring.catalogue import ReadingRules
from scoring.store import folding, reading

WEEK: Final = timedelta(days=7)
_AT_ONCE: Final = 50  # accounts of which nothing is recorded (imported ones): their facts are decoded in some 20 ms
_KEPT: Final = 50_000  # accounts

_Known = tuple[int | None, float | None]  # as of which offset (None: recorded, it stays), and the score


class WeekAgo:
    """The scores of seven days before the current full hour, as they were recorded, else as today's facts tell them."""

    def __init__(self, rules: ReadingRules) -> None:
        self._rules = rules
        self._moment: datetime | None = None
        # What was recorded then stays so; what facts tell may change with the account's next event (its offset).
        self._known: dict[str, _Known] = {}

    async def scores(self, database: Database, rows: Sequence[Row[Any]], now: datetime) -> Mapping[str, float]:
        """Of these live rows, as far as there was a score."""
        moment = now.replace(minute=0, second=0, microsecond=0) - WEEK
        if moment != self._moment or len(self._known) > _KEPT:
            self._moment, self._known = moment, {}
        known = self._known
        asked = [row for row in rows if known.get(row.account, (-1,))[0] not in (None, row.offset)]
        if asked:
            await self._look_up(database, asked, moment, known)
        found = {row.account: known[row.account][1] for row in rows if row.account in known}
        return {account: score for account, score in found.items() if score is not None}

    async def _look_up(
        self, database: Database, rows: Sequence[Row[Any]], moment: datetime, known: dict[str, _Known]
    ) -> None:
        async with database.read() as tx:
            recorded = await reading.scores_before(tx, [row.account for row in rows], moment)
        known.update({account: (None, score) for account, score in recorded.items()})
        offsets = [(row.account, row.offset) for row in rows if row.account not in recorded]
        for start in range(0, len(offsets), _AT_ONCE):
            some = dict(offsets[start : start + _AT_ONCE])
            async with database.read() as tx:
                rules = await self._rules.now(tx)
                months = views.months_of([moment], rules)
                accounts = await folding.load(tx, dict.fromkeys(some, months))
            for id_, account in accounts.items():
                known[id_] = some[id_], views.score_by_facts(account.facts, moment, rules)
