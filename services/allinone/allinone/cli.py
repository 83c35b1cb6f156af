"""The `kizashi` command. Exit status: 0 done, 1 the answer is no, 2 wrong use, 3 something unreachable."""

from allinone.starting import interrupts_are_raised

# isort: split
import asyncio
import os
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import uvloop

from allinone.commands import dead_letters, tails
from allinone.commands import doctor as doctors
from allinone.commands import keys as key_commands
from allinone.commands import quarantine as waiting
from allinone.commands import sources as source_commands
from allinone.commands.calls import Refused, Unreachable, call, server_client
from allinone.commands.output import complain, say, show, show_json
from allinone.composition import CONSOLE, SERVED, SERVICES, known_service
from allinone.data_folder import FolderInUse, FolderUnusable
from allinone.databases import opening_database
from allinone.demo.options import Options, parse_speed
from allinone.demo.tally import NotDone
from allinone.serve import serve_embedded, serve_one
from allinone.server import PortInUse
from cskit import migrate as migrations
from cskit.claims import Fenced, TopicRecreated
from cskit.db import DatabaseUnavailable
from cskit.errors import DomainError
from cskit.log import LogError
from cskit.observability import configure_logging
from cskit.platform import SchemaOutdated, check_exists, check_serves_all, check_serves_one, open_platform
from cskit.runner import Stuck
from cskit.settings import Settings, SettingsError, TestHooks, read_settings, read_test_hooks

DONE, NO, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
keys_app = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")
dlq_app = typer.Typer(no_args_is_help=True, help="Dead letters: what could not be handled, with its reason.")
app.add_typer(keys_app, name="keys")
app.add_typer(dlq_app, name="dlq")
sources_app = typer.Typer(no_args_is_help=True, help="Sources of events: what is told of them, and their mappings.")
app.add_typer(sources_app, name="sources")
quarantine_app = typer.Typer(no_args_is_help=True, help="Quarantine: events of users whose account is not known yet.")
app.add_typer(quarantine_app, name="quarantine")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder (KIZASHI_DATA, ./kizashi-data).")]


def _settings(data: Path | None = None) -> Settings:
    settings = read_settings(os.environ)
    return settings if data is None else settings.model_copy(update={"data": data})


def _hooks() -> TestHooks:
    return read_test_hooks(os.environ)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(work)


@app.callback()
def _every_command() -> None:
    """Kizashi: customer success, live."""
    configure_logging(level="ERROR")  # commands speak for themselves; `serve` logs more


@app.command()
def serve(
    service: Annotated[
        str | None, typer.Argument(help="One service, clustered; all in one process if left out.")
    ] = None,
    data: Data = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 8000,
) -> None:
    """Serve everything in one process, or one replica of SERVICE on Kafka and PostgreSQL."""
    configure_logging()
    settings = _settings(data)
    if service is None:
        check_serves_all(settings)
        _run(serve_embedded(settings, _hooks(), host, port))
        return
    known_service(service, SERVED)
    check_serves_one(settings, service)
    _run(serve_one(settings, _hooks(), service, host, port))


