"""A small world for the tests of scoring: a log in memory, cut into batches at will, and a real database."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from cskit.clock import Clocks, FrozenClock, RealClock
from cskit.db import Database
from cskit.messages import Message, UnitOfWork
from csmodels.catalogue import TYPES
from csmodels.envelope import Event
from csmodels.partitioning import partition_of
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS
from scoring.account import Account
from scoring.engine.codec import canonical
from scoring.handlers import ScoringHandler
from scoring.scorecards import built_in
from scoring.settings import ScoringSettings
from scoring.store import folding
from scoring.tables import PLUMBING, account_months, history, live, partitions

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MIDNIGHT = NOON.replace(hour=0) + DAY
TEXT = "ingest/00000000-0000-4000-8000-000000000000"
PERSON = "00000000-0000-4000-8000-00000000000{}"


def event(type_: str, account: str, at: datetime, data: dict[str, Any], **envelope: Any) -> Event:
    """An event as ingest would have put it on the log; received when it happened unless told otherwise."""
    model = TYPES[type_]
    body = model.model_fields["data"].annotation.model_validate(data)  # type: ignore[union-attr]
    who = envelope.pop("who", None)
    return model.model_validate(
        {
            "id": envelope.pop("id", f"{type_}:{account}:{at.isoformat()}:{json.dumps(data, default=str)}:{who}"[:128]),
            "source": "test",
            "subject": account,
            "time": at,
            "receivedtime": envelope.pop("received", at),
            "personid": None if who is None else PERSON.format(who),
            "data": body,
            **envelope,
        }
    )


def usage(account: str, at: datetime, who: int = 1, **envelope: Any) -> Event:
    """Someone created a report."""
    return event("usage.tracked", account, at, {"name": "report_created"}, who=who, **envelope)


def seats(account: str, at: datetime, count: int, **fields: Any) -> Event:
    """The account was described."""
    return event("account.described", account, at, {"seats": count, **fields})


def ticket(account: str, at: datetime, opened: datetime, severity: int = 1, status: str = "open") -> Event:
    """A ticket, opened at a moment."""
    data = {"ticket": "t1", "severity": severity, "status": status, "opened_at": opened}
    return event("ticket.changed", account, at, data | ({"solved_at": at} if status == "solved" else {}))


def control(type_: str, at: datetime, data: dict[str, Any]) -> Event:
    """A control record."""
    return event(type_, CONTROL_KEY, at, data)


def tick(hour: datetime, at: datetime | None = None) -> Event:
    """The hour has come; taken a moment after it."""
    return control("clock.ticked", at or hour + SECOND, {"hour": hour})


@dataclass
class Stream:
    """The records of one partition in order; `account` names the partition."""

    account: str = "acme"
    messages: list[Message[Event]] = field(default_factory=list)

    @property
    def partition(self) -> int:
        return partition_of(self.account)

    def append(self, *events: Event, at: datetime | None = None) -> "Stream":
        """Append events, at their receivedtime unless told otherwise."""
        for one in events:
            assert one.subject == CONTROL_KEY or partition_of(one.subject) == self.partition, one.subject
            self.messages.append(
                Message(one, CUSTOMER_EVENTS, self.partition, len(self.messages), at or one.receivedtime, ())
            )
        return self

    def cut(self, every: int) -> list[Sequence[Message[Event]]]:
        """The records in batches of so many."""
        return [self.messages[start : start + every] for start in range(0, len(self.messages), every)]


def neighbours(count: int, account: str = "acme") -> list[str]:
    """Accounts that share a partition, `account` the first."""
    found = [account]
    number = 0
    while len(found) < count:
        number += 1
        if partition_of(f"a{number}") == partition_of(account):
            found.append(f"a{number}")
    return found


class Scoring:
    """The handler on a database, fed batch by batch as the runner would."""

    def __init__(self, database: Database, *, zone: str = "UTC", in_memory: int = 100, now: datetime = NOON) -> None:
        self.database = database
        self.world = FrozenClock(now)
        self.handler = ScoringHandler(
            settings=ScoringSettings(zone=zone, currency="USD", in_memory=in_memory),
            cards=built_in(),
            database=database,
            clocks=Clocks(world=self.world, wall=RealClock()),
        )

    async def take(self, *batches: Sequence[Message[Event]], forgetful: bool = False) -> "Scoring":
        """Handle each batch in a transaction of its own."""
        for batch in batches:
            if forgetful:
                self.handler.forget()
            async with self.database.write() as tx:
                await self.handler.on_batch(batch, UnitOfWork(tx, PLUMBING))
        return self

    async def live(self, account: str = "acme") -> Any:
        """The live row, or None."""
        return next(iter(await self._rows(select(live).where(live.c.account == account))), None)

    async def history(self, *kinds: str, account: str = "acme") -> list[dict[str, Any]]:
        """History rows of these kinds (all of them if none is named) in the log's order."""
        statement = select(history).where(history.c.account == account)
        rows = await self._rows(statement.order_by(history.c.offset, history.c.at, history.c.kind))
        return [dict(row._mapping) for row in rows if not kinds or row.kind in kinds]

    async def published(self, account: str = "acme") -> list[dict[str, Any]]:
        """The events of the outbox about an account, in order."""
        rows = await self._rows(select(PLUMBING.outbox).order_by(PLUMBING.outbox.c.id))
        events = [json.loads(row.value) for row in rows]
        return [one for one in events if one["subject"] == account]

    async def accounts(self) -> dict[str, Account]:
        """All accounts with all their months, as the database has them."""
        ids = [row.account for row in await self._rows(select(live.c.account))]
        rows = await self._rows(select(account_months.c.account, account_months.c.month))
        wanted = {id_: {row.month for row in rows if row.account == id_} for id_ in ids}
        async with self.database.read() as tx:
            return await folding.load(tx, wanted)

    async def everything(self) -> dict[str, Any]:
        """All that is a function of the log and its cuts: without scored_at."""
        lives = await self._rows(select(live).order_by(live.c.account))
        rows = await self._rows(select(history))
        outbox = await self._rows(select(PLUMBING.outbox).order_by(PLUMBING.outbox.c.id))
        events = [json.loads(row.value) for row in outbox]
        for one in events:
            del one["data"]["scored_at"]
        return {
            "facts": await self.facts(),
            "live": [_without(row._mapping, "scored_at") for row in lives],
            "history": sorted((_without(row._mapping, "scored_at") for row in rows), key=repr),
            "published": sorted(events, key=lambda one: (one["subject"], one["data"]["version"])),
            "partitions": [dict(row._mapping) for row in await self._rows(select(partitions))],
        }

    async def facts(self) -> dict[str, Any]:
        """The canonical facts of all accounts."""
        return {id_: canonical(account.facts) for id_, account in (await self.accounts()).items()}

    async def closings(self) -> list[tuple[Any, ...]]:
        """Who closed which day with what score."""
        rows = await self._rows(select(history).where(history.c.kind == "closing"))
        return sorted((row.account, row.at, row.score, row.coverage) for row in rows)

    async def _rows(self, statement: Any) -> Sequence[Any]:
        async with self.database.read() as tx:
            return await tx.fetch(statement)


