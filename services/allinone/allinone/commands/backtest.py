"""`kizashi backtest`: the live score over past events, judged by who left."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from allinone.commands.calls import Refused, Unreachable
from allinone.commands.output import complain, say, show
from allinone.commands.progress import progress
from cskit.errors import Invalid
from cskit.platform import open_platform
from cskit.settings import Settings
from scoring.archive.files import ArchiveDamaged
from scoring.archive.place import ArchiveRoot, ArchiveUnreachable
from scoring.backtest import archived
from scoring.backtest.findings import JUDGES, RIVALS, judged
from scoring.backtest.grid import Grid, closing_of, days_of
from scoring.backtest.plain import BadFile, EventLog, read_churn, read_events
from scoring.backtest.report import cautions, headlines, rendered, shown
from scoring.backtest.result import Backtest
from scoring.backtest.running import YOUNG_DAYS, Asked, counting_day, draw, with_features
from scoring.backtest.sample import Drawn
from scoring.backtest.walking import View
from scoring.backtest.words import LANGUAGES, Language
from scoring.documents import read_scorecard
from scoring.domain.calendar import ONE_DAY, local_day
from scoring.domain.document import InvalidDocument
from scoring.domain.money import Rates
from scoring.domain.scorecard import Scorecard
from scoring.scorecards import built_in

_READING: Final = "rows read"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line says."""

    first: str | None
    last: str | None
    scorecard: Path | None
    view: View
    horizon: str
    every: str
    events: Path | None
    churn: Path | None
    report: Path | None
    language: str | None


def judge(settings: Settings, wanted: Wanted, now: datetime) -> Backtest:
    """Look back; the report is written if one is wanted. Invalid for what cannot be asked or read."""
    zone = ZoneInfo(settings.time_zone)
    card = _scorecard(wanted.scorecard)
    asking = _Asking(
        _day(wanted.first, "from"), _day(wanted.last, "to"), _days(wanted.every), _days(wanted.horizon), zone
    )
    if (wanted.events is None) != (wanted.churn is None):
        raise Invalid("events_and_churn", "--events and --churn go together: name both files.", field="events")
    if wanted.report is not None and not wanted.report.parent.is_dir():  # said before minutes of work, not after them
        raise Invalid("bad_file", f"{wanted.report} cannot be written: there is no such folder.", field="report")
    try:
        if wanted.events is not None and wanted.churn is not None:
            done = _of_files(wanted.events, wanted.churn, settings, wanted, asking, card, now)
        else:
            done = _of_archive(settings, wanted, asking, card)
    except BadFile as error:
        raise Invalid("bad_file", str(error), field="events") from error
    if wanted.report is not None:
        _write(wanted.report, rendered(done, language_of(settings, wanted.language)))
    return done


def tell(done: Backtest, wanted: Wanted, language: Language) -> None:
    """The sentences and the figures for people."""
    found = done.findings
    for line in [*headlines(done, language), *cautions(done, language)]:
        say(line)
    rows: list[Mapping[str, Any]] = []
    for name, figures in (("AUC", found.auc), ("PR-AUC", found.pr_auc), ("lift, top tenth", found.lift)):
        rows.append({"figure": name, **{judge_: shown(figures[judge_]) for judge_ in JUDGES}})
    rows.append({"figure": "AUC gained over", **{rival: shown(found.gain[rival]) for rival in RIVALS}})
    rows.append({"figure": "Brier", "score": shown(found.brier["score"], 3)})
    rows.append({"figure": "Brier, base rate", "score": shown(found.brier["base_rate"], 3)})
    for name, lead in found.lead.items():
        rows.append({"figure": f"{name}: share warned", "score": shown(lead.warned)})
        rows.append({"figure": f"{name}: median days", "score": shown(lead.days, 0)})
    rows.append({"figure": "churned revenue green", "score": shown(found.unseen.share)})
    show(rows, ("figure", *JUDGES), as_json=False, empty="")
    drawn = done.drawn
    say(
        f"{done.asked.card.name}, {done.asked.view}: {found.rows} rows of {found.accounts} accounts at "
        f"{len(drawn.moments)} moments, {found.positives} of them before the churn of {found.departures} accounts. "
        f"[low, high]: 95 % of {found.resamples} draws of accounts. Not in the sample: unknown yet "
        f"{drawn.left_out.unknown}, known for less than {YOUNG_DAYS} days {drawn.left_out.young}, gone "
        f"{drawn.left_out.gone}. Moments whose horizon ends after {done.asked.observed_until}, used only for the lead "
        f"time and the green revenue of those who left: {len(drawn.censored)}."
    )
    if wanted.report is not None:
        say(f"Report: {wanted.report}")


def language_of(settings: Settings, wanted: str | None) -> Language:
    """The language that was asked for, else that of KIZASHI_LOCALE, else English. Invalid for any other."""
    if wanted is None:
        return settings.locale
    for known in LANGUAGES:
        if wanted == known:
            return known
    raise Invalid("unknown_language", f"--lang is one of {', '.join(LANGUAGES)}, not “{wanted}”.", field="lang")