@app.command()
def demo(
    accounts: Annotated[int | None, typer.Option(min=1, max=700, help="Customers (200).")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=390, help="Days of history (120).")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed makes another world (1).")] = None,
    speed: Annotated[str | None, typer.Option(help="World time per second: 30m/s, 1h/s, 6h/s, 1d/s (1h/s).")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 8000,
    data: Annotated[
        Path | None, typer.Option(help="Folder to go on with, or to make; else ./kizashi-demo is made anew.")
    ] = None,
    live: Annotated[bool, typer.Option("--live/--no-live", help="Let time pass after the history.")] = True,
    exit_after: Annotated[
        float | None, typer.Option(min=0, help="End by itself, this many seconds after the history.")
    ] = None,
) -> None:
    """Watch a made-up company: everything embedded, four months of history, then an hour a second."""
    # Its lines are for whoever watches: of the log, only what went wrong stands between them.
    configure_logging(level="WARNING")
    settings = _settings()
    check_serves_all(settings)
    options = Options(
        folder=data,
        accounts=accounts,
        days=days,
        seed=seed,
        speed=parse_speed(speed) if speed is not None else None,
        port=port,
        live=live,
        exit_after=exit_after,
    )
    from allinone.demo.command import demonstrate  # with it come the world and the SDK, which no other command needs

    _run(demonstrate(options, settings, _hooks()))


@app.command("sign-in")
def sign_in(
    staff: Annotated[str | None, typer.Option(help="Staff id of whom it is for.")] = None,
    role: Annotated[str, typer.Option(help="csm, leader, operator or read_only.")] = "operator",
    data: Data = None,
) -> None:
    """Print a link that signs a person in to the console; it works for a day."""
    settings = _settings(data)
    with server_client(settings, CONSOLE) as client:
        body = {"staff": staff, "role": role}
        print(call(client, "POST", "/v1/sign-in-links", json=body)["url"])  # the link alone, unstyled


@app.command()
def migrate(
    service: Annotated[str | None, typer.Argument(help="One service; all if left out.")] = None, data: Data = None
) -> None:
    """Bring the database of a service, or of all, to this version's schema."""
    settings = _settings(data)
    names = SERVICES if service is None else (known_service(service),)
    check_exists(settings)

    async def work() -> None:
        platform = open_platform(settings, hooks=_hooks())
        try:
            for name in names:
                with opening_database(name):
                    done = await migrations.upgrade(platform.database(name), name)
                say(f"{name}: revision {done.current}")
        finally:
            await platform.close()

    _run(work())


@app.command()
def doctor(
    resolve: Annotated[tuple[str, str] | None, typer.Option(help="GROUP TOPIC: say where the group reads on.")] = None,
    start: Annotated[str, typer.Option("--from", help="earliest, latest or an offset, with --resolve.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What is reachable, lag, migrations, and what to do about it."""
    settings = _settings(data)
    if resolve is not None:
        if not start:
            raise typer.BadParameter("--resolve needs --from earliest, latest or an offset")
        moved = _run(doctors.resolve(settings, _hooks(), *resolve, start))
        show(moved, ("group", "topic", "partition", "next"), as_json=as_json, empty="Nothing to move.")
        return
    findings = _run(doctors.examine(settings, _hooks()))
    show(findings, ("what", "state", "advice"), as_json=as_json, empty="Nothing to look at.")
    if not doctors.all_well(findings):
        raise typer.Exit(NO)


@app.command("import")
def import_file(
    kind: Annotated[str, typer.Argument(help="accounts, contacts, contracts, tickets or usage.")],
    file: Annotated[Path, typer.Argument(help="CSV (UTF-8 or Shift_JIS) or Excel; the first row holds the headers.")],
    map_file: Annotated[
        Path | None, typer.Option("--map", help="YAML {columns: {our field: header}} instead of the guess.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the first rows as events, and every problem.")
    ] = False,
    mode: Annotated[
        str | None, typer.Option("--as", help="backfill or live; if left out, by what came before.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Source of the rows (import); contacts share user ids with theirs.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Import a file of accounts, contacts, contracts, tickets or usage; repeated, it goes on where it stopped."""
    from allinone.commands import imports  # with it comes what reads Excel, which no other command needs

    if mode not in (None, "backfill", "live"):
        raise typer.BadParameter("--as is backfill or live")
    settings = _settings(data)
    asked = imports.Asked(imports.known_kind(kind), file, map_file, mode, source)
    try:
        outcome = (imports.dry_run if dry_run else imports.take)(settings, asked)
    except KeyboardInterrupt:
        complain("Stopped. The same command goes on from the last row that was answered for.")
        raise typer.Exit(NO) from None
    if as_json:
        show_json(asdict(outcome))
    else:
        imports.tell(asked, outcome, dry_run=dry_run)
    if outcome.refused:
        raise typer.Exit(NO)


@keys_app.command("new")
def keys_new(
    name: str,
    scope: Annotated[list[str], typer.Option(help="read, write, configure, people, ingest, operate, admin.")],
    source: Annotated[
        str | None, typer.Option(help="Keys of one source share its event ids; NAME if left out.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="How long it is valid, like P90D.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events per second; no limit if left out.")] = None,
    daily: Annotated[int | None, typer.Option(min=1, help="Events per UTC day; no quota if left out.")] = None,
    data: Data = None,
) -> None:
    """Make a key and print it, once, alone on standard output."""
    key = key_commands.make_key(_settings(data), name, scope, source, expires, rate, daily)
    print(key)  # the key alone, unstyled


@keys_app.command("list")
def keys_list(data: Data = None, as_json: AsJson = False) -> None:
    """All keys, without their secrets."""
    columns = ("id", "name", "scopes", "source", "created", "expires", "rate", "daily")
    show(
        key_commands.list_keys(_settings(data)), columns, as_json=as_json, empty="No keys. Make one: kizashi keys new."
    )


@keys_app.command("revoke")
def keys_revoke(name: str, data: Data = None) -> None:
    """Revoke the key of this id, or all of this name, at once."""
    say(f"{key_commands.revoke_key(_settings(data), name)} revoked")


@sources_app.command("list")
def sources_list(data: Data = None, as_json: AsJson = False) -> None:
    """The sources of which something is told."""
    columns = ("name", "kind", "secrets", "mapping", "changed_at")
    found = source_commands.list_sources(_settings(data))
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
    for item in tails.follow(_settings(data), name, lines=lines, once=once):
        say(tails.as_json(item) if as_json else tails.as_line(item))


@dlq_app.command("list")
def dlq_list(
    service: Annotated[str | None, typer.Argument(help="One service; all if left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What could not be handled, the newest first."""
    letters = dead_letters.list_letters(_settings(data), service, limit)
    columns = ("id", "at", "code", "reason", "replayed_at")
    show(letters, columns, as_json=as_json, empty="No dead letters.")


@dlq_app.command("show")
def dlq_show(letter: str, data: Data = None, as_json: AsJson = False) -> None:
    """One dead letter with its bytes."""
    found = dead_letters.show_letter(_settings(data), letter)
    if as_json:
        show_json(found)
        return
    for name, value in found.items():
        say(f"{name}: {'' if value is None else value}")


@dlq_app.command("replay")
def dlq_replay(letters: list[str], data: Data = None, as_json: AsJson = False) -> None:
    """Append the original bytes of dead letters once more."""
    done = dead_letters.replay_letters(_settings(data), letters)
    show(done, ("id", "replayed_at"), as_json=as_json, empty="Nothing to replay.")


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
    events = waiting.list_events(_settings(data), source, user, limit)
    columns = ("seq", "source", "user", "type", "id", "received")
    show(events, columns, as_json=as_json, empty="No event waits.")


@quarantine_app.command("show")
def quarantine_show(
    event: Annotated[int, typer.Argument(metavar="SEQ", min=1)], data: Data = None, as_json: AsJson = False
) -> None:
    """Why an event waits, since when, and the calls that would release it."""
    found = waiting.show_event(_settings(data), event)
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
    settings = _settings(data)
    gone = waiting.discard_events(settings, events) if events else waiting.discard_all(settings, source, user)
    if as_json:
        show_json({"discarded": gone})
    else:
        say(f"{gone} discarded")


_UNREACHABLE = (Unreachable, LogError, DatabaseUnavailable)
_NO = (Refused, FolderInUse, FolderUnusable, PortInUse, SchemaOutdated, Fenced, Stuck, TopicRecreated, NotDone)


def main() -> None:
    """Run the command; errors are sentences that say what, where and what to do."""
    interrupts_are_raised()
    try:
        app(standalone_mode=True)
    except _UNREACHABLE as error:
        complain(str(error))
        sys.exit(UNREACHABLE)
    except _NO as error:
        complain(str(error))
        sys.exit(NO)
    except (DomainError, SettingsError) as error:
        complain(str(error))
        sys.exit(WRONG_USE)
    except asyncio.CancelledError:
        sys.exit(NO)
