"""One request of events: map its items, tie them to people and accounts, append them to the log, answer for each."""

import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

import msgspec

from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable
from cskit.errors import DomainError, Unavailable
from cskit.log import Log, LogError, NewRecord, NewRecords
from cskit.log.base import Headers
from cskit.messages import UnitOfWorks
from cskit.observability import current_traceparent, get_logger
from csmodels.ids import AccountId, EventId, PersonId
from csmodels.topics import CUSTOMER_EVENTS, PARTITIONS
from ingest import bodies
from ingest.cache import Cache
from ingest.domain import browser, columns, native, quick, segment
from ingest.domain.columns import Columns, Usage
from ingest.domain.drafts import LEFT_OUT, Arrival, Draft, Mapped, Refusal, sorted_out
from ingest.domain.identity import Known, Placed, Plan, others_of, resolve, users_of
from ingest.domain.quick import USAGE
from ingest.domain.records import FAMILY_OF, feed_resumed, merge_events
from ingest.domain.strictness import refusal
from ingest.domain.times import client_time
from ingest.domain.wire import Home, home_of, place_of, value_of, values_of
from ingest.feeds import Feeds
from ingest.flow import Flow, Stalled
from ingest.lookups import Lookups
from ingest.settings import MAX_EVENT_BYTES
from ingest.sources import Sources
from ingest.store import clock, identity
from ingest.tails import LENGTH, Tails
from ingest.ticks import Ticks

RETRY_AFTER: Final = 1.0  # seconds
_AGAIN: Final = "Events cannot be taken now. Send them again in a moment."

log = get_logger()

Answer = dict[str, Any]
_ENCODER: Final = msgspec.json.Encoder()


class _Accepted(msgspec.Struct, gc=False):
    """An item of an answer."""

    index: int
    id: str
    status: str = "accepted"


