"""The composition root of playbook."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter

from cskit.http.feeds import feed_routes
from cskit.platform import Platform
from cskit.service import Service, Worker
from cskit.webhooks import WebhookSender
from csmodels.topics import CUSTOMER_EVENTS, HEALTH_EVENTS, PLAYBOOK_EVENTS
from playbook.api import playbooks as playbooks_api
from playbook.api import staff as staff_api
from playbook.api import tasks as tasks_api
from playbook.api.edge import Edge
from playbook.catalogue import Playbooks
from playbook.effects import api as effects_api
from playbook.effects.queue import Queue
from playbook.effects.worker import EffectsWorker, Pace
from playbook.handlers import PlaybookHandler
from playbook.ledger import Means
from playbook.outgoing import Enqueue
from playbook.tables import PLUMBING
from playbook.timers import Timers

NAME: Final = "playbook"
_STREAM: Final = (
    "What becomes of runs, tasks and webhooks as server-sent events: `event` is the type, such as task.created, `data` "
    "the event as it is on the bus. The id of the last event that was seen, as Last-Event-ID, resumes on any replica."
)


@dataclass(frozen=True, slots=True)
class Effects:
    """The part that sends: where webhooks are put, its endpoints and its workers."""

    enqueue: Enqueue
    routers: Sequence[APIRouter] = ()
    workers: Sequence[Worker] = ()
    close: Callable[[], Awaitable[None]] | None = None


def build(platform: Platform) -> Service:
    """The playbook service on this platform, webhooks included."""
    return assemble(platform, webhooks(platform, Pace()))


def webhooks(platform: Platform, pace: Pace) -> Effects:
    """Webhooks at this pace."""
    database = platform.database(NAME)
    units = platform.units_of_work(NAME, PLUMBING)
    clocks, allow = platform.clocks, platform.settings.webhook_allow
    wake = asyncio.Event()
    queue = Queue(clocks.wall, wake)
    sender = WebhookSender(clocks, allow, timeout=pace.timeout)
    means = effects_api.Means(database, units, queue, clocks, allow)
    return Effects(
        queue.enqueue,
        [effects_api.routes(means), effects_api.delivery_routes(means)],
        [EffectsWorker(database, units, sender, clocks, platform.owner, wake, pace)],
        sender.close,
    )


def assemble(platform: Platform, effects: Effects) -> Service:
    """The playbook service on this platform, with this way of sending."""
    database = platform.database(NAME)
    units = platform.units_of_work(NAME, PLUMBING)
    clocks = platform.clocks
    playbooks = Playbooks(units, clocks.world)
    wake_timers = asyncio.Event()
    means = Means(effects.enqueue, platform.settings.time_zone, wake_timers.set)
    edge = Edge(database, units, playbooks, means, clocks.world)

    feed = platform.feed(NAME, PLAYBOOK_EVENTS)

    async def ready() -> Mapping[str, str]:
        await playbooks.apply_library()
        async with database.read() as tx:
            await playbooks.catalogue(tx)
        return {"database": "ok"}

    return Service(
        name=NAME,
        routers=[
            feed_routes("/v1/playbook/stream", feed, tag="playbooks", description=_STREAM),
            playbooks_api.routes(edge),
            tasks_api.routes(edge),
            staff_api.routes(edge),
            *effects.routers,
            platform.dead_letters(NAME, PLUMBING),
        ],
        workers=[
            platform.relay(NAME, PLUMBING),
            feed,
            platform.runner(
                NAME,
                PLUMBING,
                group=NAME,
                topics=[HEALTH_EVENTS, CUSTOMER_EVENTS],
                handler=PlaybookHandler(database, playbooks, means, clocks.world),
            ),
            platform.retention(PLAYBOOK_EVENTS),
            Timers(database, units, playbooks, means, clocks, wake_timers),
            *effects.workers,
        ],
        database=database,
        ready=ready,
        close=effects.close,
    )
