"""How people write days, moments, money, numbers and words in files, in Japanese and English."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from ingest.domain.imports.headers import normalised


class Unreadable(ValueError):
    """A cell that is not what its field holds. `rule` says what would be, never what stands there."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(rule)
        self.code = code
        self.rule = rule


_ERAS: Final = {"令和": 2018, "r": 2018, "平成": 1988, "h": 1988, "昭和": 1925, "s": 1925}
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_COMPACT: Final = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_KANJI: Final = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
_ERA: Final = re.compile(r"(令和|平成|昭和|[RHSrhs])(\d{1,2}|元)(?:年|[./-])(\d{1,2})(?:月|[./-])(\d{1,2})日?")
_YEAR_LAST: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})")
_SERIAL: Final = re.compile(r"([2-7]\d{4})(\.\d+)?")  # Excel's days, 1954 to 2119
_EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 a day on a calendar, of no zone
_CLOCK: Final = re.compile(
    r"(\d{1,2})(?::|時)(\d{2})(?:(?::|分)(\d{2})(?:\.(\d{1,6})\d*)?秒?|分)?\s*(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE
)
_SPLIT: Final = re.compile(r"(.*?)(?:\s+|T)(\d{1,2}(?::|時).*)", re.IGNORECASE)
_AMOUNT: Final = re.compile(r"-?(?:\d+|\d{1,3}(?:,\d{3})+)(?:\.\d+)?")
# In Shift_JIS the yen sign is the byte of the backslash.
_MONEY_MARKS: Final = re.compile(r"^(-?)\s*(?:[¥$€£\\]|JPY|USD|EUR|GBP)\s*|\s*(?:円|JPY|USD|EUR|GBP)$", re.IGNORECASE)
_COUNTER: Final = re.compile(r"\s*(?:名|人|席|件|回|個|[ヶケか箇カ]月|月|months?|seats?|users?)$", re.IGNORECASE)
_DAY_RULE: Final = "should be a day, such as 2026-01-31, 2026/1/31 or 2026年1月31日"
_MOMENT_RULE: Final = "should be a day or a moment, such as 2026-01-31 or 2026/1/31 9:05"

_YES: Final = frozenset(
    {"true", "yes", "y", "1", "on", "はい", "有", "有り", "あり", "可", "同意", "同意する", "済", "済み"}
)
_NO: Final = frozenset(
    {"false", "no", "n", "0", "off", "いいえ", "無", "無し", "なし", "不可", "不同意", "同意しない", "未"}
)

_WORDS: Final[Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]]] = {
    ("contracts", "status"): {
        "trial": ("trial", "trialing", "試用", "試用中", "トライアル", "お試し"),
        "active": ("active", "live", "current", "有効", "契約中", "利用中", "稼働中", "継続"),
        "cancelled": ("cancelled", "canceled", "churned", "解約", "解約済", "解約済み", "解約予定", "キャンセル"),
        "ended": ("ended", "expired", "終了", "満了", "契約終了", "期限切れ", "失効"),
    },
    ("tickets", "status"): {
        "open": ("open", "new", "未対応", "新規", "受付", "オープン", "未着手", "対応中", "進行中", "inprogress"),
        "pending": ("pending", "onhold", "waiting", "保留", "保留中", "回答待ち", "返信待ち", "顧客確認中"),
        "solved": ("solved", "resolved", "done", "解決", "解決済", "解決済み", "対応済", "対応済み"),
        "closed": ("closed", "完了", "クローズ", "終了"),
    },
    ("tickets", "severity"): {
        "1": ("1", "p1", "urgent", "critical", "blocker", "緊急", "最高", "至急", "致命的"),
        "2": ("2", "p2", "high", "major", "高", "高い", "重要"),
        "3": ("3", "p3", "normal", "medium", "中", "通常", "普通", "標準"),
        "4": ("4", "p4", "low", "minor", "低", "低い", "軽微"),
    },
    ("tickets", "channel"): {
        "email": ("email", "mail", "メール", "eメール"),
        "phone": ("phone", "call", "voice", "telephone", "電話"),
        "chat": ("chat", "messaging", "チャット"),
        "social": ("social", "sns", "twitter", "x", "line", "facebook"),
        "web": ("web", "webform", "form", "portal", "ウェブ", "フォーム", "webフォーム"),
    },
    ("contacts", "role"): {
        "payer": ("payer", "billing", "buyer", "支払", "支払者", "経理", "支払担当", "請求先"),
        "champion": ("champion", "advocate", "推進者", "推進役", "チャンピオン", "推進担当"),
        "sponsor": ("sponsor", "executive", "decisionmaker", "決裁者", "スポンサー", "意思決定者", "役員"),
        "field_user": ("fielduser", "user", "enduser", "現場", "利用者", "現場担当", "ユーザー", "一般ユーザー"),
        "other": ("other", "その他"),
    },
    ("", "country"): {
        "JP": ("日本", "日本国", "japan"),
        "US": ("アメリカ", "米国", "アメリカ合衆国", "usa", "unitedstates"),
        "GB": ("イギリス", "英国", "uk", "unitedkingdom"),
        "CN": ("中国", "china"),
        "KR": ("韓国", "southkorea", "korea"),
        "TW": ("台湾", "taiwan"),
        "SG": ("シンガポール", "singapore"),
        "DE": ("ドイツ", "germany"),
        "FR": ("フランス", "france"),
    },
    ("", "locale"): {"ja": ("日本語", "japanese"), "en": ("英語", "english")},
    ("", "currency"): {
        "JPY": ("円", "日本円", "yen"),
        "USD": ("ドル", "米ドル", "dollar", "usdollar"),
        "EUR": ("ユーロ", "euro"),
        "GBP": ("ポンド", "pound"),
    },
}
_OPEN_WORDS: Final = ("country", "locale", "currency")  # these have more values than the table has words


