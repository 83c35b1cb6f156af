"""How often a worker has looked for webhooks to send: who waits for nothing to come of it waits for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from playbook.effects.worker import EffectsWorker


@dataclass
class Watched:
    """looks: those that are over. quiet: the last one took nothing, and nothing was on its way when it was over.
    ending: it was told to stop and takes nothing any more.
    """

    looks: int = 0
    quiet: bool = False
    ending: bool = False


@contextmanager
def watched(worker: EffectsWorker) -> Iterator[Watched]:
    """Watch a worker until the end of the block."""
    seen = Watched()
    turn, finish = worker._turn, worker._finish

    async def looked() -> bool:
        busy = await turn()
        seen.looks += 1
        seen.quiet = not (busy or worker._flying or worker._answered)
        return busy

    async def ended() -> None:
        seen.ending = True
        await finish()

    with patch.object(worker, "_turn", looked), patch.object(worker, "_finish", ended):
        yield seen
