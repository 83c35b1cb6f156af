"""Sends what is due. Any number of replicas may run; a lease keeps two of them from sending the same at a time.

At least once: an attempt whose answer was not written down before the process died is made again, with the same id.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cskit import failpoints
from cskit.clock import Clocks
from cskit.db import Database, DatabaseUnavailable
from cskit.messages import UnitOfWork, UnitOfWorks
from cskit.observability import EFFECT_SECONDS, EFFECTS, WEBHOOK_FAILING_SINCE, bind_traceparent, get_logger
from cskit.webhooks import TIMEOUT, Attempt, WebhookSender
from csmodels.ids import AccountId, EventId, derived_id
from csmodels.playbook import WebhookEffect, WebhookFailed
from csmodels.topics import PLAYBOOK_EVENTS
from playbook.effects.endpoint import Endpoint, disabled
from playbook.effects.store import effects, endpoints
from playbook.effects.store.effects import Delivery, Taken
from playbook.effects.verdict import Verdict, judge
from playbook.outgoing import SOURCE

log = get_logger()

KEPT_FOR: Final = timedelta(days=30)  # effects and their attempts, once they are delivered or given up
_TIDY_EVERY: Final = 3_600.0
_TIDY_ROWS: Final = 1_000
_LOOK_AT_FAILING_EVERY: Final = 15.0
_BACKOFF: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is sent at a time. Seconds are of the wall.

    `look` is how often the table is looked at for what other replicas put in and for what comes due. An endpoint
    whose last attempt failed gets one attempt at a time, so that it does not take the room of the others.
    """

    at_once: int = 64
    per_endpoint: int = 16
    look: float = 0.1
    timeout: float = TIMEOUT
    lease: float = TIMEOUT + 15

    def __post_init__(self) -> None:
        if self.lease <= self.timeout:
            raise ValueError("a lease outlasts the attempt")


@dataclass(frozen=True, slots=True)
class _Answered:
    """An attempt that is over and not yet written down."""

    taken: Taken
    at: datetime
    attempt: Attempt
    was_failing: bool


