"""An account's scores over time, made of what was recorded and of what today's facts give for the days before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from console.charts.score_line import Point
from console.upstream import Calls
from csmodels.api import HistoryRow
from csmodels.fields import Band

SHOWN_DAYS: Final = 180


@dataclass(frozen=True, slots=True)
class Scores:
    """Rows with the oldest first: `corrected` are of days before the first recorded one."""

    corrected: Sequence[HistoryRow]
    known: Sequence[HistoryRow]

    @property
    def rows(self) -> Sequence[HistoryRow]:
        """All, the oldest first."""
        return [*self.corrected, *self.known]

    def points(self, zone: ZoneInfo) -> list[Point]:
        """The last of each day."""
        days: dict[date, Point] = {}
        for row in self.rows:
            local = row.at.astimezone(zone)
            days[local.date()] = Point(local, row.score, row.view == "corrected")
        return list(days.values())

    def change(self, now: datetime, score: float, days: int) -> float | None:
        """How far the score is from the one of so many days ago; None if there was none."""
        moment = now - timedelta(days=days)
        before = [row.score for row in self.rows if row.at <= moment]
        return score - before[-1] if before else None

    def since(self, band: Band) -> tuple[datetime, bool] | None:
        """When the band in force began, and whether that moment is known (else it began before). None without rows."""
        rows = self.rows
        if not rows:
            return None
        begun = rows[-1].at
        for row in reversed(rows):
            if row.band != band:
                return begun, True
            begun = row.at
        return begun, False


async def scores_of(calls: Calls, account: str, now: datetime, kept: Scores | None = None) -> Scores:
    """The scores of the days shown. What `kept` holds of computed days is not asked for again."""
    first = now - timedelta(days=SHOWN_DAYS)
    known = await calls.history(account, first=first, last=now, view="known")
    begun = known[0].at if known else now
    if kept is not None and kept.corrected and kept.known and known and kept.known[0].at == begun:
        return Scores(kept.corrected, known)
    if begun <= first:
        return Scores([], known)
    computed = await calls.history(account, first=first, last=begun, view="corrected")
    return Scores([row for row in computed if row.at < begun], known)
