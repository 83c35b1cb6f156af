"""A backtest that is done: what was asked, what was drawn, what was found; and that as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from scoring.backtest.departures import Lead
from scoring.backtest.findings import JUDGES, RIVALS, Findings
from scoring.backtest.resampling import Estimate
from scoring.backtest.running import YOUNG_DAYS, Asked
from scoring.backtest.sample import Drawn


@dataclass(frozen=True, slots=True)
class Backtest:
    """events: of the source that were looked at; refused: rows of it that could not be read; unseen_churn: accounts of
    the churn table without any event.
    """

    asked: Asked
    drawn: Drawn
    findings: Findings
    events: int
    refused: int = 0
    unseen_churn: int = 0

    @property
    def zone(self) -> str:
        """The name of the zone whose days are meant."""
        return str(self.asked.grid.zone)


def as_json(done: Backtest) -> dict[str, Any]:
    """What --json prints. Figures are {"value", "low", "high"}, low and high the 95 % interval, null where unknown."""
    asked, drawn, found = done.asked, done.drawn, done.findings
    return {
        "scorecard": asked.card.name,
        "view": asked.view,
        "from": asked.grid.first.isoformat(),
        "to": asked.grid.last.isoformat(),
        "every": f"P{asked.grid.every}D",
        "horizon": f"P{asked.grid.horizon}D",
        "time_zone": done.zone,
        "data": {
            "events": done.events,
            "accounts": drawn.accounts,
            "usage_until": asked.usage_until.isoformat(),
            "observed_until": asked.observed_until.isoformat(),
            "rows_refused": done.refused,
            "churned_without_events": done.unseen_churn,
        },
        "sample": {
            "moments": [day.isoformat() for day in drawn.moments],
            "censored": [day.isoformat() for day in drawn.censored],
            "rows": found.rows,
            "accounts": found.accounts,
            "churned_rows": found.positives,
            "churned_accounts": found.departures,
            "left_out": {**asdict(drawn.left_out), "young_days": YOUNG_DAYS},
        },
        "base_rate": asdict(found.base_rate),
        "auc": _by(found.auc),
        "auc_gain": _by(found.gain),
        "pr_auc": _by(found.pr_auc),
        "lift": {"share": 0.1, **_by(found.lift)},
        "lead_time": {name: _lead(lead) for name, lead in found.lead.items()},
        "calibration": {
            "brier": {name: asdict(one) for name, one in found.brier.items()},
            "bins": [
                {
                    "score_from": each.bin.low,
                    "score_to": each.bin.high,
                    "rows": each.bin.rows,
                    "churned_rows": each.bin.positives,
                    "expected_rate": each.bin.expected_rate,
                    "rate": asdict(each.rate),
                }
                for each in found.bins
            ],
        },
        "bands": {
            band: {"rows": one.rows, "churned_rows": one.positives, "rate": asdict(one.rate)}
            for band, one in found.bands.items()
        },
        "churned_revenue_green": {
            **asdict(found.unseen.share),
            "by": found.unseen.by,
            "churned_accounts": found.unseen.left,
            "without_revenue": found.unseen.without,
        },
        "resamples": found.resamples,
        "seed": found.seed,
    }


def _by(figures: Mapping[Any, Estimate]) -> dict[str, Any]:
    return {judge: asdict(figures[judge]) for judge in (JUDGES if "score" in figures else RIVALS)}


def _lead(lead: Lead) -> dict[str, Any]:
    return {"churned_accounts": lead.left, "warned": asdict(lead.warned), "median_days": asdict(lead.days)}
