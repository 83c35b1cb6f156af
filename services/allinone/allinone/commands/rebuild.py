"""kizashi rebuild: everything folded again on the server, the difference shown, and swapped in on a yes."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import httpx
import typer

from allinone.commands.calls import Refused, Unreachable, call, server_client
from allinone.commands.output import complain, say, show
from allinone.commands.progress import Progressing, progress
from cskit.settings import Settings

_PATH: Final = "/v1/rebuilds"
_OPEN: Final = ("asked", "folding", "ready", "confirmed")
_LOOK_EVERY: Final = 0.5  # seconds
_PATIENCE: Final = 120.0  # a replica may end and start again in a swap
_COLUMNS: Final = ("account", "live", "rebuilt", "band_live", "band_rebuilt")

Rebuild = dict[str, Any]
Confirm = Callable[[Rebuild], bool]


def rebuild(settings: Settings, confirm: Confirm, *, quiet: bool) -> Rebuild:
    """Ask for a rebuild, or go on with the one that is open; swap it in if `confirm` says so, else discard it.

    `confirm` is asked only if something differs. Raises Refused with the reason of a rebuild that failed.
    """
    with server_client(settings, "scoring") as client:
        items = call(client, "GET", _PATH, params={"limit": 1})["items"]
        current = items[0] if items and items[0]["state"] in _OPEN else call(client, "POST", _PATH)
        if not quiet:
            say(f"Rebuild {current['id']}: everything is folded again, beside what is live.")
        if current["state"] != "confirmed":
            current = _followed(client, current, ("ready",), quiet=quiet)
            if not quiet:
                tell(current)
            if not differs(current) or not confirm(current):
                return _one(call(client, "DELETE", f"{_PATH}/{current['id']}"))
            current = _one(call(client, "POST", f"{_PATH}/{current['id']}/swap"))
        return _followed(client, current, ("swapped",), quiet=quiet)


def discard(settings: Settings) -> Rebuild | None:
    """Discard the rebuild that is open; None if there is none."""
    with server_client(settings, "scoring") as client:
        items = call(client, "GET", _PATH, params={"limit": 1})["items"]
        if not items or items[0]["state"] not in _OPEN:
            return None
        return _one(call(client, "DELETE", f"{_PATH}/{items[0]['id']}"))


def differs(found: Rebuild) -> bool:
    """Whether a swap would change anything."""
    difference = found["difference"]
    return any(difference[name] for name in ("facts", "scores", "only_live", "only_rebuilt"))


def tell(found: Rebuild) -> None:
    """The difference, for people."""
    difference = found["difference"]
    if not differs(found):
        say(f"{difference['accounts']} accounts, and nothing differs: live is what archive and log say.")
        return
    say(
        f"Of {difference['accounts']} accounts {difference['facts']} have other facts, {difference['scores']} another "
        f"score, {difference['bands']} another band; {difference['only_live']} would go, "
        f"{difference['only_rebuilt']} would come."
    )
    if difference["biggest"]:
        say("The biggest changes of score:")
        show([_rounded(each) for each in difference["biggest"]], _COLUMNS, as_json=False, empty="")


def ask(found: Rebuild) -> bool:
    """Ask on the terminal; without one the answer is no."""
    if not sys.stdin.isatty():
        complain("Nothing was swapped: there is no terminal to ask on. --yes swaps without asking.")
        return False
    return typer.confirm("Swap the rebuilt facts and scores in? History stays as known.", default=False)


def _followed(client: httpx.Client, current: Rebuild, until: tuple[str, ...], *, quiet: bool) -> Rebuild:
    """Follow it until it is in one of these states."""
    last_answer = time.monotonic()
    done = 0
    with ExitStack() as ends:
        advance: Progressing | None = None
        while current["state"] not in until:
            if current["state"] not in _OPEN:
                raise Refused(current["message"] or f"The rebuild {current['id']} was {current['state']}.")
            if advance is None and current["total"] and not quiet:
                advance = ends.enter_context(progress(current["total"], "records"))
            if advance is not None:
                advance(current["folded"] - done)
                done = current["folded"]
            time.sleep(_LOOK_EVERY)
            try:
                current = _one(call(client, "GET", f"{_PATH}/{current['id']}"))
                last_answer = time.monotonic()
            except Unreachable:
                if time.monotonic() - last_answer > _PATIENCE:
                    raise
    return current


def _one(answer: Any) -> Rebuild:
    found: Rebuild = answer
    return found


def _rounded(each: Rebuild) -> Rebuild:
    return each | {"live": f"{each['live']:.1f}", "rebuilt": f"{each['rebuilt']:.1f}"}