class Intake:
    """Takes events and answers after the log's ack. Nothing marks an event as seen before the log has it.

    New people and links are committed before an event that uses them is appended. If it crashes in between, the
    client's retry reads them back and appends the same events to the same accounts; a repeat is dropped by who reads
    the log, if it is in the same partition: what a move or a merge would put elsewhere is settled with it.
    """

    def __init__(
        self,
        *,
        log: Log,
        database: Database,
        unit_of_work: UnitOfWorks,
        event_id_key: Callable[[], Awaitable[bytes]],
        clocks: Clocks,
        cache: Cache,
        feeds: Feeds,
        ticks: Ticks,
        sources: Sources,
        flow: Flow,
        tails: Tails,
    ) -> None:
        self._log = log
        self._database = database
        self._unit_of_work = unit_of_work
        self._event_id_key = event_id_key
        self._clocks = clocks
        self._cache = cache
        self._lookups = Lookups(database, cache)
        self._feeds = feeds
        self._ticks = ticks
        self._sources = sources
        self._flow = flow
        self._tails = tails

    async def segment(self, source: str, body: bodies.Segment, *, usage_only: bool = False) -> Answer:
        """Take a batch of Segment calls. DomainError 400 names an event that is too large; Unavailable: send again.

        usage_only: refuse each of another kind, since anyone may have sent it.
        """
        for index, item in enumerate(body.items):
            if isinstance(item, bytes) and bodies.too_large(item):
                raise _event_too_large(index, item)

        def mapped(arrival: Arrival) -> list[Draft | Refusal]:
            return [_segment_draft(item, index, arrival) for index, item in enumerate(body.items)]

        return {
            "success": True,
            **await self._take(source, mapped, sent_at=body.sent_at, backfill=body.backfill, usage_only=usage_only),
        }

    async def native(
        self, source: str, given: Usage | Sequence[bytes | Refusal], *, usage_only: bool = False
    ) -> Answer:
        """Take events in our own form; one that is too large refuses only itself. Unavailable: send all of it again.

        An item that is refused already is only answered for. usage_only: as above.
        """

        def mapped(arrival: Arrival) -> Sequence[Draft | Refusal]:
            items = bodies.items_of(given.text) if isinstance(given, Usage) else given
            return [_native_draft(item, index, arrival) for index, item in enumerate(items)]

        usage = given if isinstance(given, Usage) else None
        return await self._take(source, mapped, usage=usage, usage_only=usage_only)

    async def _take(
        self,
        source: str,
        drafts_of: Callable[[Arrival], Sequence[Draft | Refusal]],
        *,
        usage: Usage | None = None,
        sent_at: object = None,
        backfill: bool = False,
        usage_only: bool = False,
    ) -> Answer:
        try:
            await self._ticks.settled()
            told = await self._sources.get(source)
            keep = frozenset[str]() if told is None else told.keep
            key = await self._event_id_key()
            arrival = Arrival(source, self._clocks.world.now(), key, client_time(sent_at), keep, backfill)
            said = None if usage is None else columns.usual(usage, arrival)
            if usage is not None and said is not None and (homes := await self._homes(source, said)) is not None:
                straight = self._straight(source, said, homes, arrival)
                usage.let_go()  # now: the next request takes the same memory, and finds it in the CPU's cache
                del said, homes
                return await straight
            drafts = (said and said.drafts(arrival)) or drafts_of(arrival)
            mapped = sorted_out(browser.usage_only(drafts) if usage_only else drafts)
            plan = await self._place(source, mapped.drafts)
            records = _records(source, plan.placed)
            if records:
                await self._append(records, sum(len(record.value) for record in records))
            await self._resume_feeds(_fresh(plan.placed))
        except DatabaseUnavailable as error:
            log.warning("intake.unavailable", source=source, reason=str(error))
            raise Unavailable("database_unavailable", _AGAIN, retry_after=RETRY_AFTER) from error
        except (LogError, Stalled) as error:
            log.warning("intake.unavailable", source=source, reason=str(error))
            raise Unavailable("log_unavailable", _AGAIN, retry_after=RETRY_AFTER) from error
        if mapped.refusals:
            log.warning(
                "intake.refused",
                source=source,
                refused=len(mapped.refusals),
                taken=len(mapped.drafts),
                reasons=sorted({f"{one.code}:{one.field}" for one in mapped.refusals})[:10],
            )
        answer = _answer(mapped, plan)
        self._tails.took(source, answer["items"], plan.placed, arrival.received)
        return answer

    async def _homes(self, source: str, said: Columns) -> list[Home] | None:
        """Where each goes, if all go where everything of their users goes, no id twice; None: it takes more to tell."""
        if len(set(said.ids)) < len(said.ids):
            return None
        homes, missing = self._cache.homes(source, said.users)
        if missing:
            await self._lookups.known(source, missing)
            homes, missing = self._cache.homes(source, said.users)
        if missing:
            return None
        if not said.names_accounts:
            return None if None in homes else cast("list[Home]", homes)
        named = [
            home_of(AccountId(account), None) if user is None and account is not None else home
            for home, user, account in zip(homes, said.users, said.accounts, strict=True)
        ]
        agree = (
            home is not None and (account is None or account == home.account)
            for home, account in zip(named, said.accounts, strict=True)
        )
        return cast("list[Home]", named) if all(agree) else None

    def _straight(
        self, source: str, said: Columns, homes: Sequence[Home], arrival: Arrival
    ) -> Coroutine[Any, Any, Answer]:
        """Write usage of people who are known. What is returned appends it and answers that all is taken, and holds
        nothing of what was read.
        """
        values = values_of(said, source, arrival.received, homes)
        records = NewRecords(
            CUSTOMER_EVENTS, [home.partition for home in homes], [home.key for home in homes], values, _headers()
        )
        append = self._append(records, sum(map(len, values)))
        fresh = len(values) - sum(said.backfills)
        items = _ENCODER.encode(list(map(_Accepted, range(len(values)), said.ids)))
        took = partial(
            self._tails.took_usage, source, len(values), said.ids[-LENGTH:], homes[-LENGTH:], fresh, arrival.received
        )
        dropped = sum(said.dropped or ())
        answer = {"accepted": len(values), "waiting": 0, "refused": 0, "dropped": dropped, "items": msgspec.Raw(items)}
        return self._taken(append, fresh, took, answer)

    async def _taken(self, append: Awaitable[None], fresh: int, took: Callable[[], None], answer: Answer) -> Answer:
        await append
        await self._resume_feeds([USAGE] if fresh else [])
        took()
        return answer

    async def _place(self, source: str, drafts: Sequence[Draft]) -> Plan:
        """Where each draft goes, with everything committed that its event relies on."""
        users, others = users_of(drafts), others_of(drafts)
        known = self._cache.get(source, users | others)
        missing = (users | others) - known.keys()
        if missing:
            found = await self._lookups.known(source, missing)
            known |= {user: found[user] for user in missing if user in found}
        if known.keys() >= users:
            plan = resolve(drafts, known, await self._settled_before(source, drafts, known))
            if not plan.changes:
                return plan
        return await self._write(source, drafts, users, others)

    async def _settled_before(
        self, source: str, drafts: Sequence[Draft], known: Mapping[str, Known]
    ) -> Mapping[EventId, AccountId | None]:
        now = self._clocks.world.now()
        ids = identity.may_be_settled(drafts, known, now)
        if not ids:
            return {}
        async with self._database.read() as tx:
            return await identity.settled(tx, source, ids)

    async def _write(self, source: str, drafts: Sequence[Draft], users: set[str], others: set[str]) -> Plan:
        now = self._clocks.world.now()
        fresh = {user: PersonId(str(uuid.uuid4())) for user in users}
        async with self._unit_of_work() as uow:
            loaded = await identity.ensure(uow, source, fresh, others, now)
            ids = identity.may_be_settled(drafts, loaded.known, now)
            plan = resolve(drafts, loaded.known, await identity.settled(uow.tx, source, ids))
            released = await identity.save(uow, source, loaded, plan, now)
            told = [*merge_events(plan.merges, now), *released]
            uow.publish(CUSTOMER_EVENTS, told, traceparent=current_traceparent())
        self._cache.wrote(source, plan.known, merged=bool(plan.merges))
        if released:
            log.info("intake.released", source=source, events=len(released))
        return plan

    def _append(self, records: Sequence[NewRecord], size: int) -> Coroutine[Any, Any, None]:
        return self._flow.appended(self._log.append(records), size)

    async def _resume_feeds(self, fresh: Iterable[str]) -> None:
        """The first fresh event of a family that stood still tells every partition that it flows again."""
        families = self._feeds.resumed_by(map(FAMILY_OF.get, fresh))
        if not families:
            return
        now = self._clocks.world.now()
        async with self._unit_of_work() as uow:
            for family, since in (await clock.resume(uow, families)).items():
                for partition in range(PARTITIONS):
                    uow.publish_control(CUSTOMER_EVENTS, feed_resumed(family, since, now, partition), partition)
        self._feeds.resumed(families)
        log.info("feeds.resumed", families=sorted(families))


