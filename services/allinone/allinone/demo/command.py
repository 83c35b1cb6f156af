"""What `kizashi demo` does, from an empty folder to the summary at the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import httpx

from allinone.commands.output import say
from allinone.demo import folder as folders
from allinone.demo import registration
from allinone.demo.csms import Csms
from allinone.demo.history import Loader, scored_accounts, until_caught_up
from allinone.demo.live import Live
from allinone.demo.narrator import Narrator
from allinone.demo.options import Options, speed_text
from allinone.demo.product import Product
from allinone.demo.progress import showing
from allinone.demo.respondents import Respondents
from allinone.demo.stage import SOURCE, Stage, staged
from allinone.demo.story import Story
from allinone.demo.tally import NotDone
from allinone.demo.words import Words, counted, words_of
from allinone.embedded import console_link
from allinone.server import stop_on_signals
from cskit.settings import Settings, TestHooks
from csworld import World

Say = Callable[[str], None]


@dataclass(slots=True)
class _Ended:
    """What the summary tells; empty until the stage stood."""

    stage: Stage | None = None
    moment: str = ""


async def demonstrate(options: Options, settings: Settings, hooks: TestHooks) -> None:
    """Run the demo until a signal, or until its seconds are over; then say what it was."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    words, started, ended = words_of(settings.locale), time.monotonic(), _Ended()
    playing = asyncio.create_task(_play(options, settings, hooks, words, ended), name="demo")
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((playing, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not playing.done():
            playing.cancel()
    try:
        with suppress(asyncio.CancelledError):  # it was asked to stop, and has
            await playing
    except httpx.HTTPError as error:
        raise NotDone(f"The demo's own server does not answer ({type(error).__name__}). Start it again.") from error
    if ended.stage is not None:
        for line in _summary(ended.stage, ended.moment, time.monotonic() - started, words):
            say(line)


async def _play(options: Options, settings: Settings, hooks: TestHooks, words: Words, ended: _Ended) -> None:
    async with staged(options, settings, hooks) as stage:
        ended.stage = stage
        try:
            await furnish(stage, words, say)
            if not options.live:
                say(words.stands)
                await _until_over(stage, options.exit_after)
                return
            async with living(stage, words, say):
                await _until_over(stage, options.exit_after)
        finally:
            ended.moment = words.when(stage.clock.now().astimezone(_zone(stage)))


async def furnish(stage: Stage, words: Words, say: Say) -> None:
    """Enter what a company enters, load the past, and say where everything is. Raises NotDone."""
    say(words.open_console.format(url=_console_link(stage)))
    say(words.open_receiver.format(url=stage.receiver.url))
    say(words.stop)
    settings = stage.server.platform.settings
    await registration.enter_staff(stage.admin, stage.world.staff, locale=settings.locale, time_zone=settings.time_zone)
    stage.receiver.secret = await registration.enter_endpoint(stage.admin, stage.receiver.hook)
    await registration.move_endpoint(stage.admin, stage.receiver.hook)
    if stage.loader is not None:
        await _load(stage, stage.loader, words, say)
    else:
        now = stage.clock.now().astimezone(_zone(stage))
        say(words.went_on.format(accounts=stage.marker.accounts, moment=words.when(now)))


async def _load(stage: Stage, loader: Loader, words: Words, say: Say) -> None:
    began = time.monotonic()
    text = words.loading.format(days=stage.marker.days, accounts=stage.marker.accounts)
    with showing(words, text) as shown:
        done = await loader.send(stage.server, stage.key, shown)
        people = await registration.people_by_user(stage.admin, SOURCE)
        answers = await registration.enter_past_answers(
            stage.admin, stage.world.past_answers(), people, _roles(stage.world)
        )
        await until_caught_up(stage.server, shown, done.events)
    folders.loaded(stage.folder, stage.marker)
    say(words.loaded.format(events=f"{done.events:,}", answers=f"{answers:,}", seconds=f"{done.seconds:.0f}"))
    accounts = await scored_accounts(stage.admin)
    say(words.scored.format(accounts=accounts, seconds=f"{time.monotonic() - began:.0f}"))


def _roles(world: World) -> Mapping[str, str]:
    return {person.user: person.role for each in world.customers for person in each.people}


@asynccontextmanager
async def living(stage: Stage, words: Words, say: Say) -> AsyncIterator[None]:
    """Let time pass inside the block, and people act; `say` is told what happens. Raises what ends one of them."""
    product = Product(stage.server.url, stage.key, stage.tally)
    names = {each.id: each.name for each in stage.world.customers}
    story = Story(names, {each.id: each.name for each in stage.world.staff}, words)
    csms = Csms(stage.admin, stage.ingest, stage.clock, stage.world, stage.tally)
    narrator = Narrator(stage.admin, story, stage.clock, _zone(stage), say=say, on_task=csms.given)
    live = Live(
        world=stage.world,
        clock=stage.clock,
        product=product,
        ingest=stage.ingest,
        respondents=Respondents(stage.admin, stage.browser, {}),
        roles=_roles(stage.world),
        on_answer=narrator.answered,
        tally=stage.tally,
    )
    try:
        await narrator.look_around(names)
        async with asyncio.TaskGroup() as group:
            joined = asyncio.Event()
            acting = [group.create_task(narrator.run(joined), name="narrator")]
            await joined.wait()
            say(words.runs.format(speed=speed_text(stage.clock.scale)))
            stage.clock.start()
            acting += [group.create_task(each.run()) for each in (live, csms)]
            yield
            for task in acting:
                task.cancel()
    except BaseExceptionGroup as failed:
        raise _first_of(failed) from failed
    finally:
        stage.clock.hold()
        await product.close()


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What ended a group of tasks, for whoever tells people about it."""
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


async def _until_over(stage: Stage, exit_after: float | None) -> None:
    """Return after so many seconds of the wall, or never; raises what ends the server's workers."""
    done, _ = await asyncio.wait((stage.server.workers,), timeout=exit_after)
    for workers in done:
        workers.result()


def _zone(stage: Stage) -> ZoneInfo:
    return ZoneInfo(stage.server.platform.settings.time_zone)


def _console_link(stage: Stage) -> str:
    """A link that signs the leader of the staff in."""
    leader = next(member for member in stage.world.staff if member.role == "leader")
    return console_link(stage.server, staff=leader.id, role="leader")


def _summary(stage: Stage, moment: str, seconds: float, words: Words) -> list[str]:
    receiver, tally = stage.receiver, stage.tally
    failed = words.failures.format(failed=counted(tally.failed, words)) if tally.failed else words.nothing_failed
    return [
        words.summary.format(seconds=f"{seconds:.0f}", moment=moment, done=counted(tally.done, words)),
        words.webhooks.format(count=len(receiver.counts), doubles=receiver.doubles, refused=receiver.refused),
        failed,
    ]
