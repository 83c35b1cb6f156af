"""Why a score is what it is: measures, their values, what is missing, caps and overrides."""

from collections.abc import Mapping
from typing import Final

from console.words.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    # names of measures
    "active_share": Text("Active people", "利用者の割合"),
    "usage_trend": Text("Core usage trend", "主要機能の利用の推移"),
    "open_tickets": Text("Open tickets", "未解決の問い合わせ"),
    "nps": Text("NPS answers", "NPSの回答"),
    "contact": Text("Two-way contact", "双方向の接点"),
    # what a value says, short, next to the name
    "active_share_value": Text("{percent} of seats", "席数の{percent}"),
    "usage_trend_down": Text("down {percent}", "{percent}減"),
    "usage_trend_up": Text("up {percent}", "{percent}増"),
    "usage_trend_same": Text("steady", "横ばい"),
    "open_tickets_none": Text("none", "なし"),
    "open_tickets_value": Text("load {value}", "負荷 {value}"),
    "nps_value": Text("{value}", "{value}"),
    "contact_days": Text("{n} days ago", "{n}日前", one="{n} day ago"),
    "contact_today": Text("today", "今日"),
    "contact_ratio": Text("{value} of the cadence", "目安の{value}倍"),
    # the second line under a measure
    "active_share_about": Text("at work in the last 28 days", "過去28日間に利用した人"),
    "usage_trend_about": Text("28 days against the 56 before", "過去28日間とその前の56日間の比較"),
    "open_tickets_about": Text("severity times age, per seat", "重大度×経過時間、席数あたり"),
    "nps_about": Text("180 days, newer answers count more", "過去180日間、新しい回答ほど重視"),
    "contact_about": Text("against the agreed cadence", "目安の間隔との比較"),
    "as_of": Text("{about}, newest data {day}", "{about}、最新データ{day}"),
    # reasons in a sentence: the largest causes of a score
    "say_active_share_low": Text("Only {percent} of seats are active", "利用者は席数の{percent}のみ"),
    "say_active_share_none": Text("Nobody is active", "利用者なし"),
    "say_active_share_high": Text("{percent} of seats are active", "席数の{percent}が利用"),
    "say_usage_trend_down": Text("Core usage down {percent} in 28 days", "利用が28日間で{percent}減少"),
    "say_usage_trend_up": Text("Core usage up {percent} in 28 days", "利用が28日間で{percent}増加"),
    "say_usage_trend_same": Text("Core usage steady over 28 days", "利用は28日間横ばい"),
    "say_open_tickets": Text("Open tickets weigh {value}", "未解決の問い合わせの負荷が{value}"),
    "say_open_tickets_none": Text("No open tickets", "未解決の問い合わせなし"),
    "say_nps": Text("NPS {value}", "NPSは{value}"),
    "say_contact_late": Text(
        "No two-way contact for {n} days",
        "{n}日間、双方向の接点なし",
        one="No two-way contact for {n} day",
    ),
    "say_contact_recent": Text("Contact {n} days ago", "{n}日前に接点あり", one="Contact {n} day ago"),
    "say_contact_today": Text("Contact today", "今日接点あり"),
    "say_contact_ratio": Text("Contact at {value} times the cadence", "接点の間隔が目安の{value}倍"),
    "say_other_down": Text("{measure} takes {points} points", "{measure}で{points}点減"),
    "say_other_up": Text("{measure} adds {points} points", "{measure}で{points}点増"),
    "say_severity_1_overdue": Text("A severity 1 ticket is far past its SLA", "重大度1の問い合わせがSLAを大きく超過"),
    "say_no_active_person": Text("Nobody has worked in it for weeks", "利用者がいない状態が続く"),
    "say_capped": Text("{cause}. Capped at {at}, else {otherwise}", "{cause}。上限{at}点（本来{otherwise}点）"),
    "say_override_up": Text("Raised {points} by hand", "手動で{points}点加算"),
    "say_override_down": Text("Lowered {points} by hand", "手動で{points}点減算"),
    "say_nothing": Text("Nothing weighs on the score", "スコアを下げる要因なし"),
    "say_grey": Text(
        "Coverage {percent}, too little for a band; not connected: {measures}",
        "データ充足率{percent}のため判定なし（未接続: {measures}）",
    ),
    "say_grey_plain": Text("Coverage {percent}, too little for a band", "データ充足率{percent}のため判定なし"),
    "and": Text("{first}; {then}", "{first}、{then}"),
    # what was left out
    "not_connected": Text(
        "not connected, so left out; the others weigh more",
        "未接続のため除外（他の指標の比重が増加）",
    ),
    "not_applicable": Text("does not apply yet, so left out", "まだ対象外のため除外"),
    "stale": Text("too old to count, so left out", "データが古いため除外"),
    "stale_since": Text("stale since {day}, so left out", "{day}以降データなしのため除外"),
    "none": Text("none", "なし"),
    # the other lines of the sum
    "reference": Text("Reference", "基準"),
    "reference_about": Text("the green line", "緑の境界"),
    "score": Text("Score", "スコア"),
    "cap": Text("Cap", "上限"),
    "override": Text("Override", "手動調整"),
    "clamp": Text("Limit of the scale", "範囲の調整"),
    "clamp_about": Text("a score stays between 0 and 100", "スコアは0から100の範囲"),
    "override_about": Text("set by hand, until it expires", "手動で設定、期限まで有効"),
    "cap_reached": Text("{cause}; at most {at}", "{cause}、上限{at}点"),
    "cap_idle": Text("{cause}; the score is below it anyway", "{cause}（スコアは上限未満）"),
    "no_adjustments": Text("Cap and override", "上限と手動調整"),
    "no_adjustments_about": Text("no cap, no override", "上限なし、手動調整なし"),
}  # fmt: skip
