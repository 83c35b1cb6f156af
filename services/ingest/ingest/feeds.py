"""The families of events that stand still, as this process knows it: asked for every event, so kept in memory."""

from collections.abc import Iterable, Mapping
from datetime import datetime


class Feeds:
    """Filled by the ticks from the database; usually empty."""

    def __init__(self) -> None:
        self._stopped: frozenset[str] = frozenset()

    def know(self, stopped: Mapping[str, datetime]) -> None:
        """These stand still, and no others."""
        self._stopped = frozenset(stopped)

    def resumed_by(self, families: Iterable[str | None]) -> frozenset[str]:
        """Those of the families, of events that just came in, which stand still."""
        return self._stopped.intersection(families) if self._stopped else frozenset()

    def resumed(self, families: Iterable[str]) -> None:
        """These flow again."""
        self._stopped -= frozenset(families)
