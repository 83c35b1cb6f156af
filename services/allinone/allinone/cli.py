"""The `kizashi` command. Exit status: 0 done, 1 the answer is no, 2 wrong use, 3 something unreachable."""

from allinone.starting import interrupts_are_raised

# isort: split
import asyncio
import os
import sys
from collections.abc import Coroutine
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
import uvloop

from allinone.commands import doctor as doctors
from allinone.commands.calls import NotAllowed, Refused, Unreachable, call, server_client
from allinone.commands.output import complain, say, show, show_json
from allinone.composition import CONSOLE, SERVED, SERVICES, known_service
from allinone.data_folder import FolderInUse, FolderUnusable
from allinone.databases import opening_database
from allinone.demo.options import Options, parse_speed
from allinone.demo.tally import NotDone
from allinone.groups import GROUPS
from allinone.options import NO, UNREACHABLE, WRONG_USE, AsJson, Data, settings_of
from allinone.serve import serve_embedded, serve_one
from allinone.server import PortInUse
from cskit import migrate as migrations
from cskit.claims import Fenced, TopicRecreated
from cskit.db import DatabaseUnavailable
from cskit.errors import DomainError
from cskit.log import LogError
from cskit.observability import configure_logging
from cskit.platform import SchemaOutdated, check_exists, check_serves_all, check_serves_one, open_platform
from cskit.settings import SettingsError, TestHooks, read_test_hooks
from cskit.watchdog import Stuck

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)


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
    settings = settings_of(data)
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
    settings = settings_of()
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
    settings = settings_of(data)
    with server_client(settings, CONSOLE) as client:
        body = {"staff": staff, "role": role}
        print(call(client, "POST", "/v1/sign-in-links", json=body)["url"])  # the link alone, unstyled


@app.command()
def migrate(
    service: Annotated[str | None, typer.Argument(help="One service; all if left out.")] = None, data: Data = None
) -> None:
    """Bring the database of a service, or of all, to this version's schema."""
    settings = settings_of(data)
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
    service: Annotated[str | None, typer.Argument(help="The log and one service; all if left out.")] = None,
    resolve: Annotated[tuple[str, str] | None, typer.Option(help="GROUP TOPIC: say where the group reads on.")] = None,
    start: Annotated[str, typer.Option("--from", help="earliest, latest or an offset, with --resolve.")] = "",
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What is reachable, lag, migrations, and what to do about it."""
    settings = settings_of(data)
    if resolve is not None:
        if service is not None:
            raise typer.BadParameter("--resolve names a group; leave the service out")
        if not start:
            raise typer.BadParameter("--resolve needs --from earliest, latest or an offset")
        moved = _run(doctors.resolve(settings, _hooks(), *resolve, start))
        show(moved, ("group", "topic", "partition", "next"), as_json=as_json, empty="Nothing to move.")
        return
    if start:
        raise typer.BadParameter("--from belongs to --resolve GROUP TOPIC")
    names = SERVICES if service is None else (known_service(service),)
    findings = _run(doctors.examine(settings, _hooks(), names))
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
    settings = settings_of(data)
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


@app.command()
def backtest(
    first: Annotated[str | None, typer.Option("--from", help="First day, like 2026-01-31.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day.")] = None,
    scorecard: Annotated[Path | None, typer.Option(help="YAML of a scorecard; else the one that ships.")] = None,
    corrected: Annotated[
        bool,
        typer.Option(
            "--corrected/--as-known", help="By all that was learnt later; else by what was known at each moment."
        ),
    ] = False,
    horizon: Annotated[str, typer.Option(help="Leaving within so long is to be told.")] = "P60D",
    every: Annotated[str, typer.Option(help="How often everybody is scored.")] = "P14D",
    events: Annotated[
        Path | None, typer.Option(help="CSV or Parquet of account, time, name and, if known, person; needs no server.")
    ] = None,
    churn: Annotated[Path | None, typer.Option(help="CSV or Parquet of account, churned_on, if known mrr.")] = None,
    report: Annotated[Path | None, typer.Option(help="HTML file to write, with plots.")] = None,
    lang: Annotated[str | None, typer.Option(help="en or ja (KIZASHI_LOCALE).")] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Judge the score on the past: who left, and would it have told? Over the archive, or over files of your own."""
    from allinone.commands import backtest as backtests  # with it comes numpy, which no other command needs
    from scoring.backtest.result import as_json as as_document

    settings = settings_of(data)
    view: Literal["corrected", "as_known"] = "corrected" if corrected else "as_known"
    wanted = backtests.Wanted(first, last, scorecard, view, horizon, every, events, churn, report, lang)
    language = backtests.language_of(settings, lang)
    done = backtests.judge(settings, wanted, datetime.now(UTC))
    if as_json:
        show_json(as_document(done))
    else:
        backtests.tell(done, wanted, language)


@app.command()
def rebuild(
    yes: Annotated[bool, typer.Option("--yes", help="Swap without asking.")] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Give up the rebuild that is open.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Fold everything again from archive and log, show what differs, and swap it in on a yes. Status 1: not swapped."""
    from allinone.commands import rebuild as rebuilding

    settings = settings_of(data)
    if discard:
        gone = rebuilding.discard(settings)
        show_json(gone) if as_json else say(f"{gone['id']} discarded" if gone else "No rebuild is open.")
        return
    done = rebuilding.rebuild(settings, lambda found: yes or rebuilding.ask(found), quiet=as_json)
    if as_json:
        show_json(done)
    elif done["state"] == "swapped":
        say("Swapped. What moved is published with each account's next event, or within the hour.")
    if rebuilding.differs(done) and done["state"] != "swapped":
        raise typer.Exit(NO)


_UNREACHABLE = (Unreachable, LogError, DatabaseUnavailable)
_NO = (
    Refused,
    FolderInUse,
    FolderUnusable,
    PortInUse,
    SchemaOutdated,
    migrations.SchemaNewer,
    Fenced,
    Stuck,
    TopicRecreated,
    NotDone,
)


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
    except (DomainError, SettingsError, NotAllowed) as error:
        complain(str(error))
        sys.exit(WRONG_USE)
    except asyncio.CancelledError:
        sys.exit(NO)
