"""What scoring takes from the common settings, and what it decides for itself."""

from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

from cskit.settings import Settings


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """zone: of the portfolio's days. currency: of the portfolio's money. in_memory: accounts whose facts stay in memory
    between batches, about 30 kilobytes each. fold_within: seconds that a write waits to be seen in the score.
    """

    zone: str
    currency: str
    in_memory: int = 5_000
    fold_within: float = 2.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """From KIZASHI_TIME_ZONE and KIZASHI_CURRENCY."""
        return cls(zone=settings.time_zone, currency=settings.currency)

    @property
    def tzinfo(self) -> ZoneInfo:
        """The portfolio's zone."""
        return ZoneInfo(self.zone)
