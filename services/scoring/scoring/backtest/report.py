"""A backtest as one HTML page: no script, no font, nothing from a network."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from scoring.backtest import charts
from scoring.backtest.charts import Plot
from scoring.backtest.findings import FEW, JUDGES, RIVALS, Findings, Judge
from scoring.backtest.resampling import Estimate
from scoring.backtest.result import Backtest
from scoring.backtest.running import YOUNG_DAYS
from scoring.backtest.sample import BANDS
from scoring.backtest.words import WORDS, Language

_LEAD_STEP: Final = 14  # days of a bar
_LEAD_BARS: Final = 8  # the last one holds all that were longer


class _Words:
    """The words of a language with figures put into them."""

    def __init__(self, language: Language) -> None:
        self._words = WORDS[language]

    def __call__(self, name: str, /, **values: object) -> str:
        return self._words[name].format(**values)


def rendered(done: Backtest, language: Language) -> str:
    """The report as HTML."""
    environment = Environment(
        loader=PackageLoader("scoring.backtest"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    say = _Words(language)
    found = done.findings
    page = environment.get_template("report.html")
    return page.render(
        language=language,
        say=say,
        about=_about(done, say),
        headlines=headlines(done, language),
        figures=_figures(found, say),
        judges=[say(judge) for judge in JUDGES],
        discrimination=_discrimination(found, say),
        calibration=_calibration(found, say),
        bins=[
            (f"{one.bin.low:.0f}–{one.bin.high:.0f}", one.bin.rows, one.bin.positives,
             _percent(one.bin.expected_rate), _rate(one.rate))
            for one in found.bins
        ],
        bands=[(band, say(band), one.rows, one.positives, _rate(one.rate)) for band, one in _in_order(found)],
        bands_plot=_bands(done, say),
        lead=_lead(found, say),
        lead_plot=_lead_plot(found, say),
        unseen=_unseen(found, say),
        sample=[*_sample(done, say), *cautions(done, language)],
        found=found,
        brier={name: shown(one) for name, one in found.brier.items()},
    )  # fmt: skip


def headlines(done: Backtest, language: Language) -> list[str]:
    """What a reader should take away, sentence by sentence; also for a terminal."""
    say, found = _Words(language), done.findings
    auc = found.auc["score"]
    if auc.value is None:
        return [say("none")]
    lines = [say("headline", horizon=done.asked.grid.horizon, hundred=round(100 * auc.value), auc=shown(auc))]
    for rival in RIVALS:
        gain = found.gain[rival]
        better, worse = gain.low is not None and gain.low > 0, gain.high is not None and gain.high < 0
        sentence = "better" if better else "worse" if worse else "same"
        shift = Estimate(-(gain.value or 0.0), -(gain.high or 0.0), -(gain.low or 0.0)) if worse else gain
        lines.append(say(sentence, rival=say(rival), gain=shown(shift)))
    if found.departures < FEW:
        lines.append(say("few", count=found.departures))
    return lines


def cautions(done: Backtest, language: Language) -> list[str]:
    """What the source did not tell, as far as it bears on every figure."""
    say, lines = _Words(language), []
    if done.unseen_churn:
        lines.append(say("unseen_churn", count=done.unseen_churn))
    if done.refused:
        lines.append(say("refused", count=done.refused))
    if done.findings.rows and done.findings.bands["grey"].rows == done.findings.rows:
        lines.append(say("all_grey"))
    return lines


def shown(estimate: Estimate, digits: int = 2) -> str:
    """A figure and its interval in brackets; – for none."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rate(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return _percent(estimate.value)
    return f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _about(done: Backtest, say: _Words) -> str:
    grid = done.asked.grid
    return say(
        "about", card=done.asked.card.name, every=grid.every, first=grid.first, last=grid.last,
        view=say(done.asked.view), horizon=grid.horizon,
    )  # fmt: skip


def _figures(found: Findings, say: _Words) -> list[tuple[str, str, list[str]]]:
    """Name, note, and the figure of each judge."""
    return [
        (say("auc"), say("auc_note"), [shown(found.auc[judge]) for judge in JUDGES]),
        (
            say("pr_auc"),
            say("pr_auc_note", rate=shown(found.base_rate)),
            [shown(found.pr_auc[judge]) for judge in JUDGES],
        ),
        (say("lift"), say("lift_note"), [shown(found.lift[judge], 1) for judge in JUDGES]),
    ]


