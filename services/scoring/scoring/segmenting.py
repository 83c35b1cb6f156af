"""Segments over the live accounts: conditions, the daily ranks, and how many a segment has."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta, tzinfo
from typing import Any, Final, get_args

import msgspec
from sqlalchemy import Row

from cskit.clock import Clocks
from cskit.conditions import Condition, ConditionError, Conditions, Fields
from cskit.db import Database, DatabaseUnavailable
from cskit.errors import Invalid
from cskit.observability import get_logger
from csmodels.fields import AdoptionLevel, Band, Stage, Watch
from scoring.domain.calendar import local_day
from scoring.domain.segments import RfmClass, Size, Standing, ranked, rfm_class, size
from scoring.engine.activity import Activity, activity, months_of_activity
from scoring.rates import KnownRates
from scoring.settings import ScoringSettings
from scoring.store import folding, listing
from scoring.store.listing import Filter
from scoring.store.segments import Known, activity_of, claimed, write_ranks

FIELDS: Final[Fields] = {
    "account": {
        "id": "text", "name": "text", "plan": "text", "segment": "text", "owner": "text", "country": "text",
        "size": "text", "seats": "number", "mrr": "number", "revenue": "number", "days_to_renewal": "number",
        "days_since_contact": "number", "contacts_90_days": "number", "core_actions_90_days": "number",
        "idle_days": "number",
    },
    "health": {
        "score": "number", "band": "text", "stage": "text", "adoption_level": "text", "coverage": "number",
        "watch": "list", "scorecard": "text", "points": "any",
    },
    "rfm": {"recency": "number", "frequency": "number", "money": "number", "class": "text"},
}  # fmt: skip
_VALUES: Final = {
    "health.band": get_args(Band),
    "health.stage": get_args(Stage),
    "health.adoption_level": get_args(AdoptionLevel),
    "health.watch": get_args(Watch),
    "account.size": get_args(Size),
    "rfm.class": get_args(RfmClass),
}
_CONDITIONS: Final = Conditions(FIELDS, _VALUES)
_COLUMNS: Final = (
    "name", "plan", "segment", "owner", "country", "seats", "mrr", "renewal_on", "last_contact_at", "score", "band",
    "stage", "adoption_level", "coverage", "watch", "scorecard",
)  # fmt: skip
_OF_HEALTH: Final = ("score", "band", "stage", "adoption_level", "coverage", "scorecard")
_LOT: Final = 50  # accounts whose facts are decoded at once: some tens of milliseconds
_ASKED: Final = 250  # accounts that a condition is asked of at once: about ten milliseconds
_BREATH: Final = 10  # accounts after which others get their turn
_LEASE: Final = timedelta(minutes=10)
_POLL_SECONDS: Final = 60.0

log = get_logger()


class Asked:
    """A segment's condition, ready to be asked of live rows."""

    def __init__(self, text: str, *, stored: bool = True) -> None:
        """Raises Invalid with line and column of what is wrong; stored: it was taken once, see Conditions.compile."""
        try:
            self._condition: Condition = _CONDITIONS.compile(text, stored=stored)
        except ConditionError as error:
            raise Invalid(
                "invalid_condition",
                f"The condition is wrong. {error}",
                field="condition",
                extra={"line": error.line, "column": error.column},
            ) from None
        self._points = "points" in text
        # what it does not name need not be made ready for it: that is most of the cost
        self._named = {
            root: frozenset(name for name in fields if name in text)
            for root, fields in FIELDS.items()
            if not isinstance(fields, str)
        }
        self.columns = (*_COLUMNS, "contributions") if self._points else _COLUMNS

    def holds(self, row: Row[Any], known: Known | None, today: date, zone: tzinfo) -> bool:
        """Whether it holds for an account. What is not known of it makes it false."""
        values = _values(row, known, today, zone)
        if self._points:
            values["health"]["points"] = {
                one["measure"]: one["points"]
                for one in msgspec.json.decode(row.contributions)
                if one["points"] is not None
            }
        return self._condition.holds(
            {
                root: {name: values[root][name] for name in names if values[root].get(name) is not None}
                for root, names in self._named.items()
            }
        )


def _values(row: Row[Any], known: Known | None, today: date, zone: tzinfo) -> dict[str, dict[str, Any]]:
    account: dict[str, Any] = {
        "id": row.account,
        "name": row.name,
        "plan": row.plan,
        "segment": row.segment,
        "owner": row.owner,
        "country": row.country,
        "seats": row.seats,
        "size": size(row.seats),
        "mrr": None if row.mrr is None else float(row.mrr),
        "days_to_renewal": None if row.renewal_on is None else (date.fromisoformat(row.renewal_on) - today).days,
        "days_since_contact": None if (at := row.last_contact_at) is None else (today - local_day(at, zone)).days,
    }
    rfm: dict[str, Any] = {}
    if known is not None:
        did, rank = known.activity, known.rank
        account |= {
            "revenue": None if did.revenue is None else float(did.revenue),
            "contacts_90_days": did.contacts,
            "core_actions_90_days": did.core_actions,
            "idle_days": did.idle_days,
        }
        rfm = {
            "recency": rank.recency,
            "frequency": rank.frequency,
            "money": rank.money,
            "class": rfm_class(rank),
        }
    health = {
        name: getattr(row, name) for name in ("score", "band", "stage", "adoption_level", "coverage", "scorecard")
    }
    health["watch"] = msgspec.json.decode(row.watch)
    return {"account": account, "health": health, "rfm": rfm}