def _without(row: Any, *names: str) -> dict[str, Any]:
    return {name: value for name, value in dict(row).items() if name not in names}


def busy_weeks(accounts: Iterable[str], *, start: datetime = NOON - 100 * DAY, days: int = 100) -> list[Event]:
    """Events of a hundred days in which people work on weekdays, all taken in as one old import."""
    end = start + days * DAY
    events = []
    for account in accounts:
        events.append(seats(account, end, 4, name=account.title()))
        for day in range(days):
            at = start + day * DAY
            if at.weekday() < 5:
                events += [usage(account, at, who, received=end, backfill=True) for who in (1, 2, 3)]
    return events


def story(accounts: list[str], days: int = 2) -> Stream:
    """An import, then days of life with hourly ticks: usage, a ticket that ages and is solved, an override."""
    stream = Stream().append(*busy_weeks(accounts))
    chance = random.Random(7)
    for hours in range(1, days * 24 + 1):
        hour = NOON + hours * HOUR
        for account in accounts:
            if chance.random() < 0.3:
                stream.append(usage(account, hour - chance.randrange(1, 3000) * SECOND, chance.randrange(1, 6)))
        if hours == 10:
            stream.append(ticket(accounts[0], hour - SECOND, hour - 2 * SECOND))
        if hours == 40:
            stream.append(ticket(accounts[0], hour - SECOND, NOON + 10 * HOUR, status="solved"))
        if hours == 20:
            override = {"override": "o1", "points": -6.0, "expires_at": hour + DAY, "author": "sam", "text_ref": TEXT}
            stream.append(event("override.set", accounts[1], hour - SECOND, override))
        stream.append(tick(hour))
    return stream