@dataclass(frozen=True, slots=True)
class _Asking:
    """The grid as it was asked for; its ends may be left to the data."""

    first: date | None
    last: date | None
    every: int
    horizon: int
    zone: ZoneInfo

    def over(self, known_since: date, known_until: date) -> Grid:
        """The grid; without a first day it begins when accounts can be judged, without a last one where data end."""
        first = self.first or known_since + timedelta(days=YOUNG_DAYS)
        last = self.last or known_until
        if last < first:
            raise Invalid(
                "empty_span",
                f"There is no day from {first} to {last}: accounts are judged from {YOUNG_DAYS} days after the first "
                f"event ({known_since}) to the end of the data ({known_until}). Name other days, or give more past.",
                field="to",
            )
        return Grid(first, last, self.every, self.horizon, self.zone)


def _of_files(
    events: Path, churn: Path, settings: Settings, wanted: Wanted, asking: _Asking, card: Scorecard, now: datetime
) -> Backtest:
    zone = asking.zone
    table = read_churn(churn, zone)
    with progress(_lines(events), _READING) as advance:
        log = read_events(events, zone, now, advance)
    _tell_problems(events, log)
    since, until = (local_day(moment, zone) for moment in log.span())
    grid = asking.over(since, until)
    left = [day for day in table.churned_on.values() if day <= local_day(now, zone)]
    observed = max([until, *left])
    counted = log.counts(closing_of(counting_day(grid.first, since), zone))
    asked = Asked(with_features(card, counted), grid, wanted.view, Rates(settings.currency), until, observed)
    with progress(len(log), "events") as advance:
        drawn = draw(log.pasts(table, zone), asked, advance)
    known = set(log.accounts)
    return _done(asked, drawn, len(log), log.refused, sum(account not in known for account in table.churned_on))


def _of_archive(settings: Settings, wanted: Wanted, asking: _Asking, card: Scorecard) -> Backtest:
    if asking.first is None or asking.last is None:
        raise Invalid("missing_span", "Name the days with --from and --to, such as --from 2026-01-01.", field="from")
    address = open_platform(settings).archive
    if address is None:
        raise Invalid(
            "no_archive",
            "There is no archive to read: set KIZASHI_ARCHIVE, or name --events FILE and --churn FILE.",
            field="events",
        )
    root = ArchiveRoot.of(settings, address)
    try:
        there = archived.extent(root)
        if there.until is None:
            raise Invalid(
                "empty_archive",
                f"The archive {address} holds nothing yet. Events get there within a quarter of an hour; or name "
                "--events FILE and --churn FILE.",
                field="events",
            )
        if there.missing:
            complain(
                f"The archive {address} has no file of partition {', '.join(map(str, there.missing))}. If the "
                "installation is older than an hour, files are gone, and their customers are not in these figures; see "
                "kizashi doctor."
            )
        until = local_day(there.until, asking.zone) - ONE_DAY  # the last day is not over
        grid = asking.over(asking.first, until)
        if not card.actions.key_features:
            card = with_features(card, archived.counts(root, closing_of(grid.first, asking.zone)))
        asked = Asked(card, grid, wanted.view, Rates(settings.currency), until, until)
        with progress(there.records, "records") as advance:
            drawn = draw(archived.pasts(root), asked, advance)
    except ArchiveUnreachable as error:
        raise Unreachable(str(error)) from error
    except ArchiveDamaged as error:
        raise Refused(str(error)) from error
    return _done(asked, drawn, there.records)


def _done(asked: Asked, drawn: Drawn, events: int, refused: int = 0, unseen_churn: int = 0) -> Backtest:
    if not drawn.sample.complete.any():
        out = drawn.left_out
        remedy = "Name other days, or a shorter --horizon."
        if asked.view == "as_known" and out.unknown and not (out.young or out.gone):
            remedy = "History that was imported later was not known then: --corrected judges it as it was."
        raise Invalid(
            "empty_sample",
            f"No account can be judged: of {drawn.accounts} accounts at {len(drawn.moments)} moments from "
            f"{asked.grid.first} to {asked.grid.last}, {out.unknown} times nothing was known yet, {out.young} times "
            f"for less than {YOUNG_DAYS} days, and {out.gone} times the account was gone; {len(drawn.censored)} "
            f"moments have a horizon that ends after {asked.observed_until}. {remedy}",
            field="from",
        )
    return Backtest(asked, drawn, judged(drawn.sample), events, refused, unseen_churn)


def _tell_problems(path: Path, log: EventLog) -> None:
    for line, what in log.problems:
        complain(f"{path}, line {line}: {what}. This row is left out.")
    if log.refused > len(log.problems):
        complain(f"{log.refused - len(log.problems)} more rows are left out.")


def _scorecard(path: Path | None) -> Scorecard:
    if path is None:
        return built_in()[0]
    try:
        return read_scorecard(path.read_text(encoding="utf-8-sig"))[1]
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("bad_file", f"{path} cannot be read: {error}.", field="scorecard") from error
    except InvalidDocument as error:
        raise Invalid("bad_scorecard", f"{path}: {error}", field="scorecard") from error


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("invalid_day", f"--{option} “{text}” should be a day such as 2026-01-31.", field=option) from None


def _days(text: str) -> int:
    try:
        return days_of(text)
    except ValueError as error:
        raise Invalid("invalid_duration", str(error), field="horizon") from None


def _lines(path: Path) -> int:
    """About how many rows a file has, for the bar; 0 if it is unknown."""
    try:
        with path.open("rb") as file:
            start = file.read(1 << 16)
    except OSError:
        return 0  # whoever reads it says why
    if start.startswith(b"PAR1") or not start.count(b"\n"):
        return 0
    return int(path.stat().st_size / (len(start) / start.count(b"\n")))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid("bad_file", f"{path} cannot be written: {error.strerror}.", field="report") from error