def _discrimination(found: Findings, say: _Words) -> list[Plot]:
    if found.auc["score"].value is None:
        return []
    looks: dict[Judge, str] = {"score": "ours", "recency": "first", "volume": "second"}
    lines = [(looks[judge], *found.roc[judge], say(judge)) for judge in reversed(JUDGES)]
    ends = np.array([0.0, 1.0])
    base = np.full(2, found.base_rate.value or 0.0)
    return [
        charts.curves(say("roc"), (say("roc_x"), say("roc_y")), [("even", ends, ends, ""), *lines]),
        charts.curves(
            say("pr"), (say("pr_x"), say("pr_y")), [("even", ends, base, ""), ("ours", *found.precision, say("score"))]
        ),
    ]


def _calibration(found: Findings, say: _Words) -> list[Plot]:
    level = found.base_rate.value
    named = [(f"{one.bin.low:.0f}–{one.bin.high:.0f}", one) for one in found.bins]
    expected = [
        (
            one.bin.expected_rate,
            one.rate,
            f"{name}: {_percent(one.bin.expected_rate)}, {_rate(one.rate)}",
        )
        for name, one in named
    ]
    highest = max(max(x, rate.value or 0.0, rate.high or 0.0) for x, rate, _ in expected)
    bars = [(f"{one.bin.low:.0f}", one.rate, "ours", f"{name}: {_rate(one.rate)}") for name, one in named]
    return [
        charts.points(say("calibrated"), (say("expected"), say("observed")), expected, highest),
        charts.rates(say("by_score"), (say("scores"), say("rate")), bars, level),
    ]


def _in_order(found: Findings) -> list[tuple[Any, Any]]:
    return [(band, found.bands[band]) for band in BANDS]


def _bands(done: Backtest, say: _Words) -> Plot:
    bars = [(say(band), one.rate, band, f"{say(band)}: {_rate(one.rate)}") for band, one in _in_order(done.findings)]
    title = say("bands_plot", horizon=done.asked.grid.horizon)
    return charts.rates(title, (say("band"), say("rate")), bars, done.findings.base_rate.value)


def _lead(found: Findings, say: _Words) -> list[str]:
    yellow, red = found.lead["yellow"], found.lead["red"]
    if not yellow.left:
        return []
    return [
        say("lead_yellow", share=_rate(yellow.warned), count=yellow.left, days=shown(yellow.days, 0)),
        say("lead_red", share=_rate(red.warned), days=shown(red.days, 0)),
    ]


def _lead_plot(found: Findings, say: _Words) -> Plot | None:
    days: Sequence[int] = found.lead["yellow"].all
    if not days:
        return None
    counted = [0] * _LEAD_BARS
    for day in days:
        counted[min((day - 1) // _LEAD_STEP, _LEAD_BARS - 1)] += 1
    names = [f"{n * _LEAD_STEP + 1}–{(n + 1) * _LEAD_STEP}" for n in range(_LEAD_BARS - 1)]
    names.append(f"{(_LEAD_BARS - 1) * _LEAD_STEP + 1}+")
    bars = [(name, count, f"{name}: {count}") for name, count in zip(names, counted, strict=True)]
    return charts.counts(say("lead_plot"), (say("lead_x"), say("lead_y")), bars, "ours")


def _unseen(found: Findings, say: _Words) -> list[str]:
    unseen = found.unseen
    if unseen.share.value is None:
        return []
    lines = [say("unseen", share=_rate(unseen.share))]
    if unseen.by == "accounts":
        lines.append(say("unseen_accounts"))
    if unseen.without:
        lines.append(say("unseen_without", count=unseen.without))
    return lines


def _sample(done: Backtest, say: _Words) -> list[str]:
    drawn, found = done.drawn, done.findings
    return [
        say(
            "data", events=f"{done.events:,}", accounts=f"{drawn.accounts:,}", rows=f"{found.rows:,}",
            known=found.accounts,
            moments=len(drawn.moments), positives=found.positives, departures=found.departures,
        ),
        say(
            "rules", unknown=drawn.left_out.unknown, young_days=YOUNG_DAYS, young=drawn.left_out.young,
            gone=drawn.left_out.gone, observed=done.asked.observed_until, censored=len(drawn.censored),
        ),
        say("scoring", zone=done.zone),
    ]  # fmt: skip
