"""How far an account has come: the stage, onboarding, the renewal, notices, the adoption level."""

from collections.abc import Mapping
from typing import Final

from console.words.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "progress": Text("Progress", "進捗"),
    "since": Text("{stage} since {day}", "{day}から{stage}"),
    "no_contract": Text(
        "No contract yet. Import contracts to see onboarding and renewal.",
        "契約がまだありません。契約を取り込むと、導入と更新の進捗が表示されます。",
    ),
    "reached": Text("reached {day}", "{day} 達成"),
    "met": Text("reached", "達成"),
    "due": Text("due {day}", "期限 {day}"),
    "late": Text("{n} days late", "{n}日超過", one="{n} day late"),
    "missed": Text("not reached", "未達成"),
    "open": Text("open", "未完了"),
    # notices
    "notices": Text("Notice of cancellation", "解約通知"),
    "notice": Text(
        "Contract {contract}: notice given {day}, last day {ends}.",
        "契約 {contract}: {day}に通知、最終日 {ends}。",
    ),
    "notice_open": Text(
        "Contract {contract}: notice given {day}, last day not known.",
        "契約 {contract}: {day}に通知、最終日は不明。",
    ),
    # onboarding
    "onboarding": Text("Onboarding", "導入"),
    "running": Text("Day {day} of {days}, until {last}.", "{days}日中{day}日目、{last}まで。"),
    "ahead": Text("Begins {day}.", "{day}に開始。"),
    "completed": Text("Completed {end}, on day {day}.", "{end}に完了（{day}日目）。"),
    "failed": Text("Not completed by its last day, {last}.", "最終日（{last}）までに完了しませんでした。"),
    "unknown": Text("Over before the first data came.", "最初のデータより前に期間が終了しています。"),
    "milestones": Text("Milestones", "マイルストーン"),
    "milestones_unknown": Text(
        "No milestone was told of yet. Send milestone.reached.",
        "マイルストーンの記録がありません。milestone.reachedを送信してください。",
    ),
    "first_value": Text("First value, {n} of {days} days", "最初の成果（{days}日中{n}日）"),
    "milestone_kickoff": Text("Kick-off", "キックオフ"),
    "milestone_data_imported": Text("Data imported", "データの取り込み"),
    "milestone_go_live": Text("Go-live", "稼働開始"),
    # renewal
    "renewal": Text("Renewal", "更新"),
    "renewal_begun": Text(
        "Contract {contract}: the term ends {ends}, {n} days left.",
        "契約 {contract}: 期間は{ends}まで、あと{n}日。",
        one="Contract {contract}: the term ends {ends}, {n} day left.",
    ),
    "renewal_coming": Text(
        "Contract {contract}: begins {begins}. The term ends {ends}, {n} days left.",
        "契約 {contract}: {begins}に開始。期間は{ends}まで、あと{n}日。",
        one="Contract {contract}: begins {begins}. The term ends {ends}, {n} day left.",
    ),
    "renewal_none": Text("No renewal is ahead.", "予定されている更新はありません。"),
    "checklist_unknown": Text(
        "No step was told of yet. Send milestone.reached.",
        "手順の記録がありません。milestone.reachedを送信してください。",
    ),
    "milestone_renewal_review": Text("Review held", "振り返り"),
    "milestone_renewal_proposal": Text("Proposal sent", "提案"),
    "milestone_renewal_agreed": Text("Renewal agreed", "合意"),
    # adoption level
    "adoption": Text("Adoption level", "活用度"),
    "level": Text("{level}. For {next}:", "{level}。「{next}」の条件:"),
    "level_low": Text(
        "{level}. For {next}: one person with core actions in {n} days.",
        "{level}。「{next}」の条件: {n}日間に主要操作をした人が1人。",
    ),
    "level_highest": Text("{level}, the highest.", "{level}（最高）。"),
    "need": Text("{value}, needs {needed}", "{value}（必要 {needed}）"),
    "value_unknown": Text("not known", "不明"),
}
