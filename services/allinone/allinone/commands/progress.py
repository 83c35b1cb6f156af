"""How far a command is: a bar on a terminal, plain lines otherwise."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from allinone.commands.output import complain

Progressing = Callable[[int], None]


@contextmanager
def progress(total: int, noun: str = "rows") -> Iterator[Progressing]:
    """What is told of so many more that are done. A bar on a terminal; else a line at every tenth of the way, on
    standard error.
    """
    if sys.stderr.isatty():
        parts = (TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*parts, transient=True, console=Console(stderr=True)) as bar:
            task = bar.add_task(noun, total=total)
            yield lambda more: bar.advance(task, more)
        return
    done, told = 0, 0

    def advance(more: int) -> None:
        nonlocal done, told
        done += more
        if total and done * 10 // total > told:
            told = done * 10 // total
            complain(f"{done} of {total} {noun}")

    yield advance
