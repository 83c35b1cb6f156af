"""What the pages say, in each language."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from survey.domain.languages import Language


@dataclass(frozen=True, slots=True)
class Notice:
    """A page that holds a message only."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """Every text of the pages in one language. {braces} are filled in when a page is made."""

    itself: str  # the language's own name
    question: str
    lowest: str
    highest: str
    why: str
    why_promoter: str
    why_passive: str
    why_detractor: str
    optional: str
    send: str
    change: str
    nothing_yet: str
    recorded: str
    changeable: str
    choose: str
    too_long: str
    thanks: str
    your_score: str
    with_comment: str
    add_comment: str
    change_score: str
    demo: str
    unknown: Notice
    expired: Notice
    used_up: Notice
    too_large: Notice
    unavailable: Notice


_EN: Final = Words(
    itself="English",
    question="How likely are you to recommend our service to a friend or colleague?",
    lowest="0: not at all likely",
    highest="10: very likely",
    why="What is the main reason for your score?",
    why_promoter="What do you value most?",
    why_passive="What is missing for a 10?",
    why_detractor="What should we improve first?",
    optional="optional",
    send="Send answer",
    change="Send changed answer",
    nothing_yet="Nothing is recorded until you send.",
    recorded="Recorded: {score} of 10.",
    changeable="You can change your answer with this link until {moment}.",
    choose="No number was chosen, so nothing was recorded. Choose one from 0 to 10.",
    too_long="The comment has {length} characters, so nothing was recorded. Shorten it to {limit}.",
    thanks="Thank you. Your answer is recorded.",
    your_score="Your score: {score} of 10.",
    with_comment="Your comment is recorded as well.",
    add_comment="Send comment",
    change_score="Change the answer",
    demo="Demonstration: time runs {speed} times as fast.",
    unknown=Notice(
        "This link is not valid.",
        "It may have been cut off in the email, or the survey was withdrawn. Open the link in the email once more.",
    ),
    expired=Notice("This survey is closed.", "The link was open until {moment}. Nothing was recorded."),
    used_up=Notice("This link has been used.", "The answer is recorded and can no longer be changed."),
    too_large=Notice(
        "The answer is too long.", "Nothing was recorded. Go back and shorten the comment to {limit} characters."
    ),
    unavailable=Notice("The survey cannot be reached.", "Nothing was recorded. Try again in a minute."),
)
_JA: Final = Words(
    itself="日本語",
    question="当社のサービスを、ご友人や同僚にすすめる可能性はどのくらいありますか。",
    lowest="0: まったくすすめない",
    highest="10: ぜひすすめたい",
    why="その点数の主な理由は何ですか。",
    why_promoter="特に役立っている点は何ですか。",
    why_passive="10点に足りない点は何ですか。",
    why_detractor="まず改善すべき点は何ですか。",
    optional="任意",
    send="回答を送る",
    change="変更した回答を送る",
    nothing_yet="送るまで、何も記録されません。",
    recorded="記録済みの点数は{score}点（10点満点）です。",
    changeable="{moment}まで、このリンクから回答を変更できます。",
    choose="点数が選ばれていないため、記録していません。0から10の中から選んでください。",
    too_long="コメントが{length}字あるため、記録していません。{limit}字以内にしてください。",
    thanks="ご回答を記録しました。ありがとうございます。",
    your_score="点数は{score}点（10点満点）です。",
    with_comment="コメントも記録しました。",
    add_comment="コメントを送る",
    change_score="回答を変更する",
    demo="デモ: 時間が{speed}倍の速さで進みます。",
    unknown=Notice(
        "このリンクは無効です。",
        "メールの途中で切れているか、調査が取り下げられています。メールのリンクをもう一度開いてください。",
    ),
    expired=Notice("この調査は終了しました。", "リンクの期限は{moment}でした。回答は記録されていません。"),
    used_up=Notice("このリンクは使用済みです。", "ご回答は記録済みで、変更の期間は終わりました。"),
    too_large=Notice("回答が長すぎます。", "記録していません。前の画面に戻り、コメントを{limit}字以内にしてください。"),
    unavailable=Notice("ただいま接続できません。", "記録していません。1分ほどたってから、もう一度お試しください。"),
)
WORDS: Final[Mapping[Language, Words]] = MappingProxyType({"en": _EN, "ja": _JA})

# The survey that is there from the first start.
NPS_NAME: Final = {"en": "Customer survey", "ja": "お客様アンケート"}
