"""`python -m tests.bench.backtest [--accounts N] [--days N] [--live N] [--seeds N]`: how well the default scorecard
tells who of the demo's customers leaves within 60 days, beside recency and volume alone.

No server: the world's events go straight to the fold. Past days and the live days after them are taken alike, each
event as received when it happened. Several worlds are judged together, so that there are enough who leave.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

from tests.unit.csworld.judging import events_of

from csworld import make_world
from scoring.backtest.findings import JUDGES, Findings, judged
from scoring.backtest.grid import Grid
from scoring.backtest.outcomes import Away, Outcome
from scoring.backtest.resampling import Estimate
from scoring.backtest.running import Asked, Past, counting_day, draw, with_features
from scoring.domain.money import Rates
from scoring.scorecards import built_in

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HORIZON = 60
EVERY = 14


def pasts(seeds: range, accounts: int, days: int, live: int) -> Iterator[Past]:
    """Customer by customer: a day of one can be made without the others."""
    for seed in seeds:
        world = make_world(seed, accounts=accounts, days=days, now=NOW)
        for customer in world.customers:
            alone = events_of(replace(world, customers=(customer,)), live)
            churns_on = customer.fate.churns_on
            yield Past(
                customer.id,
                tuple(alone[customer.id]),
                Outcome(() if churns_on is None else (Away(churns_on),)),
                float(customer.mrr),
                len(alone[customer.id]),
            )


def counts(seed: int, accounts: int, days: int, until: date) -> Counter[str]:
    """How often each name is used in a world up to a day: the features of all of them are the same product's."""
    found: Counter[str] = Counter()
    for item in make_world(seed, accounts=accounts, days=days, now=NOW).history():
        if item["time"][:10] > until.isoformat():
            break
        if item["type"] == "usage.tracked":
            found[item["data"]["name"]] += 1
    return found


def shown(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def show(found: Findings) -> None:
    print(f"{'':<22}" + "".join(f"{judge:<26}" for judge in JUDGES))
    for name, figures in (("AUC", found.auc), ("PR-AUC", found.pr_auc), ("lift, top tenth", found.lift)):
        print(f"{name:<22}" + "".join(f"{shown(figures[judge]):<26}" for judge in JUDGES))
    print(
        f"AUC of the score less that of recency {shown(found.gain['recency'])}, of volume {shown(found.gain['volume'])}"
    )
    print(f"Brier {shown(found.brier['score'])}, of the base rate alone {shown(found.brier['base_rate'])}")
    for name, lead in found.lead.items():
        print(f"{name}: warned {shown(lead.warned)}, median days before {shown(lead.days)}")
    print(f"Churned revenue that was green at the last moment: {shown(found.unseen.share)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backtest", description=__doc__)
    parser.add_argument("--accounts", type=int, default=200, help="customers of a world (200)")
    parser.add_argument("--days", type=int, default=120, help="past days of a world (120)")
    parser.add_argument("--live", type=int, default=150, help="live days after them (150)")
    parser.add_argument("--seeds", type=int, default=2, help="worlds (2)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first world (1)")
    options = parser.parse_args()
    end = NOW.date() + timedelta(days=options.live - 1)
    start = NOW.date() - timedelta(days=options.days)
    grid = Grid(start, end, EVERY, HORIZON, UTC)
    known = counts(options.seed, options.accounts, options.days, counting_day(start, start))
    card = with_features(built_in()[0], known)
    asked = Asked(card, grid, "as_known", Rates("USD"), usage_until=end, observed_until=end)
    began = time.perf_counter()
    events = 0

    def counted(count: int) -> None:
        nonlocal events
        events += count

    worlds = range(options.seed, options.seed + options.seeds)
    drawn = draw(pasts(worlds, options.accounts, options.days, options.live), asked, counted)
    found = judged(drawn.sample)
    seconds = time.perf_counter() - began
    print(
        f"{card.name}, {drawn.accounts} accounts, {events} events, {found.rows} rows at {len(drawn.moments)} moments, "
        f"{found.positives} of them before a churn of {found.departures} accounts; {seconds:.0f} s"
    )
    show(found)
    figures = {
        "scorecard": card.name,
        "horizon_days": HORIZON,
        "accounts": drawn.accounts,
        "rows": found.rows,
        "churned_rows": found.positives,
        "churned_accounts": found.departures,
        "auc": {judge: asdict(found.auc[judge]) for judge in JUDGES},
        "auc_gain": {rival: asdict(one) for rival, one in found.gain.items()},
        "pr_auc": {judge: asdict(found.pr_auc[judge]) for judge in JUDGES},
        "lift": {judge: asdict(found.lift[judge]) for judge in JUDGES},
        "events_per_second": round(events / seconds),
    }
    ratios = {f"auc_{judge}": round(found.auc[judge].value or 0.0, 4) for judge in JUDGES}
    print(json.dumps({"bench": "backtest", "ratios": ratios, "figures": figures}))


if __name__ == "__main__":
    main()
