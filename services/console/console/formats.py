"""How numbers, money, days and moments read, by language. Unrounded values come in, texts go out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, get_currency_precision

from console.words import Language, say

MINUS: Final = "\u2212"
_NBSP: Final = "\u00a0"
_DAY: Final[Mapping[Language, str]] = {"en": "d MMM", "ja": "M/d"}
_WEEKDAY: Final[Mapping[Language, str]] = {"en": "EEE d MMM", "ja": "M/d(E)"}
_FULL: Final[Mapping[Language, str]] = {"en": "d MMM y", "ja": "y年M月d日"}
_LONG: Final[Mapping[Language, str]] = {"en": "EEEE d MMMM", "ja": "M月d日（E）"}
_MONTH: Final[Mapping[Language, str]] = {"en": "MMM", "ja": "M月"}
_MILLION: Final = 1_000_000
_MAN: Final = 10_000  # 万
_OKU: Final = 100_000_000  # 億


def rounded(value: float | Decimal, digits: int = 0) -> Decimal:
    """Half away from zero, as people round; never a negative zero."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    found = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return abs(found) if found.is_zero() else found


@dataclass(frozen=True, slots=True)
class Formats:
    """The reader's language and zone, the portfolio's currency, and the moment of the world that is now."""

    language: Language
    zone: ZoneInfo
    currency: str
    now: datetime

    @property
    def _locale(self) -> Locale:
        return Locale(self.language)

    # numbers

    def number(self, value: float | Decimal, digits: int = 0) -> str:
        """With thousands separators and exactly so many decimals."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return str(format_decimal(rounded(value, digits), format=pattern, locale=self._locale)).replace("-", MINUS)

    def score(self, value: float) -> str:
        """Whole, for lists."""
        return self.number(value)

    def exact(self, value: float | Decimal) -> str:
        """One decimal, for the account's own page."""
        return self.number(value, 1)

    def signed(self, value: float | Decimal, digits: int = 1) -> str:
        """With its sign: −11.1, +1.3, 0.0."""
        shown = rounded(value, digits)
        return ("+" if shown > 0 else "") + self.number(shown, digits)

    def arrow(self, value: float | Decimal, digits: int = 0) -> str:
        """↓11, ↑3; a change that rounds to nothing has no arrow."""
        shown = rounded(value, digits)
        sign = "↓" if shown < 0 else "↑" if shown > 0 else ""
        return sign + self.number(abs(shown), digits)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share of 1 as percent: 45 %, 45%."""
        gap = _NBSP if self.language == "en" else ""
        return f"{self.number(share * 100, digits)}{gap}%"

    def money(self, amount: Decimal, currency: str | None = None) -> str:
        """¥480,000 and ¥17.4M; 48万円 and 1.2億円. Without a currency it is the portfolio's."""
        code = currency or self.currency
        if self.language == "ja" and code == "JPY":
            return self._yen(amount)
        if abs(amount) >= _MILLION:
            text = format_currency(rounded(amount / _MILLION, 1), code, "¤#,##0.0", self._locale, currency_digits=False)
            return f"{text}M".replace(".0M", "M").replace("-", MINUS)
        whole = rounded(amount, get_currency_precision(code))
        digits = 0 if whole == whole.to_integral_value() else get_currency_precision(code)
        pattern = "¤#,##0" + ("." + "0" * digits if digits else "")
        return str(format_currency(whole, code, pattern, self._locale, currency_digits=False)).replace("-", MINUS)

    def _yen(self, amount: Decimal) -> str:
        oku = rounded(abs(amount) / _MAN, 1) >= _OKU // _MAN  # as it would be shown: never 10,000万円
        for fits, unit, name in ((oku, _OKU, "億円"), (rounded(abs(amount)) >= _MAN, _MAN, "万円")):
            if fits:
                shown = rounded(amount / unit, 1)
                return f"{self.number(shown, 0 if shown == shown.to_integral_value() else 1)}{name}"
        return f"{self.number(amount)}円"

    # days and moments

    def local(self, moment: datetime) -> datetime:
        """The moment in the reader's zone; the first or last one of its calendar if it would lie beyond."""
        try:
            return moment.astimezone(self.zone)
        except OverflowError:
            first, last = datetime.min.replace(tzinfo=self.zone), datetime.max.replace(tzinfo=self.zone)
            return first if moment.year == first.year else last

    @property
    def today(self) -> date:
        """The reader's day."""
        return self.local(self.now).date()

    def day(self, at: date | datetime) -> str:
        """24 Nov, 11/24; with the year if it is another one."""
        day = self._day_of(at)
        return self._date(day, _DAY if day.year == self.today.year else _FULL)

    def weekday(self, at: date | datetime) -> str:
        """Tue 24 Nov, 11/24(火); with the year instead of the weekday if it is another one."""
        day = self._day_of(at)
        return self._date(day, _WEEKDAY if day.year == self.today.year else _FULL)

    def full(self, at: date | datetime) -> str:
        """24 Nov 2026, 2026年11月24日."""
        return self._date(self._day_of(at), _FULL)

    def long(self, at: date | datetime) -> str:
        """Tuesday 24 November, 11月24日（火）; with the year if it is another one."""
        day = self._day_of(at)
        return self._date(day, _LONG if day.year == self.today.year else _FULL)

    def month(self, at: date | datetime) -> str:
        """Nov, 11月."""
        return self._date(self._day_of(at), _MONTH)

    def time(self, at: datetime) -> str:
        """08:41."""
        return f"{self.local(at):%H:%M}"

    def clock(self, at: datetime) -> str:
        """08:41:03."""
        return f"{self.local(at):%H:%M:%S}"

    def precise(self, at: datetime) -> str:
        """08:41:03.2, for the moments of events; of another day the day and 08:41."""
        local = self.local(at)
        if local.date() != self.today:
            return self.moment(at)
        return f"{local:%H:%M:%S}.{local.microsecond // 100_000}"

    def moment(self, at: datetime) -> str:
        """08:41 of today; else the day; with the time while it is fresh."""
        local = self.local(at)
        if local.date() == self.today:
            return f"{local:%H:%M}"
        return f"{self.day(at)}, {local:%H:%M}" if self.language == "en" else f"{self.day(at)} {local:%H:%M}"

    def days_from_now(self, at: date | datetime) -> int:
        """Days of the reader's calendar until then; negative if it has passed."""
        return (self._day_of(at) - self.today).days

    def business_days_late(self, due: datetime) -> int:
        """Monday to Friday: the days after the due day up to today. 0 if it is due today or later."""
        day, late = self.local(due).date(), 0
        if (self.today - day).days > 366 * 5:
            return (self.today - day).days * 5 // 7
        while day < self.today:
            day += timedelta(days=1)
            late += day.weekday() < 5
        return late

    def rate(self, scale: float) -> str:
        """How fast the world's time runs: 1 h/s."""
        for seconds, key in ((3600, "frame.rate_hours"), (60, "frame.rate_minutes")):
            if scale >= seconds:
                return say(self.language, key, n=f"{scale / seconds:g}")
        return say(self.language, "frame.rate_times", n=f"{scale:g}")

    def _day_of(self, at: date | datetime) -> date:
        return self.local(at).date() if isinstance(at, datetime) else at

    def _date(self, day: date, patterns: Mapping[Language, str]) -> str:
        return str(format_date(day, patterns[self.language], self._locale))
