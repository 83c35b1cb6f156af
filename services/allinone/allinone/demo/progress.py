"""How far the history is: a bar on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from allinone.commands.output import say
from allinone.demo.history import Shown
from allinone.demo.words import Words

_A_LINE_EVERY: Final = 5.0  # seconds


@contextmanager
def showing(words: Words, text: str) -> Iterator[Shown]:
    """What shows how many events there are, and how many of them are sent and scored."""
    if sys.stdout.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task(text, total=None)

            def drawn(total: int, sent: int, scored: int) -> None:
                bar.update(task, total=2 * total or None, completed=sent + min(scored, total))

            yield drawn
        return
    say(f"{text} ...")
    last = time.monotonic()

    def printed(total: int, sent: int, scored: int) -> None:
        nonlocal last
        if total and time.monotonic() - last >= _A_LINE_EVERY:
            last = time.monotonic()
            say("  " + words.so_far.format(sent=f"{sent:,}", total=f"{total:,}", scored=f"{min(scored, total):,}"))

    yield printed
