"""How commands print: tables for people, JSON with --json."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

_out = Console(highlight=False, soft_wrap=True)
_err = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str) -> None:
    """A line for people, on standard output."""
    _out.print(text, markup=False)


def complain(text: str) -> None:
    """What is wrong and what to do, on standard error."""
    _err.print(text, markup=False)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Rows as a table of these columns, or whole as JSON."""
    if as_json:
        show_json(rows)
        return
    if not rows:
        say(empty)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else str(row[name]) for name in columns))
    _out.print(table)


def show_json(value: object) -> None:
    """One JSON document on standard output."""
    _out.print(json.dumps(value, ensure_ascii=False, indent=2, default=str), markup=False)
