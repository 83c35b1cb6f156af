"""Invented companies and people, combined from lists of words. Any likeness to real ones is chance."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from csworld.dice import shuffled


@dataclass(frozen=True, slots=True)
class Firm:
    """A company: slug for its id, its name, its industry."""

    slug: str
    name: str
    industry: str


@dataclass(frozen=True, slots=True)
class FullName:
    """A person's name, and its part of an email address."""

    name: str
    address: str


_JP_PLACES: Final = (
    ("赤城", "akagi"), ("白鷺", "shirasagi"), ("若杉", "wakasugi"), ("夕凪", "yunagi"), ("瑞原", "mizuhara"),
    ("鳴瀬", "naruse"), ("桐生野", "kiryuno"), ("霧島台", "kirishimadai"), ("青嵐", "seiran"), ("美濃川", "minokawa"),
    ("北斗台", "hokutodai"), ("八雲野", "yakumono"), ("千歳川", "chitosegawa"), ("浅間台", "asamadai"),
    ("多摩見", "tamami"), ("渚橋", "nagisabashi"), ("大和田原", "owadahara"), ("海老坂", "ebisaka"),
    ("篠ノ井沢", "shinonoizawa"), ("蓮田原", "hasudahara"), ("常磐野", "tokiwano"), ("月岡台", "tsukiokadai"),
)  # fmt: skip
_JP_TRADES: Final = (
    ("バルブ製作所", "valve", "manufacturing"), ("精密工業", "seimitsu", "manufacturing"),
    ("ロジスティクス", "logistics", "logistics"), ("物流サービス", "butsuryu", "logistics"),
    ("メディカル", "medical", "healthcare"), ("介護サポート", "kaigo", "healthcare"),
    ("フーズ", "foods", "food"), ("醸造", "jozo", "food"), ("建材", "kenzai", "construction"),
    ("設備工業", "setsubi", "construction"), ("ソフトウェア", "software", "software"),
    ("情報システム", "joho", "software"), ("アパレル", "apparel", "retail"), ("文具", "bungu", "retail"),
    ("不動産管理", "kanri", "real_estate"), ("会計事務所", "kaikei", "professional_services"),
    ("印刷", "insatsu", "media"), ("学習塾", "juku", "education"),
)  # fmt: skip
_EN_PLACES: Final = (
    "Harrowgate", "Linden Vale", "Copperfield", "Northmere", "Ashgrove", "Bellweather", "Thornbury Lane",
    "Kestrel Point", "Marlow Creek", "Oakhurst Bay", "Pinewick", "Quarry Hill", "Redfern Park", "Silverbrook",
    "Tallow Ridge", "Underhill", "Wexley", "Yarrow Fields", "Briarstone", "Coldwater Pass", "Dunmore Hollow",
    "Elmsworth",
)  # fmt: skip
_EN_TRADES: Final = (
    ("Instruments", "instruments", "manufacturing"), ("Tooling", "tooling", "manufacturing"),
    ("Freight", "freight", "logistics"), ("Couriers", "couriers", "logistics"), ("Clinics", "clinics", "healthcare"),
    ("Home Care", "home-care", "healthcare"), ("Bakeries", "bakeries", "food"), ("Provisions", "provisions", "food"),
    ("Builders", "builders", "construction"), ("Roofing", "roofing", "construction"),
    ("Analytics", "analytics", "software"), ("Systems", "systems", "software"), ("Outfitters", "outfitters", "retail"),
    ("Garden Supply", "garden-supply", "retail"), ("Lettings", "lettings", "real_estate"),
    ("Advisory", "advisory", "professional_services"), ("Press", "press", "media"), ("Tutors", "tutors", "education"),
)  # fmt: skip
_JP_FAMILIES: Final = (
    ("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("田中", "tanaka"), ("渡辺", "watanabe"),
    ("伊藤", "ito"), ("山本", "yamamoto"), ("中村", "nakamura"), ("小林", "kobayashi"), ("加藤", "kato"),
    ("吉田", "yoshida"), ("山田", "yamada"), ("松本", "matsumoto"), ("井上", "inoue"), ("木村", "kimura"),
    ("清水", "shimizu"), ("斎藤", "saito"), ("岡田", "okada"), ("長谷川", "hasegawa"), ("石井", "ishii"),
)  # fmt: skip
_JP_GIVEN: Final = (
    ("陽菜", "hina"), ("結衣", "yui"), ("美咲", "misaki"), ("真由美", "mayumi"), ("恵子", "keiko"), ("沙織", "saori"),
    ("彩香", "ayaka"), ("友美", "tomomi"), ("大輔", "daisuke"), ("健太", "kenta"), ("翔太", "shota"), ("直樹", "naoki"),
    ("誠", "makoto"), ("隆", "takashi"), ("浩二", "koji"), ("和也", "kazuya"), ("亮", "ryo"), ("哲也", "tetsuya"),
)  # fmt: skip
_EN_FAMILIES: Final = (
    "Adler", "Barnes", "Castillo", "Dawson", "Ellison", "Fraser", "Gupta", "Holloway", "Ibrahim", "Jensen", "Keller",
    "Lambert", "Mercer", "Novak", "Osborne", "Pereira", "Quinn", "Ramsey", "Sutton", "Tran", "Vance", "Whitaker",
)  # fmt: skip
_EN_GIVEN: Final = (
    "Alice", "Ben", "Carla", "David", "Elena", "Frank", "Grace", "Hugo", "Imani", "Jack", "Kavita", "Liam", "Maya",
    "Nadia", "Owen", "Paula", "Rafael", "Sofia", "Theo", "Zoe",
)  # fmt: skip


def firms(random: Random, japanese: bool) -> Iterator[Firm]:
    """Companies with distinct slugs and names, more than 390 of each kind."""
    if japanese:
        pairs = [(place, trade) for place in _JP_PLACES for trade in _JP_TRADES]
        for (place, romaji), (trade, short, industry) in shuffled(random, pairs):
            yield Firm(f"{romaji}-{short}", f"{place}{trade}", industry)
        return
    for place, (trade, short, industry) in shuffled(random, [(p, t) for p in _EN_PLACES for t in _EN_TRADES]):
        yield Firm(f"{place.lower().replace(' ', '-')}-{short}", f"{place} {trade}", industry)


def full_names(random: Random, japanese: bool) -> Iterator[FullName]:
    """Names of people, each once, 360 or more."""
    if japanese:
        for (family, f), (given, g) in shuffled(random, [(f, g) for f in _JP_FAMILIES for g in _JP_GIVEN]):
            yield FullName(f"{family} {given}", f"{f}.{g}")
        return
    for family, given in shuffled(random, [(f, g) for f in _EN_FAMILIES for g in _EN_GIVEN]):
        yield FullName(f"{given} {family}", f"{given}.{family}".lower())
