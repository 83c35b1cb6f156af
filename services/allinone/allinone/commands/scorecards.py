"""kizashi scorecards: versions of what makes a score; all but validate over HTTP."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from allinone.commands.calls import Refused, Unreachable, call, said, server_client
from allinone.commands.output import complain, say, show
from cskit.errors import Invalid
from cskit.settings import Settings
from scoring.documents import read_scorecard
from scoring.scorecards.reading import MisplacedDocument

SERVICE: Final = "scoring"
_PATH: Final = "/v1/scorecards"
_NDJSON: Final = {"accept": "application/x-ndjson"}
_PATIENCE: Final = httpx.Timeout(30, read=120)  # a lot may take a while on a busy server
_LOOK_EVERY: Final = 0.2  # seconds
_WAIT: Final = 600.0  # seconds until --wait gives up
_LISTED: Final = 50  # accounts that are printed; with --json all are
_COLUMNS: Final = ("account", "name", "from", "to", "score", "mrr", "owner")

Advancing = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a diff may come to: accounts that change band, their MRR, and their share of all accounts (0 to 1)."""

    accounts: int | None = None
    mrr: Decimal | None = None
    share: float | None = None


def text_of(file: Path) -> str:
    """The text of a file. Invalid if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("unreadable_file", f"{file} cannot be read: {error}.", field="file") from None


def validate(file: Path) -> dict[str, Any]:
    """Whether a file is a scorecard, and what is wrong where; needs no server."""
    text = text_of(file)
    try:
        _, card = read_scorecard(text)
    except MisplacedDocument as error:
        mistake = {
            "line": error.line,
            "column": error.column,
            "field": error.where,
            "message": f"{error.what}. {error.remedy}",
        }
        return {"file": str(file), "valid": False, "scorecard": None, "mistakes": [mistake]}
    return {"file": str(file), "valid": True, "scorecard": card.id, "mistakes": []}


def tell_mistakes(found: Mapping[str, Any]) -> None:
    """Each mistake as a line that editors can jump to; or that all is well."""
    if found["valid"]:
        say(f"{found['file']}: the scorecard {found['scorecard']} is valid.")
    for each in found["mistakes"]:
        field = f"{each['field']}: " if each["field"] else ""
        complain(f"{found['file']}:{each['line']}:{each['column']}: {field}{each['message']}")


def store(settings: Settings, file: Path, note: str | None) -> dict[str, Any]:
    """Store the document; the version it is."""
    params = {"note": note} if note else {}
    with _about(file), server_client(settings, SERVICE) as client:
        stored: dict[str, Any] = call(client, "POST", _PATH, content=text_of(file).encode(), params=params)
    return stored


def put_in_force(settings: Settings, name: str, note: str | None) -> dict[str, Any]:
    """Apply a version. It may count names for key features first, so the answer has time."""
    with server_client(settings, SERVICE) as client:
        path = f"{_PATH}/{quote(name, safe='@')}/apply"
        applied: dict[str, Any] = call(client, "POST", path, json={"note": note}, timeout=_PATIENCE)
    return applied


def roll_back(settings: Settings, scorecard: str, to: int | None, note: str | None) -> dict[str, Any]:
    """Put back in force what was before, or a version."""
    with server_client(settings, SERVICE) as client:
        path = f"{_PATH}/{quote(scorecard, safe='@')}/rollback"
        applied: dict[str, Any] = call(client, "POST", path, json={"to": to, "note": note}, timeout=_PATIENCE)
    return applied


def wait(settings: Settings, name: str) -> None:
    """Wait until every partition has folded that this version is in force. Refused if another one is meanwhile."""
    deadline = time.monotonic() + _WAIT
    with server_client(settings, SERVICE) as client, _progress("partitions") as advance:
        while True:
            found = call(client, "GET", f"{_PATH}/{quote(name, safe='@')}")
            advance(found["partitions"], found["of_partitions"])
            if found["partitions"] == found["of_partitions"]:
                return
            if not found["in_force"]:
                raise Refused(f"{name} is not in force any more: something else was applied meanwhile.")
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"After {_WAIT:.0f} s {found['partitions']} of {found['of_partitions']} partitions use {name}. It "
                    "goes on by itself; kizashi doctor tells what is behind."
                )
            time.sleep(_LOOK_EVERY)


def history(settings: Settings, scorecard: str | None, limit: int) -> list[dict[str, Any]]:
    """What was applied, the newest first."""
    asked = {"limit": limit, **({"scorecard": scorecard} if scorecard else {})}
    with server_client(settings, SERVICE) as client:
        done: list[dict[str, Any]] = call(client, "GET", f"{_PATH}/history", params=asked)["items"]
    return done


def difference(settings: Settings, file: Path) -> dict[str, Any]:
    """What the file would change: totals, and `items`, the accounts that change band."""
    items: list[dict[str, Any]] = []
    totals: dict[str, Any] | None = None
    with _about(file), server_client(settings, SERVICE) as client, _progress("accounts") as advance:
        for line in _lines(client, text_of(file)):
            if "progress" in line:
                advance(line["progress"]["done"], line["progress"]["of"])
            elif "totals" in line:
                totals = line["totals"]
            else:
                items.append(line)
    if totals is None:
        raise Unreachable("The server broke off the comparison. Look at its log, and try again.")
    return {**totals, "items": items}


@contextmanager
def _about(file: Path) -> Iterator[None]:
    """What the server refuses is told with the file that it is about."""
    try:
        yield
    except Refused as error:
        raise Refused(f"{file}: {error}") from error


def _lines(client: httpx.Client, document: str) -> Iterator[dict[str, Any]]:
    try:
        path = f"{_PATH}/diff"
        with client.stream("POST", path, content=document.encode(), headers=_NDJSON, timeout=_PATIENCE) as answer:
            if answer.is_error:
                answer.read()
                said(answer)
            for line in answer.iter_lines():
                yield json.loads(line)
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        raise Unreachable(f"{client.base_url} does not answer: {error}. Is the server running?") from error


def beyond(found: Mapping[str, Any], limits: Limits) -> list[str]:
    """Which limits a difference exceeds, a sentence each."""
    told = []
    if limits.accounts is not None and found["changing"] > limits.accounts:
        told.append(f"{found['changing']} accounts change band; --max-accounts allows {limits.accounts}.")
    if limits.mrr is not None and Decimal(found["changing_mrr"]) > limits.mrr:
        told.append(f"MRR of {found['changing_mrr']} changes band; --max-mrr allows {limits.mrr}.")
    if limits.share is not None and found["share"] > limits.share:
        told.append(f"{found['share']:.1%} of the accounts change band; --max-share allows {limits.share:.1%}.")
    return told


def tell_difference(found: Mapping[str, Any]) -> None:
    """Totals, moves between bands, and the accounts with the most MRR first."""
    say(f"{found['name']} against what is in force, {found['accounts']} accounts, by today's facts:")
    say(f"  {found['rescored']} get another score, {found['changing']} change band ({found['share']:.1%}),")
    say(f"  with an MRR of {found['changing_mrr']} of {found['mrr']}.")
    if found["unpriced"]:
        say(f"  Of {found['unpriced']} that change band no MRR is known.")
    if found["key_features"]:
        say(f"  Key features would be {', '.join(found['key_features'])}.")
    if found["moves"]:
        show(found["moves"], ("from_band", "to_band", "accounts", "mrr"), as_json=False, empty="")
        rows = sorted(found["items"], key=lambda each: (-Decimal(each["mrr"] or 0), each["account"]))
        show([_row(each) for each in rows[:_LISTED]], _COLUMNS, as_json=False, empty="")
        if len(rows) > _LISTED:
            say(f"... and {len(rows) - _LISTED} more; --json tells all.")


def tell_applied(applied: Mapping[str, Any]) -> None:
    """What is in force now."""
    if not applied["changed"]:
        say(f"{applied['name']} is in force already.")
        return
    if applied["key_features"]:
        say(f"Key features, as used most: {', '.join(applied['key_features'])}.")
    state = (
        "all accounts that it counts for are scored by it" if applied["folded"] else "accounts follow within seconds"
    )
    say(f"{applied['name']} is in force; {state}. In force: {', '.join(applied['in_force'])}.")


def tell_stored(stored: Mapping[str, Any]) -> None:
    """The version, and what is new in it."""
    if not stored["new"]:
        say(f"{stored['name']} is this document.")
        return
    say(f"{stored['name']} is stored ({stored['sha256'][:12]}).")
    for each in stored["changes"] if stored["version"] > 1 else ():
        say(f"  {each['field']}: {_shown(each['before'])} -> {_shown(each['after'])}")


def _row(each: Mapping[str, Any]) -> dict[str, Any]:
    before, after = each["before"], each["after"]
    return {
        **each,
        "from": before["band"],
        "to": after["band"],
        "score": f"{before['score']:.1f} -> {after['score']:.1f}",
    }


def _shown(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


@contextmanager
def _progress(unit: str) -> Iterator[Advancing]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(unit, total=None)
        yield lambda done, of: bars.update(bar, completed=done, total=of)


def in_rows(done: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Applications with what was in force as one text."""
    return [{**each, "in_force": ", ".join(each["in_force"])} for each in done]