class Ranks:
    """The worker that computes activity and ranks once a day of the portfolio; of all replicas one does it."""

    name = "ranks"

    def __init__(self, *, database: Database, settings: ScoringSettings, clocks: Clocks) -> None:
        self._database = database
        self._settings = settings
        self._clocks = clocks
        self._rates = KnownRates(settings.currency)
        self.asked = asyncio.Event()

    @property
    def zone(self) -> tzinfo:
        """The portfolio's zone."""
        return self._settings.tzinfo

    @property
    def today(self) -> date:
        """The portfolio's day."""
        return local_day(self._clocks.world.now(), self.zone)

    async def run(self, stop: asyncio.Event) -> None:
        """Look every minute, or when asked, whether the day is still to be computed, or anew for many newcomers.

        A database that cannot be reached is asked again at the next look.
        """
        while not stop.is_set():
            self.asked.clear()
            try:
                if await claimed(self._database, self.today, self._clocks.wall.now(), _LEASE):
                    await self.compute(stop)
            except DatabaseUnavailable as error:
                log.warning("ranks.waits", reason=str(error), seconds=_POLL_SECONDS)
            waits = [asyncio.ensure_future(event.wait()) for event in (stop, self.asked)]
            await asyncio.wait(waits, timeout=_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def compute(self, stop: asyncio.Event | None = None) -> None:
        """Compute and write the day's ranks, a few accounts at a time so that others get on between them."""
        now, zone = self._clocks.world.now(), self._settings.tzinfo
        day, months = local_day(now, zone), months_of_activity(now, zone)
        async with self._database.read() as tx:
            rates = await self._rates.newest(tx)
        did: dict[str, Activity] = {}
        standings: dict[str, Standing] = {}
        async for rows in listing.in_lots(self._database, Filter(), columns=("mrr",), lot=_LOT):
            async with self._database.read() as tx:
                accounts = await folding.load(tx, {row.account: months for row in rows})
            for row in rows:
                done = activity(accounts[row.account].facts, now, zone, rates)
                did[row.account] = done
                money = done.revenue if done.revenue is not None else row.mrr
                standings[row.account] = Standing(
                    done.idle_days, done.core_actions, None if money is None else float(money)
                )
            if stop is not None and stop.is_set():
                return  # another replica, or the next start, takes it up once the lease is over
        ranks = ranked(standings)
        known = {account: Known(did[account], ranks[account]) for account in did}
        await write_ranks(self._database, day, known, self._clocks.wall.now())
        log.info("ranks.computed", accounts=len(known), day=day.isoformat())


class Counts:
    """How many accounts a segment has and their MRR, kept until any account changes or the day ends."""

    def __init__(self, database: Database, zone: tzinfo) -> None:
        self._database = database
        self._zone = zone
        self._kept: dict[str, tuple[Any, int, float]] = {}
        self._turn = asyncio.Lock()

    async def of(self, text: str, today: date, computed: object) -> tuple[int, float]:
        """Accounts, and the sum of what MRR is known of them."""
        async with self._turn:  # whoever asks the same meanwhile finds it done
            async with self._database.read() as tx:
                stamp = (today, computed, await listing.newest(tx))
            kept = self._kept.get(text)
            if kept is None or kept[0] != stamp:
                kept = self._kept[text] = (stamp, *await self._counted(Asked(text), today))
            return kept[1], kept[2]

    async def _counted(self, asked: Asked, today: date) -> tuple[int, float]:
        count, mrr = 0, 0.0
        async for rows in listing.in_lots(self._database, Filter(), columns=asked.columns, lot=_ASKED):
            for row in await members(self._database, asked, rows, today, self._zone):
                count += 1
                mrr += float(row.mrr or 0)
        return count, mrr


async def members(
    database: Database, asked: Asked, rows: Sequence[Row[Any]], today: date, zone: tzinfo
) -> list[Row[Any]]:
    """Those of the rows for which the condition holds on a day of the zone."""
    async with database.read() as tx:
        known: Mapping[str, Known] = await activity_of(tx, [row.account for row in rows])
    found = []
    for number, row in enumerate(rows, 1):
        if asked.holds(row, known.get(row.account), today, zone):
            found.append(row)
        if number % _BREATH == 0:
            await asyncio.sleep(0)
    return found
