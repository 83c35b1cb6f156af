"""The example of docs/guides/metrics.md, worked through by hand."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.unit.scoring.portfolio.books import JUNE, books_of, items_of, terms, told
from tests.unit.scoring.portfolio.example import DOLLARS, EVENTS, FIGURES, MARGIN

from scoring.api.metrics import plain
from scoring.domain.portfolio.catalogue import METRICS
from scoring.domain.portfolio.period import Period

BOOKS = books_of(EVENTS)
GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "metrics.md"


def _period(name: str) -> Period:
    window = METRICS[name].window
    months = 12 if name == "time_to_value" else min(window, 1)
    return Period.ending(JUNE.end, months)


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_what_was_worked_out_by_hand(name: str) -> None:
    period = _period(name)

    made = told(name, BOOKS, period, terms(period, DOLLARS, MARGIN))

    value, parts = FIGURES[name]
    assert made.value == (None if value is None else Decimal(value))
    assert {part: plain(amount) for part, amount in made.parts.items()} == parts


def test_a_movement_names_its_contracts_and_events() -> None:
    items = items_of("mrr_movements", BOOKS, JUNE, terms(JUNE, DOLLARS))

    moved = {(i.account, i.id, i.part): (plain(i.amount), i.events) for i in items if i.part not in ("start", "end")}
    assert moved == {
        ("myogi", "M1", "expansion"): ("300", ("myogi-2026-06-10-M1",)),
        ("myogi", "M2", "expansion"): ("300", ("myogi-2026-06-15-M2",)),
        ("haruna", "H2", "contraction"): ("-400", ("haruna-2026-06-20-H2",)),
        ("asama", "S1", "churn"): ("-800", ("asama-2025-06-13-S1",)),  # the event that said when it ends
        ("hotaka", "K1", "new"): ("700", ("hotaka-2026-06-05-K1",)),
        ("tanigawa", "T2", "reactivation"): ("250", ("tanigawa-2026-06-03-T2",)),
        ("shirane", "R1", "exchange"): ("10", ()),
        ("nantai", "N1", "contraction"): ("-500", ("nantai-2025-06-16-N1",)),
        ("nantai", "N2", "contraction"): ("450", ("nantai-2026-06-16-N2",)),
    }


def test_the_guide_tells_the_figures_of_the_example() -> None:
    guide = GUIDE.read_text(encoding="utf-8")

    rows = {cells[1].strip(): cells for line in guide.splitlines() if len(cells := line.split("|")) >= 5}
    for name, (value, _) in FIGURES.items():
        assert rows[f"`{name}`"][3].strip() == (value or "–"), name


def test_every_metric_is_told_in_both_languages_and_in_the_guide() -> None:
    guide = GUIDE.read_text(encoding="utf-8")

    for name, metric in METRICS.items():
        assert all((metric.en, metric.ja, metric.formula)), name
        assert any(ord(letter) > 0x3000 for letter in metric.ja), name
        assert f"`{name}`" in guide, name
