"""Numbers, money, days and moments in both languages."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from console.formats import Formats
from console.words import Language

NOW = datetime(2026, 11, 24, 0, 41, 4, 250_000, tzinfo=UTC)


def formats(language: Language = "en", zone: str = "Asia/Tokyo") -> Formats:
    return Formats(language, ZoneInfo(zone), "JPY", NOW)


@pytest.mark.parametrize(("value", "shown"), [(45.5, "46"), (45.49, "45"), (0.0, "0"), (-0.2, "0"), (1234.0, "1,234")])
def test_a_score_is_whole_in_lists(value: float, shown: str) -> None:
    assert formats().score(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(-11.06, "−11.1"), (1.25, "+1.3"), (0.04, "0.0"), (-0.04, "0.0")])
def test_a_change_has_a_real_minus_and_no_negative_zero(value: float, shown: str) -> None:
    assert formats().signed(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(-11.1, "↓11"), (2.2, "↑2"), (0.4, "0"), (-0.5, "↓1")])
def test_an_arrow_says_the_direction_of_what_is_shown(value: float, shown: str) -> None:
    assert formats().arrow(value) == shown


def test_percent_is_spaced_in_english_only() -> None:
    assert formats().percent(0.45) == "45\u00a0%"
    assert formats("ja").percent(0.45) == "45%"


@pytest.mark.parametrize(
    ("amount", "en", "ja"),
    [
        ("480000", "¥480,000", "48万円"),
        ("265000", "¥265,000", "26.5万円"),
        ("17420000", "¥17.4M", "1,742万円"),
        ("120000000", "¥120M", "1.2億円"),
        ("99999999", "¥100M", "1億円"),
        ("99994999", "¥100M", "9,999.5万円"),
        ("9800", "¥9,800", "9,800円"),
        ("0", "¥0", "0円"),
    ],
)
def test_yen_are_compact_the_way_each_language_counts(amount: str, en: str, ja: str) -> None:
    assert formats().money(Decimal(amount)) == en
    assert formats("ja").money(Decimal(amount)) == ja


def test_other_currencies_keep_their_cents_only_where_there_are_any() -> None:
    assert formats().money(Decimal("1200.50"), "USD") == "$1,200.50"
    assert formats().money(Decimal("1200.00"), "USD") == "$1,200"


def test_a_day_has_its_month_as_a_word_in_english_and_figures_in_japanese() -> None:
    assert formats().weekday(NOW) == "Tue 24 Nov"
    assert formats("ja").weekday(NOW) == "11/24(火)"
    assert formats().full(date(2027, 5, 31)) == "31 May 2027"
    assert formats("ja").full(date(2027, 5, 31)) == "2027年5月31日"


def test_a_day_of_another_year_says_its_year() -> None:
    assert formats().day(date(2027, 5, 31)) == "31 May 2027"
    assert formats("ja").day(date(2027, 5, 31)) == "2027年5月31日"


def test_moments_are_in_the_zone_of_the_reader() -> None:
    assert formats().time(NOW) == "09:41"
    assert formats(zone="Europe/Berlin").time(NOW) == "01:41"
    assert formats().precise(NOW) == "09:41:04.2"


@pytest.mark.parametrize(
    ("moment", "zone", "shown"),
    [
        (datetime.max.replace(tzinfo=UTC), "Asia/Tokyo", "31 Dec 9999"),
        (datetime.min.replace(tzinfo=UTC), "America/New_York", "1 Jan 1"),
    ],
)
def test_a_moment_beyond_the_readers_calendar_is_its_end(moment: datetime, zone: str, shown: str) -> None:
    assert formats(zone=zone).day(moment) == shown
    assert formats(zone=zone).moment(moment).startswith(shown)


def test_an_older_moment_says_its_day() -> None:
    assert formats().moment(NOW - timedelta(days=3)) == "21 Nov, 09:41"
    assert formats("ja").moment(NOW - timedelta(days=3)) == "11/21 09:41"


@pytest.mark.parametrize(
    ("days", "late"), [(0, 0), (-1, 0), (1, 1), (2, 2), (4, 2), (11, 7)]
)  # before Tuesday: Monday, Sunday, Friday, and the Friday before
def test_days_overdue_are_business_days(days: int, late: int) -> None:
    assert formats().business_days_late(NOW - timedelta(days=days)) == late


@pytest.mark.parametrize(
    ("scale", "en", "ja"),
    [(3600, "1 h/s", "1秒に1時間"), (90, "1.5 min/s", "1秒に1.5分"), (2, "2 times as fast", "2倍")],
)
def test_the_speed_of_a_demonstration_is_told(scale: float, en: str, ja: str) -> None:
    assert formats().rate(scale) == en
    assert formats("ja").rate(scale) == ja
