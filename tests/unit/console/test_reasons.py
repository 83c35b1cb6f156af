"""Scores in words."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console.formats import Formats
from console.reasons import about, cause, measure_name, reason, value_of
from console.words import Language
from csmodels.api import Adjustment, Contribution
from csmodels.fields import Band

NOW = datetime(2026, 11, 24, 0, 41, tzinfo=UTC)
MEASURES = (
    "milestones", "first_value", "activation", "active_share", "usage_trend", "breadth", "depth", "silence",
    "open_tickets", "csat", "nps", "contact", "sponsor", "overdue", "mrr_change", "renewal_checklist",
)  # fmt: skip


def formats(language: Language) -> Formats:
    return Formats(language, ZoneInfo("Asia/Tokyo"), "JPY", NOW)


def fresh(measure: str, value: float, amount: float, days: int = 54) -> Contribution:
    return Contribution(
        measure=measure,
        value=value,
        points=40.0,
        weight=0.2,
        contribution=amount,
        status="fresh",
        as_of=NOW - timedelta(days=days),
    )


def missing(measure: str, status: Any = "not_connected") -> Contribution:
    return Contribution(measure=measure, value=None, points=None, weight=0, contribution=0, status=status, as_of=None)


def told(language: Language, contributions: list[Contribution], *, band: Band = "red", **more: Any) -> str:
    values: dict[str, Any] = {"score": 49.0, "coverage": 0.9, "adjustments": []} | more
    return reason(formats(language), band=band, contributions=contributions, **values)


@pytest.mark.parametrize(
    ("one", "en", "ja"),
    [
        (fresh("usage_trend", 0.55, -11.0), "Core usage down 45\u00a0% in 28 days", "利用が28日間で45%減少"),
        (fresh("active_share", 0.34, -5.0), "Only 34\u00a0% of seats are active", "利用者は席数の34%のみ"),
        (fresh("open_tickets", 4.4, -1.4), "Open tickets weigh 4.4", "未解決の問い合わせの負荷が4.4"),
        (fresh("nps", -12.0, -3.0), "NPS −12", "NPSは−12"),
        (fresh("contact", 1.8, -3.0), "No two-way contact for 54 days", "54日間、双方向の接点なし"),
        (
            fresh("milestones", 0.5, -9.0),
            "Only 50\u00a0% of due milestones reached",
            "期日が来たマイルストーンの達成は50%のみ",
        ),
        (fresh("first_value", 1.6, -9.0), "First value takes 1.6 times its target", "最初の成果までが目標の1.6倍"),
        (fresh("activation", 0.2, -5.0), "Only 20\u00a0% of those invited have started", "招待者の利用開始は20%のみ"),
        (fresh("breadth", 0.125, -5.0), "Only 13\u00a0% of key features in use", "利用中の主要機能は13%のみ"),
        (fresh("depth", 0.1, -5.0), "Only 10\u00a0% of seats work in it regularly", "定着した利用者は席数の10%のみ"),
        (fresh("silence", 3.2, -5.0), "Silent for 3.2 times the usual gap", "普段の間隔の3.2倍の無利用"),
        (fresh("csat", 0.6, -2.0), "Only 60\u00a0% of ratings satisfied", "満足の評価は60%のみ"),
        (fresh("sponsor", 0, -8.0), "The sponsor is gone", "スポンサーが退任"),
        (fresh("sponsor", 1, -1.0), "Sponsor not met for a while", "しばらくスポンサーとの面談なし"),
        (fresh("overdue", 12, -3.0), "Invoice 12 days overdue", "請求の支払いが12日遅延"),
        (fresh("mrr_change", -0.25, -3.0), "MRR down 25\u00a0% in 180 days", "MRRが180日間で25%減少"),
        (fresh("renewal_checklist", 1 / 3, -3.0), "Renewal checklist 33\u00a0% done", "更新チェックリストの完了は33%"),
    ],
)
def test_each_measure_says_what_fell(one: Contribution, en: str, ja: str) -> None:
    assert told("en", [one]) == en
    assert told("ja", [one]) == ja


def test_the_two_largest_causes_stand_in_order() -> None:
    causes = [fresh("nps", -12.0, -1.0), fresh("active_share", 0.34, -9.0), fresh("usage_trend", 0.55, -11.0)]

    assert told("en", causes) == "Core usage down 45\u00a0% in 28 days; only 34\u00a0% of seats are active"
    assert told("ja", causes) == "利用が28日間で45%減少、利用者は席数の34%のみ"


def test_a_cap_comes_first_and_says_what_the_score_would_be() -> None:
    cap = Adjustment(kind="cap", points=-14.0, reason="severity_1_overdue")

    assert told("en", [], adjustments=[cap]) == "A severity 1 ticket is far past its SLA. Capped at 49, else 63"
    assert told("ja", [], adjustments=[cap]) == "重大度1の問い合わせがSLAを大きく超過。上限49点（本来63点）"


def test_a_cap_that_moves_nothing_is_no_cause() -> None:
    cap = Adjustment(kind="cap", points=0.0, reason="no_active_person")

    assert told("en", [fresh("nps", -12.0, -3.0)], adjustments=[cap]) == "NPS −12"


def test_a_healthy_account_says_what_holds_it_up() -> None:
    causes = [fresh("usage_trend", 1.08, 6.0), fresh("nps", 20.0, -0.6)]

    assert told("en", causes, band="green", score=80.0) == "Core usage up 8\u00a0% in 28 days"


def test_a_grey_account_says_what_is_missing() -> None:
    causes = [missing("usage_trend"), missing("nps"), fresh("contact", 0.2, 3.0)]

    assert told("en", causes, band="grey", coverage=0.4) == (
        "Coverage 40\u00a0%, too little for a band; not connected: core usage trend, NPS answers"
    )
    assert "未接続: 主要機能の利用の推移、NPSの回答" in told("ja", causes, band="grey", coverage=0.4)


def test_a_measure_of_ones_own_is_told_by_its_id_and_points() -> None:
    assert told("en", [fresh("mood", 0.0, -3.9)]) == "mood takes 3.9 points"


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_measure_of_the_default_scorecard_has_words(measure: str, language: Language) -> None:
    words = formats(language)

    assert measure_name(words, measure) != measure
    assert about(words, fresh(measure, 1.0, 1.0)) != ""
    for value in (0.0, 0.5, 1.0, 2.0):
        assert value_of(words, fresh(measure, value, 1.0)) not in ("", words.exact(value))
        for amount in (-7.3, 7.3):
            assert "7.3" not in cause(words, fresh(measure, value, amount))  # as measures without words are told


@pytest.mark.parametrize(
    ("one", "en", "ja"),
    [
        (fresh("milestones", 0.5, 1), "50\u00a0% of those due", "期日分の50%"),
        (fresh("sponsor", 2, 1), "met", "面談済み"),
        (fresh("overdue", 0, 1), "none", "なし"),
        (fresh("overdue", 1, 1), "1 day", "1日"),
        (fresh("mrr_change", 0.1, 1), "up 10\u00a0%", "10%増"),
        (fresh("mrr_change", 0, 1), "unchanged", "変化なし"),
        (fresh("silence", 2.25, 1), "2.3 of the usual gap", "普段の間隔の2.3倍"),
    ],
)
def test_values_are_told_short(one: Contribution, en: str, ja: str) -> None:
    assert (value_of(formats("en"), one), value_of(formats("ja"), one)) == (en, ja)


def test_the_cap_of_a_sponsor_gone_is_told_once() -> None:
    cap = Adjustment(kind="cap", points=-12.0, reason="sponsor_gone")

    assert told("en", [fresh("sponsor", 0, -9.0)], score=60.0, adjustments=[cap]) == (
        "The sponsor is gone. Capped at 60, else 72"
    )


def test_zero_unknown_not_connected_and_stale_read_differently() -> None:
    en = formats("en")
    stale = missing("contact", "stale").model_copy(update={"as_of": NOW - timedelta(days=3)})

    assert value_of(en, fresh("open_tickets", 0.0, 5.0)) == "none"
    assert about(en, missing("nps")) == "not connected, so left out; the others weigh more"
    assert about(en, missing("usage_trend", "not_applicable")) == "does not apply yet, so left out"
    assert about(en, stale) == "stale since 21 Nov, so left out"


def test_what_a_cap_says_is_not_said_again_by_its_measure() -> None:
    cap = Adjustment(kind="cap", points=-23.0, reason="no_active_person")
    causes = [fresh("active_share", 0.0, -18.8), fresh("nps", -32.0, -6.1)]

    assert told("en", causes, score=40.0, adjustments=[cap]) == (
        "Nobody has worked in it for weeks. Capped at 40, else 63; NPS −32"
    )
    assert told("en", causes[:1]) == "Nobody is active"
