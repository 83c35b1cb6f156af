"""kizashi scorecards: the command group. What its commands do is in commands.scorecards."""

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final

import typer

from allinone.commands.output import complain, say, show, show_json
from allinone.options import NO, AsJson, Data, settings_of

scorecards_app = typer.Typer(no_args_is_help=True, help="Scorecards: check, compare, apply, roll back.")

File = Annotated[Path, typer.Argument(help="A scorecard, YAML or JSON.")]
Note = Annotated[str | None, typer.Option("--note", help="Why, for the history.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Wait = Annotated[bool, typer.Option("--wait", help="Until every account is scored by it.")]
_HISTORY: Final = ("number", "at", "kind", "name", "actor", "in_force", "note")

# With commands.scorecards come the scorecards themselves, so each command imports it when it is called.


@scorecards_app.command("validate")
def validate(file: File, as_json: AsJson = False) -> None:
    """Whether FILE is a scorecard; needs no server. Status 1, with line and column, if something is wrong."""
    from allinone.commands import scorecards

    found = scorecards.validate(file)
    if as_json:
        show_json(found)
    else:
        scorecards.tell_mistakes(found)
    if not found["valid"]:
        sys.exit(NO)


@scorecards_app.command("diff")
def diff(
    file: File,
    max_accounts: Annotated[int | None, typer.Option(min=0, help="Status 1 if more change band.")] = None,
    max_mrr: Annotated[str | None, typer.Option(metavar="AMOUNT", help="Status 1 if more MRR changes band.")] = None,
    max_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Status 1 if a larger share of accounts changes band.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Who would change band under FILE, and how much MRR that is, by today's facts. Nothing is changed."""
    from allinone.commands import scorecards

    limits = scorecards.Limits(max_accounts, _amount(max_mrr), max_share)
    found = scorecards.difference(settings_of(data), file)
    exceeded = scorecards.beyond(found, limits)
    if as_json:
        show_json({**found, "exceeded": exceeded})
    else:
        scorecards.tell_difference(found)
    for each in exceeded:
        complain(each)
    if exceeded:
        sys.exit(NO)


@scorecards_app.command("apply")
def apply(
    file: File, yes: Yes = False, wait: Wait = False, note: Note = None, data: Data = None, as_json: AsJson = False
) -> None:
    """Store FILE as the next version of its scorecard and put it in force. Asks, unless --yes is given."""
    from allinone.commands import scorecards

    settings = settings_of(data)
    stored = scorecards.store(settings, file, note)
    if not as_json:
        scorecards.tell_stored(stored)
    _ask(f"Score all accounts by {stored['name']}?", yes)
    applied = scorecards.put_in_force(settings, stored["name"], note)
    if wait:
        scorecards.wait(settings, applied["name"])
        applied = {**applied, "folded": True}
    if as_json:
        show_json({**applied, "stored": stored["new"], "changes": stored["changes"]})
    else:
        scorecards.tell_applied(applied)


@scorecards_app.command("rollback")
def rollback(
    scorecard: Annotated[str, typer.Argument(metavar="ID", help="Of the scorecard, like default.")],
    to: Annotated[int | None, typer.Option("--to", min=1, help="The version; the one before if left out.")] = None,
    yes: Yes = False,
    wait: Wait = False,
    note: Note = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Put back in force what was before, or a version that was. Asks, unless --yes is given."""
    from allinone.commands import scorecards

    settings = settings_of(data)
    _ask(f"Put {'what was before' if to is None else f'version {to}'} of {scorecard} back in force?", yes)
    applied = scorecards.roll_back(settings, scorecard, to, note)
    if wait:
        scorecards.wait(settings, applied["name"])
        applied = {**applied, "folded": True}
    if as_json:
        show_json(applied)
    else:
        scorecards.tell_applied(applied)


@scorecards_app.command("history")
def history(
    scorecard: Annotated[str | None, typer.Argument(metavar="[ID]", help="Of one scorecard; all if left out.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """What was put in force, when and by whom, the newest first."""
    from allinone.commands import scorecards

    done = scorecards.history(settings_of(data), scorecard, limit)
    if as_json:
        show_json(done)
    else:
        nothing = f"No scorecard “{scorecard}” was put in force yet." if scorecard else "Nothing was put in force yet."
        show(scorecards.in_rows(done), _HISTORY, as_json=False, empty=nothing)


def _ask(question: str, yes: bool) -> None:
    """Go on after a yes only. Without a terminal nobody can be asked: then --yes is needed."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: give --yes")
    if not typer.confirm(question):
        say("Nothing is scored otherwise than before.")
        sys.exit(NO)


def _amount(text: str | None) -> Decimal | None:
    try:
        amount = None if text is None else Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise typer.BadParameter("--max-mrr is an amount of at least 0, like 250000")
    return amount
