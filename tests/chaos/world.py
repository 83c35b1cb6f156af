"""A small, fixed history of accounts as a preloaded log: every partition in use holds a multiple of 64 records."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from cskit.log import NewRecord
from csmodels import customer, internal
from csmodels.envelope import Event
from csmodels.ids import derived_id
from csmodels.partitioning import partition_of
from csmodels.topics import CONTROL_KEY, CUSTOMER_EVENTS

CUT = 64
PARTITIONS_IN_USE = 3
ACCOUNTS_EACH = 3
DAYS = 45
SOURCE = "app"


def accounts() -> Mapping[int, Sequence[str]]:
    """Nine accounts, three in each of three partitions."""
    chosen: dict[int, list[str]] = defaultdict(list)
    for number in range(10_000):
        partition = partition_of(f"acct-{number}")
        if partition < PARTITIONS_IN_USE and len(chosen[partition]) < ACCOUNTS_EACH:
            chosen[partition].append(f"acct-{number}")
        if len(chosen) == PARTITIONS_IN_USE and all(len(names) == ACCOUNTS_EACH for names in chosen.values()):
            return chosen
    raise AssertionError("no such accounts")


def records(now: datetime) -> list[NewRecord]:
    """The whole log of cs.customer-events as of `now`, partition by partition."""
    result: list[NewRecord] = []
    for partition, names in sorted(accounts().items()):
        events = [*_past(names, now), *_present(names, now)]
        while len(events) % CUT:
            number = len(events)
            events.append(
                _made(customer.SignalSeen, names[0], f"pad-{number}", now, {"kind": "page_view", "topic": "x"})
            )
        # Some records come twice, one of them in another batch: they must count once.
        for event in events:
            key = CONTROL_KEY if event.is_control else event.subject
            result.append(NewRecord(CUSTOMER_EVENTS, partition, key.encode(), event.to_bytes()))
    return result


def _past(names: Sequence[str], now: datetime) -> Iterator[Event]:
    """Who they are, and weeks of use, as an import brings it."""
    start = now - timedelta(days=DAYS + 5)
    for name in names:
        data = {"name": name.title(), "seats": 4, "owner": "hana", "plan": "team"}
        yield _made(customer.AccountDescribed, name, f"{name}-described", start, data, backfill=True)
    for day in range(DAYS):
        at = now - timedelta(days=DAYS + 4 - day)
        for name in names:
            person = derived_id(name, str(day % 3))
            event = _made(
                customer.UsageTracked, name, f"{name}-use-{day}", at, {"name": "report"}, person=person, backfill=True
            )
            yield event
            if day % 9 == 0:
                yield event  # sent again by a nervous client


def _present(names: Sequence[str], now: datetime) -> Iterator[Event]:
    """Two days of live events with the clock between them: tickets that make red, an answer, a recovery."""
    for hours in range(48, 0, -1):
        at = now - timedelta(hours=hours)
        hour = at.replace(minute=0, second=0, microsecond=0)
        yield internal.ClockTicked(
            id=f"tick:{hour.isoformat()}", source="ingest", time=at, receivedtime=at, data=internal.Tick(hour=hour)
        )
        for number, name in enumerate(names):
            if hours % 5 == number:
                person = derived_id(name, str(hours % 4))
                yield _made(customer.UsageTracked, name, f"{name}-live-{hours}", at, {"name": "report"}, person=person)
            if hours == 30 + number:
                opened = {
                    "ticket": "T-1",
                    "severity": 1,
                    "status": "open",
                    "opened_at": _text(at - timedelta(hours=13)),
                }
                yield _made(customer.TicketChanged, name, f"{name}-ticket", at, opened)
            if hours == 20 and number == 1:
                solved = {"ticket": "T-1", "severity": 1, "status": "solved", "solved_at": _text(at)}
                yield _made(customer.TicketChanged, name, f"{name}-solved", at, solved)
            if hours == 12 and number == 2:
                answer = {"survey": "nps", "response": f"r-{name}", "revision": 1, "kind": "nps", "score": 2}
                yield _made(internal.SurveyAnswered, name, f"r-{name}:1", at, answer, source="survey")


def _made(
    kind: type[Event],
    account: str,
    event_id: str,
    at: datetime,
    data: Mapping[str, object],
    *,
    person: str | None = None,
    backfill: bool = False,
    source: str = SOURCE,
) -> Event:
    whole = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind.model_fields["type"].default,
        "subject": account,
        "time": _text(at),
        "receivedtime": _text(at),
        "data": data,
        **({"personid": person} if person else {}),
        **({"backfill": True} if backfill else {}),
    }
    return kind.model_validate_json(json.dumps(whole))


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ends(of: Sequence[NewRecord]) -> Mapping[int, int]:
    """How many records each partition holds."""
    counts: dict[int, int] = defaultdict(int)
    for record in of:
        counts[record.partition] += 1
    return counts
