"""Segments: accounts that a condition holds for; RFM, size, and the segments that ship.

RFM ranks accounts within the portfolio in fifths by recency, frequency and money, 5 the best (A. M. Hughes, "Strategic
Database Marketing").
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

RfmClass = Literal["champion", "loyal", "promising", "cannot_lose", "slipping", "hibernating", "regular"]
Size = Literal["small", "medium", "large", "enterprise"]

_FIFTHS: Final = 5
_SIZES: Final[tuple[tuple[int, Size], ...]] = ((20, "small"), (100, "medium"), (500, "large"))  # seats below


@dataclass(frozen=True, slots=True)
class Rank:
    """Fifths 1-5, 5 the best. Who has done nothing in the window has recency and frequency 1; money None: unknown."""

    recency: int
    frequency: int
    money: int | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A condition with a name in Japanese and English. ready: it ships, and nobody changes it."""

    id: str
    names: Mapping[str, str]
    condition: str
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What RFM goes by: days since the last core action (None: none in 90 days), core actions in 90 days, money."""

    idle_days: int | None
    core_actions: int
    money: float | None


def fifths(values: Mapping[str, float]) -> dict[str, int]:
    """The fifth of each value among all, 1 the lowest. Equal values share one: that of the middle of their ranks."""
    ordered = sorted(values.values())
    count = len(ordered)

    def fifth(value: float) -> int:
        ranks = bisect_left(ordered, value) + bisect_right(ordered, value)  # twice the middle
        return ranks * _FIFTHS // (2 * count) + 1 if ranks < 2 * count else _FIFTHS

    return {name: fifth(value) for name, value in values.items()}


def ranked(portfolio: Mapping[str, Standing]) -> dict[str, Rank]:
    """The rank of each account among those that are at work (recency, frequency) and that pay (money)."""
    recency = fifths({id_: -float(each.idle_days) for id_, each in portfolio.items() if each.idle_days is not None})
    frequency = fifths({id_: float(each.core_actions) for id_, each in portfolio.items() if each.core_actions})
    money = fifths({id_: each.money for id_, each in portfolio.items() if each.money is not None})
    return {id_: Rank(recency.get(id_, 1), frequency.get(id_, 1), money.get(id_)) for id_ in portfolio}


def rfm_class(rank: Rank) -> RfmClass:
    """The usual names of the fields of the RFM grid."""
    money = rank.money or 1
    match rank.recency, rank.frequency:
        case (4 | 5, 4 | 5):
            return "champion" if money > 3 else "loyal"
        case (3, 4 | 5):
            return "loyal"
        case (4 | 5, 1 | 2):
            return "promising"
        case (1 | 2, 4 | 5) if money > 3:
            return "cannot_lose"
        case (1 | 2, 3 | 4 | 5):
            return "slipping"
        case (1 | 2, 1 | 2):
            return "hibernating"
    return "regular"


def size(seats: int | None) -> Size | None:
    """By seats: small below 20, medium below 100, large below 500."""
    if seats is None:
        return None
    return next((name for below, name in _SIZES if seats < below), "enterprise")


def _ready(id_: str, en: str, ja: str, condition: str) -> Segment:
    return Segment(id_, {"en": en, "ja": ja}, condition, ready=True)


READY: Final[Sequence[Segment]] = (
    _ready("small", "Small (below 20 seats)", "小規模（20席未満）", 'account.size == "small"'),
    _ready("medium", "Medium (20 to 99 seats)", "中規模（20〜99席）", 'account.size == "medium"'),
    _ready("large", "Large (100 to 499 seats)", "大規模（100〜499席）", 'account.size == "large"'),
    _ready("enterprise", "Enterprise (500 seats and more)", "エンタープライズ（500席以上）",
           'account.size == "enterprise"'),
    _ready("at-risk-renewal", "At risk, renewal within 90 days", "リスクあり・90日以内に更新",
           'health.band in ["red", "yellow"] && account.days_to_renewal <= 90'),
    _ready("declining", "Declining though not red", "赤ではないが低下中",
           'health.band != "red" && "declining" in health.watch'),
    _ready("divergent", "Good relationship, falling usage", "関係は良好だが利用が減少", '"divergent" in health.watch'),
    _ready("stuck-onboarding", "Onboarding and not green", "オンボーディング停滞",
           'health.stage == "onboarding" && health.band in ["red", "yellow"]'),
    _ready("out-of-touch", "No contact for 90 days", "90日間連絡なし", "account.contacts_90_days == 0"),
    _ready("high-touch", "In touch at least monthly", "月1回以上連絡", "account.contacts_90_days >= 3"),
    _ready("champions", "Champions: recent, frequent, high revenue", "優良顧客（最近・高頻度・高収益）",
           'rfm.class == "champion"'),
    _ready("cannot-lose", "Cannot lose: high revenue, falling silent", "失えない顧客（高収益・利用が途絶えがち）",
           'rfm.class == "cannot_lose"'),
    _ready("hibernating", "Hibernating: long silent, seldom used", "休眠（長期間利用なし・低頻度）",
           'rfm.class == "hibernating"'),
    _ready("top-revenue", "Top fifth by revenue", "収益上位20%", "rfm.money == 5"),
)  # fmt: skip
