"""The commands that are about one kind of thing: keys, sources, dead letters, quarantine; scorecards are apart."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from allinone.commands import dead_letters, tails
from allinone.commands import keys as key_commands
from allinone.commands import quarantine as waiting
from allinone.commands import sources as source_commands
from allinone.commands.calls import Refused
from allinone.commands.output import complain, say, show, show_json
from allinone.options import NO, AsJson, Data, settings_of
from allinone.scorecards import scorecards_app

keys_app = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
dlq_app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be handled, with its reason.")
sources_app = typer.Typer(no_args_is_help=True, help="Sources of events: what is told of them, and their mappings.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Quarantine: events of users whose account is not known yet.")
GROUPS = {
    "keys": keys_app, "dlq": dlq_app, "sources": sources_app, "quarantine": quarantine_app,
    "scorecards": scorecards_app,
}  # fmt: skip


@keys_app.command("new")
def keys_new(
    name: str,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, write, configure, people, ingest, operate, admin.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Keys of one source share its event ids; NAME if left out. Each further --source is one that a "
            "request may choose by the header Kizashi-Source."
        ),
    ] = None,
    browser: Annotated[
        bool,
        typer.Option(
            "--browser",
            help="For web pages: it sends usage from each --origin and does nothing else. Whoever opens the page can "
            "read it, so give it a --rate and a --daily.",
        ),
    ] = False,
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Of pages that may send with a --browser key, like https://app.example.com."),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="How long it is valid, like P90D.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events per second; no limit if left out.")] = None,
    daily: Annotated[int | None, typer.Option(min=1, help="Events per UTC day; no quota if left out.")] = None,
    data: Data = None,
) -> None:
    """Make a key and print it, once, alone on standard output; on standard error, where it was written to."""
    origins = key_commands.pages_of(origin or [], browser=browser)
    settings = settings_of(data)
    place = key_commands.place_of(settings, data, os.environ)
    print(key_commands.make_key(settings, name, scope or [], source, expires, rate, daily, origins=origins))  # unstyled
    for line in place.told():
        complain(line)


@keys_app.command("list")
def keys_list(data: Data = None, as_json: AsJson = False) -> None:
    """All keys, without their secrets."""
    columns = ("id", "name", "scopes", "source", "origins", "created", "expires", "rate", "daily")
    show(
        key_commands.list_keys(settings_of(data)),
        columns,
        as_json=as_json,
        empty="No keys. Make one: kizashi keys new.",
    )


@keys_app.command("revoke")
def keys_revoke(name: str, data: Data = None) -> None:
    """Revoke the key of this id, or all of this name, at once."""
    say(f"{key_commands.revoke_key(settings_of(data), name)} revoked")


@sources_app.command("list")
def sources_list(data: Data = None, as_json: AsJson = False) -> None:
    """The sources of which something is told."""
    columns = ("name", "kind", "secrets", "mapping", "changed_at")
    found = source_commands.list_sources(settings_of(data))
    if as_json:
        show_json(found)
        return
    rows = [source_commands.as_row(each) for each in found]
    show(rows, columns, as_json=False, empty="Nothing is told of a source yet: PUT /v1/sources/NAME does.")


@sources_app.command("test")
def sources_test(
    file: Annotated[Path, typer.Argument(help="A body as the source sends it, JSON or XML.")],
    kind: Annotated[str | None, typer.Option(help="Kind of the source: stripe, zendesk, ...")] = None,
    mapping: Annotated[Path | None, typer.Option(help="Your mapping; else the one of the kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the events that a mapping makes of a body; needs no server. Status 1 if something is wrong."""
    tried = source_commands.try_mapping(file, mapping, kind)
    if as_json:
        show_json(tried)
    else:
        source_commands.tell(tried)
    if tried["problems"]:
        sys.exit(NO)


@sources_app.command("tail")
def sources_tail(
    name: str,
    lines: Annotated[int, typer.Option(min=1, max=100, help="Items to begin with.")] = 20,
    once: Annotated[bool, typer.Option("--once", help="Print what is there, and end.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What comes in from a source, a line an item, until interrupted; with --json a JSON document a line."""
    for item in tails.follow(settings_of(data), name, lines=lines, once=once):
        say(tails.as_json(item) if as_json else tails.as_line(item))


@dlq_app.command("list")
def dlq_list(
    service: Annotated[str | None, typer.Argument(help="One service; all if left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What could not be handled, the newest first."""
    letters = dead_letters.list_letters(settings_of(data), service, limit)
    columns = ("id", "at", "code", "reason", "replayed_at")
    show(letters, columns, as_json=as_json, empty="No dead letters.")


@dlq_app.command("show")
def dlq_show(letter: str, data: Data = None, as_json: AsJson = False) -> None:
    """One dead letter with its bytes."""
    found = dead_letters.show_letter(settings_of(data), letter)
    if as_json:
        show_json(found)
        return
    for name, value in found.items():
        say(f"{name}: {'' if value is None else value}")


@dlq_app.command("replay")
def dlq_replay(letters: list[str], data: Data = None, as_json: AsJson = False) -> None:
    """Append the original bytes of dead letters once more. One that is refused keeps nothing from the others."""
    done, refused = dead_letters.replay_letters(settings_of(data), letters)
    if done:
        show(done, ("id", "replayed_at"), as_json=as_json, empty="Nothing to replay.")
    _say_refused(refused)


Source = Annotated[str | None, typer.Option("--source", help="Only of this source.")]
User = Annotated[str | None, typer.Option("--user", help="Only of this client's user.")]


@quarantine_app.command("list")
def quarantine_list(
    source: Source = None,
    user: User = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """The events that wait, the oldest first."""
    events = waiting.list_events(settings_of(data), source, user, limit)
    columns = ("seq", "source", "user", "type", "id", "received")
    show(events, columns, as_json=as_json, empty="No event waits.")


@quarantine_app.command("show")
def quarantine_show(
    event: Annotated[int, typer.Argument(metavar="SEQ", min=1)], data: Data = None, as_json: AsJson = False
) -> None:
    """Why an event waits, since when, and the calls that would release it."""
    found = waiting.show_event(settings_of(data), event)
    if as_json:
        show_json(found)
        return
    for name, value in waiting.in_lines(found):
        say(f"{name}: {value}")


@quarantine_app.command("discard")
def quarantine_discard(
    events: Annotated[list[int] | None, typer.Argument(metavar="[SEQ]...", min=1)] = None,
    source: Source = None,
    user: User = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Discard events for good: those named by SEQ, or all of a source, of a user."""
    if bool(events) == (source is not None or user is not None):
        raise typer.BadParameter("name events by SEQ, or give --source, --user or both")
    settings = settings_of(data)
    refused: list[str] = []
    if events:
        gone, refused = waiting.discard_events(settings, events)
    else:
        gone = waiting.discard_all(settings, source, user)
    if gone or not refused:
        if as_json:
            show_json({"discarded": gone})
        else:
            say(f"{gone} discarded")
    _say_refused(refused)


def _say_refused(refused: Sequence[str]) -> None:
    """Raises Refused if there are any, with the reason of each."""
    if refused:
        raise Refused("\n".join(refused))
