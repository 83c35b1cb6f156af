"""The report as a page, and as JSON."""

import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from string import Formatter
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.unit.scoring.builders import CARD

from scoring.backtest.findings import judged
from scoring.backtest.grid import Grid
from scoring.backtest.report import cautions, headlines, rendered, shown
from scoring.backtest.resampling import Estimate
from scoring.backtest.result import Backtest, as_json
from scoring.backtest.running import Asked
from scoring.backtest.sample import BANDS, STAYS, Drawn, LeftOut, Row, Sample
from scoring.backtest.words import LANGUAGES, WORDS, Language
from scoring.domain.money import Rates

VOID = frozenset({"meta", "br", "link", "img", "hr", "input"})


def backtest(*, leaving: int = 30, telling: float = 20.0, recency: float = 0.0, grey: bool = False) -> Backtest:
    """A hundred accounts at four moments; those that leave have scores so much lower, and silences so much longer."""
    random = np.random.default_rng(1)
    rows = []
    for account in range(100):
        leaves = account < leaving
        for moment in range(4):
            score = float(np.clip(random.normal(70 - telling * leaves, 12), 0, 100))
            band = BANDS[3 if grey else 2 if score >= 75 else 1 if score >= 50 else 0]
            silence = float(random.integers(1, 20)) + recency * leaves
            rows.append(
                Row(account, 14 * moment, score, band, silence, 10.0, 58 - 14 * moment if leaves else STAYS, 100.0)
            )
    grid = Grid(date(2026, 1, 1), date(2026, 6, 1), 14, 60, ZoneInfo("Asia/Tokyo"))
    asked = Asked(CARD, grid, "as_known", Rates("USD"), date(2026, 5, 31), date(2026, 5, 31))
    sample = Sample.of(rows, 60)
    drawn = Drawn(sample, (date(2026, 1, 1), date(2026, 1, 15)), (date(2026, 5, 21),), LeftOut(5, 6, 7), 100)
    return Backtest(asked, drawn, judged(sample, resamples=200), 12_345, refused=3, unseen_churn=2)


class _Page(HTMLParser):
    """Whether every tag is closed, what is there, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "style") or name.startswith("on"):
                self.loads.append(f"{name}={value}")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_whole_and_loads_nothing(language: Language) -> None:
    page = _Page(rendered(backtest(), language))

    assert page.open == []
    assert page.loads == []
    assert "script" not in page.tags
    assert page.tags.count("figure") == 6
    assert len(set(page.ids)) == len(page.ids)
    assert f'lang="{language}"' in rendered(backtest(), language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("leaving", [0, 1, 100])
def test_a_page_is_made_whoever_leaves(language: Language, leaving: int) -> None:
    page = rendered(backtest(leaving=leaving), language)

    assert re.search(r"\bnan\b", page) is None
    assert (WORDS[language]["none"] in page) is (leaving != 1)


def test_nothing_is_drawn_outside_of_its_plot() -> None:
    page = rendered(backtest(), "en")

    points = [tuple(map(float, p.split(","))) for line in re.findall(r'points="([^"]+)"', page) for p in line.split()]
    found = re.findall(r'<rect class="\w+" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', page)
    bars = [tuple(map(float, bar)) for bar in found]

    assert len(points) > 50
    assert len(bars) > 10
    assert all(0 <= x <= 460 and 0 <= y <= 320 for x, y in points)
    assert all(x >= 0 and y >= 0 and x + width <= 460 and y + height <= 320 for x, y, width, height in bars)


def test_both_languages_say_the_same_with_the_same_figures() -> None:
    fields = {
        language: {name: {field for _, field, _, _ in Formatter().parse(text) if field} for name, text in words.items()}
        for language, words in WORDS.items()
    }

    assert fields["en"] == fields["ja"]


def test_what_comes_from_outside_is_text_and_no_markup() -> None:
    done = backtest()
    grid = Grid(done.asked.grid.first, done.asked.grid.last, 14, 60, ZoneInfo("UTC"))
    card = replace(CARD, id="<b>x</b>")
    asked = Asked(card, grid, "as_known", Rates("USD"), done.asked.usage_until, done.asked.observed_until)

    page = rendered(Backtest(asked, done.drawn, done.findings, 1), "en")

    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;@1" in page


def test_the_headline_says_whether_the_score_is_better_than_its_rivals() -> None:
    lines = headlines(backtest(), "en")

    assert lines[0].startswith("Of a customer who left within 60 days and one who stayed, ")
    assert lines[1].startswith("That is better than recency alone by 0.")
    assert len(lines) == 3


def test_it_says_so_where_recency_alone_is_better_or_nothing_can_be_told() -> None:
    worse = headlines(backtest(telling=0, recency=30), "en")
    same = headlines(backtest(telling=20, recency=10), "en")

    assert worse[1].startswith("That is worse than recency alone by 0.")
    assert same[1].startswith("Whether that is better than recency alone cannot be told")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_source_did_not_tell_is_said_on_the_terminal_and_on_the_page(language: Language) -> None:
    done = backtest()
    all_grey = replace(backtest(grey=True), refused=0, unseen_churn=0)

    words = WORDS[language]
    assert cautions(done, language) == [words["unseen_churn"].format(count=2), words["refused"].format(count=3)]
    assert cautions(all_grey, language) == [words["all_grey"]]
    assert words["all_grey"] in rendered(all_grey, language)
    assert cautions(replace(done, refused=0, unseen_churn=0), language) == []


def test_few_departures_are_warned_of_and_none_is_said_plainly() -> None:
    assert "Only 5 customers left" in headlines(backtest(leaving=5), "en")[-1]
    assert headlines(backtest(leaving=0), "en") == [WORDS["en"]["none"]]


def test_figures_are_shown_with_their_interval() -> None:
    assert shown(Estimate(0.8123, 0.7, 0.9)) == "0.81 [0.70, 0.90]"
    assert shown(Estimate(0.8123)) == "0.81"
    assert shown(Estimate(None)) == "–"


def test_the_json_holds_what_is_promised() -> None:
    told = json.loads(json.dumps(as_json(backtest()), allow_nan=False))

    assert list(told["auc"]) == ["score", "recency", "volume"]
    assert list(told["auc"]["score"]) == ["value", "low", "high"]
    assert told["auc"]["score"]["low"] < told["auc"]["score"]["value"] < told["auc"]["score"]["high"]
    assert set(told) >= {"pr_auc", "lift", "lead_time", "calibration", "churned_revenue_green", "auc_gain"}
    assert told["horizon"] == "P60D"
    assert told["time_zone"] == "Asia/Tokyo"
    assert told["sample"]["left_out"] == {"unknown": 5, "young": 6, "gone": 7, "young_days": 28}
    assert sum(one["rows"] for one in told["calibration"]["bins"]) == told["sample"]["rows"] == 400


def test_the_json_is_strict_where_nobody_left() -> None:
    told = as_json(backtest(leaving=0))

    assert "NaN" not in json.dumps(told)
    assert told["auc"]["score"] == {"value": None, "low": None, "high": None}
