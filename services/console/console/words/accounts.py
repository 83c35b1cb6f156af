"""The list of accounts."""

from collections.abc import Mapping
from typing import Final

from console.words.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "title": Text("Accounts", "顧客"),
    "shown": Text("{n} accounts, the most urgent first", "{n}社、急ぎの順", one="{n} account"),
    "shown_more": Text("The {n} most urgent accounts", "急ぎの順に{n}社"),
    "following": Text("The next {n} accounts", "続きの{n}社", one="The next account"),
    "rule": Text("by band, then score", "状態、スコアの順"),
    "filter": Text("Filter", "絞り込み"),
    "apply": Text("Apply filter", "絞り込む"),
    "all": Text("All", "すべて"),
    "any": Text("any", "すべて"),
    "band": Text("Band", "状態"),
    "stage": Text("Stage", "段階"),
    "segment": Text("Segment", "区分"),
    "owner": Text("Owner", "担当"),
    "watch": Text("Watch", "見守り"),
    "text": Text("Name or id", "名前・ID"),
    "remove": Text("Remove the filter {name}", "絞り込み「{name}」を外す"),
    "score": Text("Score", "スコア"),
    "account": Text("Account and reason", "顧客と理由"),
    "mrr": Text("MRR", "月額"),
    "renewal": Text("Renewal", "更新"),
    "contact": Text("Last contact", "最終接点"),
    "task": Text("Next task", "次のタスク"),
    "change": Text("in 7 d", "（7日間）"),
    "unchanged": Text("steady for 7 d", "変わらず（7日間）"),
    "no_past": Text("no record 7 d ago", "7日前の記録なし"),
    "in_days": Text("in {n} days", "あと{n}日", one="in {n} day"),
    "days_ago": Text("{n} days ago", "{n}日前", one="{n} day ago"),
    "passed": Text("{n} days ago", "{n}日超過", one="{n} day ago"),
    "today": Text("today", "今日"),
    "no_contract": Text("no end known", "期限不明"),
    "no_mrr": Text("not known", "不明"),
    "no_owner": Text("nobody yet", "未定"),
    "no_contact": Text("none yet", "まだなし"),
    "no_task": Text("none", "なし"),
    "more": Text("Next {n}", "次の{n}社"),
    "first": Text("Back to the first", "先頭に戻る"),
    "empty": Text("No accounts yet.", "顧客はまだありません。"),
    "empty_how": Text(
        "Send events or import a CSV: the list fills as soon as the first event is scored.",
        "イベントを送信するかCSVを取り込むと、最初のイベントの評価後に表示されます。",
    ),
    "empty_link": Text("How to send events", "イベントの送信方法"),
    "no_match": Text("No account matches. Remove a filter:", "一致する顧客はありません。絞り込みを外してください:"),
    "reason": Text("Reason", "理由"),
}  # fmt: skip
