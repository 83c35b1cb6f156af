"""Exchange rates: who reads sees the newest; the fold sees those that its partition's control records named."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final
from uuid import uuid4

from cskit.clock import Clocks
from cskit.db import Database, Tx
from cskit.errors import Invalid, NotFound
from cskit.messages import UnitOfWork, UnitOfWorks
from cskit.observability import get_logger
from csmodels.ids import EventId
from csmodels.internal import RatesChanged, RatesVersion
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from scoring.domain.money import Rates
from scoring.store import rates as store
from scoring.store.rates import Change, Row
from scoring.store.scorecards import lock

log = get_logger()

SOURCE: Final = "scoring"


class KnownRates:
    """Versions of the rates that were loaded. A version never changes, so what was loaded stays."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self._known: dict[int, Rates] = {}

    async def load(self, tx: Tx, versions: Collection[int]) -> None:
        """Make these known, and forget all others."""
        self._known = {
            version: self._known.get(version) or Rates.of(self._currency, await store.rates(tx, version))
            for version in sorted(versions)
        }

    def of(self, version: int) -> Rates:
        """A version that was loaded."""
        return self._known[version]

    async def newest(self, tx: Tx) -> Rates:
        """The newest version, whatever was loaded."""
        version = await store.newest(tx)
        if version not in self._known:
            await self.load(tx, {version})
        return self._known[version]


class ExchangeRates:
    """What people set. Each change is a version and, by the outbox, a control record for every partition."""

    def __init__(self, *, units: UnitOfWorks, database: Database, currency: str, clocks: Clocks) -> None:
        self._units = units
        self._database = database
        self._clocks = clocks
        self.currency = currency

    async def all(self) -> Sequence[Row]:
        """All exchange rates, by currency and day."""
        async with self._database.read() as tx:
            return await store.rates(tx)

    async def set(self, rows: Sequence[Row]) -> None:
        """Store or correct rates. Invalid for one of the portfolio's own currency, or of zero."""
        if any(currency == self.currency for currency, _, _ in rows):
            raise Invalid(
                "own_currency",
                f"{self.currency} is the portfolio's currency: its rate is 1. Leave it out.",
                field="rates",
            )
        if any(not rate for _, _, rate in rows):
            raise Invalid("rate_of_zero", "A rate is above zero.", field="rates")
        async with self._units() as uow:
            await lock(uow.tx)
            known = {row[:2]: row[2] for row in await store.rates(uow.tx)}
            wanted = {row[:2]: row[2] for row in rows}
            await self._change(uow, [(*key, rate) for key, rate in wanted.items() if known.get(key) != rate])

    async def drop(self, currency: str, day: date) -> None:
        """Delete a rate. NotFound if there is none."""
        async with self._units() as uow:
            await lock(uow.tx)
            if (currency, day) not in {row[:2] for row in await store.rates(uow.tx)}:
                raise NotFound("rate_not_found", f"There is no rate of {currency} valid from {day}.")
            await self._change(uow, [(currency, day, None)])

    async def _change(self, uow: UnitOfWork, changes: Sequence[Change]) -> None:
        if not changes:
            return
        version = await store.next_version(uow.tx)
        store.add(uow.tx, version, changes)
        _tell(uow, version, self._clocks.world.now())
        log.info("rates.changed", version=version, changes=len(changes))


def _tell(uow: UnitOfWork, version: int, now: datetime) -> None:
    """A control record for every partition, by an id that also a restored database never used."""
    change = uuid4()
    for partition in range(PARTITIONS):
        event = RatesChanged(
            id=EventId(f"rates.changed:{change}:{partition}"),
            source=SOURCE,
            time=now,
            receivedtime=now,
            data=RatesVersion(version=version),
        )
        uow.publish_control(CUSTOMER_EVENTS, event, partition)