def plain(text: str) -> str:
    """The cell in one width, without spaces around it."""
    return unicodedata.normalize("NFKC", text).strip()


def word(kind: str, field: str, text: str) -> str:
    """The value that the word stands for. Unreadable if it is not known, with those that are."""
    table = _WORDS.get((kind, field)) or _WORDS[("", field)]
    said = normalised(text)
    for value, words in table.items():
        if said == normalised(value) or said in (normalised(each) for each in words):
            return value
    if field in _OPEN_WORDS:
        return plain(text) if field == "locale" else plain(text).upper()
    raise Unreadable("unknown_word", f"should be one of {', '.join(table)}, or a usual word for it")


def yes_no(text: str) -> bool:
    """Whether it says yes."""
    said = plain(text).casefold()
    if said in _YES or said in ("○", "◯", "✓"):
        return True
    if said in _NO or said in ("×", "-", "✗"):
        return False
    raise Unreadable("invalid_yes_no", "should be yes or no, はい or いいえ, true or false")


def whole(text: str) -> int:
    """A whole number, with or without thousands marks and a counter (12名)."""
    said = _COUNTER.sub("", plain(text))
    if _AMOUNT.fullmatch(said) and said.isascii() and len(said) <= 20:
        number, _, rest = said.replace(",", "").partition(".")
        if not rest.strip("0"):
            return int(number)
    raise Unreadable("invalid_number", "should be a whole number, such as 1200 or 1,200")


def money(text: str) -> str:
    """An amount as plain decimal text; marks of a currency and of thousands fall away."""
    said = _MONEY_MARKS.sub(r"\1", plain(text)).strip()
    if _AMOUNT.fullmatch(said) and said.isascii():
        return said.replace(",", "")
    raise Unreadable("invalid_money", "should be an amount, such as 1200.50, 1,200.50 or ¥1,200,000")


def days_come_first(texts: Iterable[str]) -> bool | None:
    """Whether the column's 1/2/2026 is February 1: True or False if some cell decides it and none objects."""
    seen: set[bool] = set()
    for text in texts:
        found = _YEAR_LAST.fullmatch(_split(plain(text))[0])
        if found is not None:
            first, second = int(found[1]), int(found[3])
            if (first > 12) != (second > 12):
                seen.add(first > 12)
    return seen.pop() if len(seen) == 1 else None


def day(text: str, days_first: bool | None) -> date:
    """A day on the calendar. Unreadable for none, and for 1/2/2026 where the column does not say which way round."""
    said = plain(text)
    serial = _SERIAL.fullmatch(said)
    if serial is not None:
        return (_EXCEL_EPOCH + timedelta(days=int(serial[1]))).date()
    return _day(_split(said)[0], days_first, _DAY_RULE)


def moment(text: str, days_first: bool | None, zone: tzinfo) -> datetime:
    """A moment in UTC; without a zone of its own it is in `zone`, a day alone is its midnight there."""
    said = plain(text)
    try:
        serial = _SERIAL.fullmatch(said)
        if serial is not None:
            local = _EXCEL_EPOCH + timedelta(seconds=round(float(said) * 86_400))
            return local.replace(tzinfo=zone).astimezone(UTC)
        dated, clock = _split(said)
        found = _day(dated, days_first, _MOMENT_RULE)
        hours, minutes, seconds, micros, own = _clock(clock)
        local = datetime(found.year, found.month, found.day, hours, minutes, seconds, micros, tzinfo=own or zone)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("invalid_time", _MOMENT_RULE) from error


def _split(said: str) -> tuple[str, str]:
    found = _SPLIT.fullmatch(said)
    return (said, "") if found is None else (found[1], found[2])


def _clock(text: str) -> tuple[int, int, int, int, tzinfo | None]:
    if not text:
        return 0, 0, 0, 0, None
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise Unreadable("invalid_time", _MOMENT_RULE)
    zone = found[5]
    own: tzinfo | None = None
    if zone is not None:
        own = datetime.strptime(zone.upper(), "%z").tzinfo
    return int(found[1]), int(found[2]), int(found[3] or 0), int((found[4] or "").ljust(6, "0")), own


def _day(said: str, days_first: bool | None, rule: str) -> date:
    try:
        return _calendar_day(said, days_first, rule)
    except (ValueError, OverflowError) as error:
        if isinstance(error, Unreadable):
            raise
        raise _no_day(rule) from error


def _calendar_day(said: str, days_first: bool | None, rule: str) -> date:
    if found := _YEAR_FIRST.fullmatch(said):
        return date(int(found[1]), int(found[3]), int(found[4]))
    if found := _COMPACT.fullmatch(said) or _KANJI.fullmatch(said):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _ERA.fullmatch(said):
        year = 1 if found[2] == "元" else int(found[2])
        return date(_ERAS[found[1].casefold()] + year, int(found[3]), int(found[4]))
    if found := _YEAR_LAST.fullmatch(said):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        if first > 12:
            return date(year, second, first)
        if second > 12 or first == second:
            return date(year, first, second)
        if days_first is None:
            raise Unreadable(
                "ambiguous_day", "may be read as two days, and no other row of the column decides: write 2026-01-31"
            )
        return date(year, second, first) if days_first else date(year, first, second)
    raise _no_day(rule)


def _no_day(rule: str) -> Unreadable:
    return Unreadable("invalid_day" if rule is _DAY_RULE else "invalid_time", rule)
