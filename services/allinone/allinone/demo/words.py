"""How the demo speaks: English and Japanese."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Language = Literal["en", "ja"]


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language; braces are filled in."""

    language: Language
    fell: str
    rose: str
    turned: Mapping[str, str]
    moved: str  # the change, then its causes
    cause: str
    between_causes: str
    between_parts: str
    gave_task: str
    gave_task_alone: str
    no_owner: str
    answered: str
    completed: str
    smaller_one: str
    smaller_many: str
    moment: str
    weekdays: Sequence[str]
    months: Sequence[str]
    roles: Mapping[str, str]
    measures: Mapping[str, str]
    outcomes: Mapping[str, str]
    receiver: str
    received: str
    columns: Sequence[str]
    good: str
    again: str
    bad: str
    loading: str
    so_far: str
    loaded: str
    scored: str
    went_on: str
    open_console: str
    open_receiver: str
    runs: str
    stands: str
    stop: str
    summary: str
    webhooks: str
    failures: str
    nothing_failed: str

    def measure(self, name: str) -> str:
        """A measure, or the reason of an adjustment, in words."""
        return self.measures.get(name, name.replace("_", " "))

    def outcome(self, code: str) -> str:
        """How a task ended."""
        return self.outcomes.get(code, code.replace("_", " "))

    def when(self, at: datetime) -> str:
        """A moment of the world, in the zone that it has."""
        return self.moment.format(
            weekday=self.weekdays[at.weekday()],
            month=self.months[at.month - 1],
            m=at.month,
            day=at.day,
            time=f"{at:%H:%M}",
        )


def words_of(language: Language) -> Words:
    """The texts of a language."""
    return JAPANESE if language == "ja" else ENGLISH


_DIGITS: Final = tuple(str(number) for number in range(1, 13))

ENGLISH: Final = Words(
    language="en",
    fell="{account} fell from {before} to {after}{turned}",
    rose="{account} rose from {before} to {after}{turned}",
    turned={
        "red": " and turned red", "yellow": " and turned yellow", "green": " and turned green",
        "grey": " and turned grey",
    },
    moved="{change}: {causes}",
    cause="{measure} {points}",
    between_causes=", ",
    between_parts="; ",
    gave_task="playbook {playbook} gave {owner} a task",
    gave_task_alone="{account}: playbook {playbook} gave {owner} a task",
    no_owner="nobody",
    answered="{account}: {role} answered {score} to the survey",
    completed="{account}: {owner} completed the task of {playbook}, outcome: {outcome}",
    smaller_one="and 1 smaller change",
    smaller_many="and {count} smaller changes",
    moment="{weekday} {day} {month} {time}",
    weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    roles={
        "payer": "the payer", "champion": "a champion", "sponsor": "the sponsor", "field_user": "a user",
        "other": "a person",
    },
    measures={
        "milestones": "milestones", "first_value": "first value", "activation": "activation",
        "active_share": "active people", "usage_trend": "usage trend", "breadth": "breadth", "depth": "depth",
        "silence": "silence", "open_tickets": "open tickets", "csat": "CSAT", "nps": "NPS", "contact": "contact",
        "sponsor": "sponsor", "overdue": "overdue invoice", "mrr_change": "MRR",
        "renewal_checklist": "renewal checklist",
        "severity_1_overdue": "cap: overdue severity 1 ticket", "no_active_person": "cap: nobody active",
        "sponsor_gone": "cap: sponsor gone",
    },
    outcomes={},
    receiver="Webhooks received",
    received="{count} webhooks came in, {doubles} of them again; {refused} were refused for their signature.",
    columns=("Time", "Id", "Type", "Account", "Signature"),
    good="checked, good",
    again="checked, good; came again",
    bad="refused",
    loading="Loading {days} days of {accounts} customers",
    so_far="{sent} of {total} events loaded, {scored} scored",
    loaded="{events} events loaded in {seconds} s",
    scored="{accounts} accounts scored in {seconds} s",
    went_on="The demo goes on where it stopped: {accounts} customers, {moment} in its world.",
    open_console="Open {url}",
    open_receiver="Webhooks are shown at {url}",
    runs="Time runs {speed}. What happens from now on:",
    stands="Time stands still (--no-live).",
    stop="Stop with Ctrl-C.",
    summary="The demo has ended after {seconds} s, at {moment} in its world. Done: {done}.",
    webhooks="{count} webhooks received, {doubles} again, {refused} with a bad signature.",
    failures="Not done: {failed}.",
    nothing_failed="Nothing failed.",
)  # fmt: skip

