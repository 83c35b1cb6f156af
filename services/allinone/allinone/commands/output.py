"""How commands print: tables for people, JSON with --json."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final
from unicodedata import category

from rich.console import Console
from rich.table import Table

_PIPED_WIDTH: Final = 10_000  # a row stays one line where no terminal limits it
_STEERING: Final = ("Cc", "Cs")  # control characters, and surrogates, which no terminal takes


def _console(*, stderr: bool = False) -> Console:
    """Text is printed as it is: what came from outside is no markup and has no emoji codes in it."""
    is_terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if is_terminal else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=True, markup=False, emoji=False)


_out = _console()
_err = _console(stderr=True)


def say(text: str) -> None:
    """A line for people, on standard output."""
    _out.print(_printable(text))


def complain(text: str) -> None:
    """What is wrong and what to do, or what a script shall not read with the answer: a line on standard error."""
    _err.print(_printable(text))


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Rows as a table of these columns, the first one never broken, or whole as JSON."""
    if as_json:
        show_json(rows)
        return
    if not rows:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else _printable(str(row[name])) for name in columns))
    _out.print(table, soft_wrap=False)


def show_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _printable(text: str) -> str:
    """Control characters as escapes: the bytes of a dead letter must not steer a terminal."""
    return "".join(
        each.encode("unicode_escape").decode() if category(each) in _STEERING and each not in "\n\t" else each
        for each in text
    )