def _segment_draft(item: bytes | Refusal, index: int, arrival: Arrival) -> Draft | Refusal:
    if isinstance(item, Refusal):
        return item
    if (taken := quick.track(item, index, arrival)) is not None:
        return taken
    return refusal(item, index) or segment.draft(bodies.decoded(item), item, index, arrival)


def _records(source: str, placed: Sequence[Placed]) -> list[NewRecord]:
    """What goes on the log: identity alone does not, nor what waits."""
    headers = _headers()
    records: list[NewRecord] = []
    for one in placed:
        draft, account = one.draft, one.account
        if account is not None and draft.type is not None:
            partition, key = place_of(account)
            value = value_of(draft, source, account, one.person)
            records.append(NewRecord(CUSTOMER_EVENTS, partition, key, value, headers))
    return records


def _headers() -> Headers:
    trace = current_traceparent()
    return (("traceparent", trace.encode("ascii")),) if trace else ()


def _fresh(placed: Iterable[Placed]) -> set[str]:
    """The types of events that are on the log now and are not of the past."""
    fresh = (one.draft.type for one in placed if one.account is not None and not one.draft.backfill)
    return {kind for kind in fresh if kind is not None}


def _native_draft(item: bytes | Refusal, index: int, arrival: Arrival) -> Draft | Refusal:
    if isinstance(item, Refusal):
        return item
    if bodies.too_large(item):
        message = f"The event is refused: it has {len(item)} bytes, more than {MAX_EVENT_BYTES}."
        return Refusal(index, None, "event_too_large", "", message)
    return quick.native(item, index, arrival) or refusal(item, index) or native.draft(item, index, arrival)


def _event_too_large(index: int, item: bytes) -> DomainError:
    try:
        said = bodies.decoded(item)
    except ValueError:
        said = None
    client_id = said.get("messageId") if isinstance(said, dict) else None
    named = f" (messageId {client_id[:128]})" if isinstance(client_id, str) else ""
    return DomainError(
        "event_too_large",
        f"The batch is refused: its event {index}{named} has {len(item)} bytes, more than {MAX_EVENT_BYTES}.",
        field=f"batch.{index}",
        extra={"index": index},
        status=400,
    )


def _without(field: str, message: str) -> dict[str, Any]:
    return {"code": LEFT_OUT, "field": field, "message": message}


def _answer(mapped: Mapped, plan: Plan) -> Answer:
    items: list[dict[str, Any]] = []
    waiting = 0
    for one in plan.placed:
        waits = one.account is None and one.draft.type is not None
        waiting += waits
        item = {"index": one.draft.index, "id": one.draft.client_id, "status": "waiting" if waits else "accepted"}
        items.append(item if one.draft.left_out is None else item | _without(*one.draft.left_out))
    items += [{"index": one.index, "id": one.client_id, "status": "duplicate"} for one in mapped.repeats]
    items += [
        {
            "index": one.index,
            "id": one.id,
            "status": "refused",
            "code": one.code,
            "field": one.field,
            "message": one.message,
        }
        for one in mapped.refusals
    ]
    items.sort(key=lambda item: item["index"])
    return {
        "accepted": len(items) - waiting - len(mapped.refusals),
        "waiting": waiting,
        "refused": len(mapped.refusals),
        "dropped": sum(draft.dropped for draft in mapped.drafts),
        "items": items,
    }