JAPANESE: Final = Words(
    language="ja",
    fell="{account}のスコアが{before}から{after}に下がり{turned}ました",
    rose="{account}のスコアが{before}から{after}に上がり{turned}ました",
    turned={"red": "、赤になり", "yellow": "、黄になり", "green": "、緑になり", "grey": "、灰になり"},
    moved="{change}（{causes}）",
    cause="{measure} {points}",
    between_causes="、",
    between_parts="。",
    gave_task="プレイブック {playbook} が{owner}にタスクを割り当てました",
    gave_task_alone="{account}: プレイブック {playbook} が{owner}にタスクを割り当てました",
    no_owner="担当者未定",
    answered="{account}: {role}がアンケートに{score}点と回答しました",
    completed="{account}: {owner}が {playbook} のタスクを完了しました（結果: {outcome}）",
    smaller_one="ほかに小さな変化が1件ありました",
    smaller_many="ほかに小さな変化が{count}件ありました",
    moment="{m}/{day}({weekday}) {time}",
    weekdays=("月", "火", "水", "木", "金", "土", "日"),
    months=_DIGITS,
    roles={
        "payer": "支払担当の方", "champion": "推進役の方", "sponsor": "スポンサーの方", "field_user": "利用者の方",
        "other": "ご担当の方",
    },
    measures={
        "milestones": "マイルストーン", "first_value": "初回の成果", "activation": "利用開始",
        "active_share": "利用者の割合", "usage_trend": "利用の推移", "breadth": "利用の幅", "depth": "利用の深さ",
        "silence": "無利用の期間", "open_tickets": "未解決の問い合わせ", "csat": "CSAT", "nps": "NPS",
        "contact": "接触", "sponsor": "スポンサー", "overdue": "支払いの遅れ", "mrr_change": "MRR",
        "renewal_checklist": "更新準備",
        "severity_1_overdue": "上限: 重大な問い合わせの超過", "no_active_person": "上限: 利用者なし",
        "sponsor_gone": "上限: スポンサーの離任",
    },
    outcomes={
        "reached": "話せた", "not_reached": "話せなかった", "no_answer": "応答なし", "resolved": "解決した",
        "agreed": "合意した", "declined": "断られた", "done": "完了",
    },
    receiver="受信したWebhook",
    received="{count}件のWebhookを受信しました（再送{doubles}件）。署名の誤りで拒否したものは{refused}件です。",
    columns=("時刻", "ID", "種類", "取引先", "署名"),
    good="確認済み",
    again="確認済み（再送）",
    bad="拒否",
    loading="{accounts}社・過去{days}日分の履歴を読み込んでいます",
    so_far="{total}件中{sent}件を読み込み、{scored}件を計算済み",
    loaded="{events}件のイベントを{seconds}秒で読み込みました",
    scored="{accounts}社のスコアを{seconds}秒で計算しました",
    went_on="前回の続きから始めます（{accounts}社、デモの世界では{moment}）。",
    open_console="こちらを開いてください: {url}",
    open_receiver="Webhookの受信状況: {url}",
    runs="時間は{speed}で進みます。これから起きること:",
    stands="時間は止まっています（--no-live）。",
    stop="Ctrl-Cで終了します。",
    summary="{seconds}秒で終了しました（デモの世界では{moment}）。実行: {done}。",
    webhooks="Webhookの受信{count}件、再送{doubles}件、署名の誤り{refused}件。",
    failures="実行できなかったもの: {failed}。",
    nothing_failed="失敗はありません。",
)  # fmt: skip

_KINDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "track": "usage events", "identify": "people described", "group": "accounts described", "send": "events sent",
        "answer": "answers", "task": "tasks completed", "touch": "touches recorded",
    },
    "ja": {
        "track": "利用イベント", "identify": "利用者の登録", "group": "取引先の登録", "send": "イベントの送信",
        "answer": "回答", "task": "タスクの完了", "touch": "接触の記録",
    },
}  # fmt: skip


def counted(counts: Mapping[str, int], words: Words) -> str:
    """How often what was done, the most frequent first."""
    names = _KINDS[words.language]
    most = sorted(counts.items(), key=lambda each: -each[1])
    return words.between_causes.join(f"{names.get(kind, kind)} {count:,}" for kind, count in most) or "0"
