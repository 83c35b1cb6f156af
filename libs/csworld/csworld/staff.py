"""The company's own people: customer success managers and their leader."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Member:
    """Someone of the staff; leader is the leader's id, None for the leader."""

    id: str
    name: str
    email: str
    role: Literal["csm", "leader"]
    leader: str | None
    country: str
    time_zone: str
    locale: Literal["ja", "en"]


_LEADER: Final = "reiko.tachibana"
_PLACES: Final[dict[str, tuple[str, Literal["ja", "en"]]]] = {
    "JP": ("Asia/Tokyo", "ja"),
    "US": ("America/New_York", "en"),
    "GB": ("Europe/London", "en"),
    "AU": ("Australia/Sydney", "en"),
}
_LANDS_SERVED: Final = {"JP": ("JP",), "US": ("US",), "GB": ("GB", "AU", "US")}


def _member(id_: str, name: str, country: str, role: Literal["csm", "leader"] = "csm") -> Member:
    zone, locale = _PLACES[country]
    leader = None if role == "leader" else _LEADER
    return Member(id_, name, f"{id_}@kizashi-demo.example", role, leader, country, zone, locale)


# The staff is the same in every world: people who demonstrate it know whose desk they look at.
STAFF: Final = (
    _member(_LEADER, "橘 玲子", "JP", "leader"),
    _member("yuka.mori", "森 由佳", "JP"),
    _member("takumi.hayakawa", "早川 拓海", "JP"),
    _member("sho.minegishi", "峰岸 翔", "JP"),
    _member("aoi.kitamura", "北村 葵", "JP"),
    _member("dana.whitlock", "Dana Whitlock", "US"),
    _member("marcus.okafor", "Marcus Okafor", "US"),
    _member("priya.raman", "Priya Raman", "GB"),
)


def serving(country: str) -> tuple[Member, ...]:
    """The CSMs who look after customers of a country."""
    return tuple(m for m in STAFF if m.role == "csm" and country in _LANDS_SERVED[m.country])


def zone_of(country: str) -> str:
    """The time zone of a country's largest offices."""
    return _PLACES[country][0]