class EffectsWorker:
    """The worker that delivers webhooks. `owner` is its own name; `wake` makes it look at once."""

    name = "effects:playbook"

    def __init__(
        self,
        database: Database,
        units: UnitOfWorks,
        sender: WebhookSender,
        clocks: Clocks,
        owner: str,
        wake: asyncio.Event,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._units = units
        self._sender = sender
        self._clocks = clocks
        self._owner = owner
        self._wake = wake
        self._pace = pace or Pace()
        self._random = random.Random()  # noqa: S311  spreads retries
        self._flying: dict[asyncio.Task[_Answered], Taken] = {}
        self._answered: list[_Answered] = []
        self._tidied_at = 0.0
        self._looked_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; then wait for the answers to what is on its way, and write them down."""
        self._answered.clear()  # of a run that failed; their leases lapse
        try:
            while not stop.is_set():
                self._wake.clear()
                try:
                    busy = await self._turn()
                    await self._tidy()
                    await self._tell_failing()
                except DatabaseUnavailable as error:
                    log.warning("effects.database_unavailable", reason=str(error), seconds=_BACKOFF)
                    await _first(_BACKOFF, stop)
                    continue
                if not busy:
                    await _first(self._pace.look, stop, self._wake)
            await self._finish()
        finally:
            for task in self._flying:
                task.cancel()
            await asyncio.gather(*self._flying, return_exceptions=True)
            self._flying.clear()

    async def _turn(self) -> bool:
        """Write down what was answered and send what is due, in one transaction; whether anything was taken."""
        self._land()
        room = self._room(await self._due())
        if not room and not self._answered:
            return False
        now = self._clocks.wall.now()
        lease = now + timedelta(seconds=self._pace.lease)
        settled = list(self._answered)
        async with self._units() as uow:
            await self._settle(uow, settled, now)
            taken = await effects.take(uow.tx, room, now, lease, self._owner)
            among = await endpoints.some(uow.tx, {each.endpoint for each in taken})
        del self._answered[: len(settled)]
        on_their_way = {each.id for each in self._flying.values()}  # the wall jumped: their lease is only renewed
        for each in taken:
            if each.endpoint in among and each.id not in on_their_way:  # a deleted endpoint's lease lapses
                self._send(each, among[each.endpoint])
        return bool(taken)

    async def _due(self) -> Sequence[Endpoint]:
        if len(self._flying) >= self._pace.at_once:
            return []
        return await endpoints.with_due(self._database, self._clocks.wall.now())

    def _room(self, due: Sequence[Endpoint]) -> dict[str, int]:
        """How many attempts may begin for each endpoint; those with the fewest on their way come first."""
        flying = Counter(taken.endpoint for taken in self._flying.values())
        left = self._pace.at_once - len(self._flying)
        room: dict[str, int] = {}
        for endpoint in sorted(due, key=lambda each: (flying[each.id], each.id)):
            most = self._pace.per_endpoint if endpoint.failing_since is None else 1
            free = min(left, most - flying[endpoint.id])
            if free > 0:
                room[endpoint.id] = free
                left -= free
        return room

    # One attempt

    def _send(self, taken: Taken, endpoint: Endpoint) -> None:
        task = asyncio.create_task(self._attempt(taken, endpoint), name=f"effect:{taken.id}")
        self._flying[task] = taken
        task.add_done_callback(lambda _: self._wake.set())

    async def _attempt(self, taken: Taken, endpoint: Endpoint) -> _Answered:
        at = self._clocks.wall.now()
        with bind_traceparent(taken.traceparent):
            attempt = await self._sender.send(endpoint.url, endpoint.signing(at), taken.id, taken.body)
        failpoints.hit(failpoints.EFFECTS_AFTER_SEND)
        return _Answered(taken, at, attempt, was_failing=endpoint.failing_since is not None)

    def _land(self) -> None:
        """Collect the attempts that are over. Raises what is no answer but a defect."""
        for task in [task for task in self._flying if task.done()]:
            del self._flying[task]
            self._answered.append(task.result())

    async def _finish(self) -> None:
        if self._flying:
            await asyncio.wait(self._flying)
        self._land()
        if not self._answered:
            return
        try:
            async with self._units() as uow:
                await self._settle(uow, self._answered, self._clocks.wall.now())
            self._answered.clear()
        except DatabaseUnavailable as error:  # they are sent again when the lease is over
            log.warning("effects.unsettled", attempts=len(self._answered), reason=str(error))

    # What came of it

    async def _settle(self, uow: UnitOfWork, answered: Sequence[_Answered], now: datetime) -> None:
        """Write down attempts. What another worker has taken since, after a lapsed lease, is left to it."""
        if not answered:
            return
        troubled = {each.taken.endpoint for each in answered if not each.attempt.ok or each.was_failing}
        among = await endpoints.some(uow.tx, troubled, lock=True)
        mine = await effects.hold(uow.tx, [each.taken.id for each in answered], self._owner)
        changed: dict[str, Endpoint] = {}
        delivered = []
        done = []
        for each in answered:
            taken, attempt = each.taken, each.attempt
            if taken.id not in mine:
                log.warning("effects.lost_lease", effect=taken.id, endpoint=taken.endpoint)
                continue
            endpoint = changed.get(taken.endpoint) or among.get(taken.endpoint)
            since = endpoint.failing_since if endpoint else None
            verdict = judge(taken.attempt, attempt, since, self._random.uniform(-1, 1), now)
            number = taken.sends + 1
            done.append(Delivery(taken.id, number, each.at, attempt.status, attempt.seconds, attempt.error))
            if verdict.delivered:
                delivered.append(taken.id)
            else:
                await self._mark(uow, taken, attempt, verdict, now)
            if endpoint is not None:
                changed[taken.endpoint] = _after(endpoint, verdict)
            _tell(taken, attempt, verdict)
        await effects.mark_delivered(uow.tx, delivered)
        effects.log_deliveries(uow.tx, done)
        endpoints.save(uow.tx, [each for id_, each in sorted(changed.items()) if each != among[id_]])

    async def _mark(self, uow: UnitOfWork, taken: Taken, attempt: Attempt, verdict: Verdict, now: datetime) -> None:
        if verdict.failed is None:
            assert verdict.again is not None
            await effects.mark_waiting(uow.tx, taken.id, now + verdict.again, attempt.error)
            return
        await effects.mark_failed(uow.tx, taken.id, verdict.failed.value, attempt.error)
        if taken.account is not None:  # a test tells the bus nothing
            uow.publish(PLAYBOOK_EVENTS, [_failed_event(taken, verdict.failed.value, self._clocks.world.now())])

    async def _tidy(self) -> None:
        """Delete what is settled and old, some rows at a time."""
        clock = asyncio.get_running_loop().time()
        if self._tidied_at and clock - self._tidied_at < _TIDY_EVERY:
            return
        async with self._database.read() as tx:
            old = await effects.settled_before(tx, self._clocks.wall.now() - KEPT_FOR, _TIDY_ROWS)
        if old:
            async with self._database.write() as tx:
                await effects.forget(tx, old)
        if len(old) < _TIDY_ROWS:
            self._tidied_at = clock

    async def _tell_failing(self) -> None:
        clock = asyncio.get_running_loop().time()
        if self._looked_at and clock - self._looked_at < _LOOK_AT_FAILING_EVERY:
            return
        self._looked_at = clock
        since = await endpoints.failing_since(self._database)
        WEBHOOK_FAILING_SINCE.set(since.timestamp() if since else 0)


def _after(endpoint: Endpoint, verdict: Verdict) -> Endpoint:
    """How the endpoint stands after the verdict; one that a person disabled meanwhile stays as it is."""
    if verdict.delivered:
        return replace(endpoint, failing_since=None, throttled_until=None)
    worse = replace(
        endpoint,
        failing_since=verdict.failing_since,
        throttled_until=verdict.throttled_until or endpoint.throttled_until,
    )
    return worse if verdict.disabled is None else disabled(worse, verdict.disabled)


def _failed_event(taken: Taken, reason: str, now: datetime) -> WebhookFailed:
    assert taken.account is not None
    return WebhookFailed(
        id=EventId(derived_id(taken.id, "webhook.failed", str(taken.sends + 1))),
        source=SOURCE,
        subject=AccountId(taken.account),
        time=now,
        receivedtime=now,
        data=WebhookEffect(effect=taken.id, run=taken.run, step=taken.step, endpoint=taken.endpoint, reason=reason),
    )


def _tell(taken: Taken, attempt: Attempt, verdict: Verdict) -> None:
    """Metrics and log; never the address, which may hold a secret."""
    outcome = "done" if verdict.delivered else "failed" if verdict.failed else "retry"
    EFFECTS.labels("webhook", outcome).inc()
    EFFECT_SECONDS.labels("webhook").observe(attempt.seconds)
    told = {"effect": taken.id, "endpoint": taken.endpoint, "run_id": taken.run, "attempt": taken.attempt + 1}
    if verdict.delivered:
        log.info("webhook.delivered", **told, seconds=attempt.seconds)
    elif verdict.failed:
        log.warning("webhook.failed", **told, reason=verdict.failed.value, error=attempt.error)
    else:
        log.info("webhook.retry", **told, error=attempt.error, again=str(verdict.again))
    if verdict.disabled:
        log.warning("webhook.endpoint_disabled", endpoint=taken.endpoint, reason=verdict.disabled.value)


async def _first(seconds: float, *events: asyncio.Event) -> None:
    """Return when one of the events is set, or after so many seconds of the wall."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
