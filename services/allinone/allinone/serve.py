"""What `kizashi serve` does: run until it is told to stop, and say how to begin."""

import asyncio

from allinone.clustered import service_replica
from allinone.commands.output import say
from allinone.data_folder import check_real_clock
from allinone.embedded import Embedded, console_link, embedded_server
from allinone.server import calm_garbage_collection, stop_on_signals
from cskit.settings import Settings, TestHooks


async def serve_embedded(settings: Settings, hooks: TestHooks, host: str, port: int) -> None:
    """Everything in one process, until a signal. Raises FolderUnusable for the folder of a demo."""
    check_real_clock(settings.data)
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with embedded_server(settings, host=host, port=port, hooks=hooks) as server:
        calm_garbage_collection()
        say(_welcome(server, settings))
        await _until(stop, server.workers)


async def serve_one(settings: Settings, hooks: TestHooks, service: str, host: str, port: int) -> None:
    """One replica of one service, until a signal or until its workers cannot go on (raised)."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with service_replica(settings, service, host=host, port=port, hooks=hooks) as workers:
        calm_garbage_collection()
        say(f"{service} serves at http://{host}:{port}")
        await _until(stop, workers)


async def _until(stop: asyncio.Event, workers: "asyncio.Task[None]") -> None:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((stopping, workers), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if workers.done():
        workers.result()


def _welcome(server: Embedded, settings: Settings) -> str:
    lines = [
        f"Kizashi serves at {server.url} (data in {settings.data}; stop with Ctrl-C)",
        "",
        "Open the console (the link works for a day; `kizashi sign-in` makes another):",
        f"  {console_link(server)}",
    ]
    if server.first_key is not None:
        lines += [
            "",
            "Your first key, shown only now:",
            f"  {server.first_key}",
            "",
            "Send a first event, then read the account's health:",
            f"  curl -s {server.url}/v1/events -H 'Authorization: Bearer {server.first_key}' -d '" + _FIRST_EVENT + "'",
            f"  curl -s {server.url}/v1/accounts/akagi/health -H 'Authorization: Bearer {server.first_key}'",
            "",
            "More keys: kizashi keys new NAME --scope ingest",
        ]
    return "\n".join(lines)


_FIRST_EVENT = (
    '{"events": [{"id": "first-1", "type": "usage.tracked", "account": "akagi", "user": "aya", '
    '"data": {"name": "report.created"}}]}'
)
