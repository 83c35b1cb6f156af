"""What each kind of file can say: its fields, how their values are written, and the headers they are known by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["accounts", "contacts", "contracts", "tickets", "usage"]
Form = Literal["text", "lower", "upper", "whole", "money", "day", "moment", "yes_no", "word"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of ours. `needed`: a row without it is refused; `headers` in the order of preference."""

    name: str
    headers: tuple[str, ...]
    form: Form = "text"
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of file. `free` is the field whose keys are columns of one's own (`custom.tier`), `key` the business key.

    `one_of` names fields of which a row needs at least one. A row's time is its own, or else that of the latest field
    in `times`, or else the import's.
    """

    type: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    free: str | None = None
    one_of: tuple[str, ...] = ()
    times: tuple[str, ...] = ()

    def field(self, name: str) -> Field | None:
        """The field of that name; a free one is text."""
        if self.free is not None and name.startswith(f"{self.free}.") and len(name) > len(self.free) + 1:
            return Field(name, ())
        return next((field for field in self.fields if field.name == name), None)


_ACCOUNT: Final = (
    *("account", "account id", "customer id", "company id", "customer", "client id", "organization id", "tenant id"),
    *("顧客ID", "顧客コード", "顧客番号", "アカウントID", "取引先ID", "取引先コード", "会社ID", "企業ID", "お客様ID"),
)
_USER: Final = (
    *("user", "user id", "contact id", "person id", "member id", "login id"),
    *("ユーザーID", "ユーザID", "利用者ID", "担当者ID", "連絡先ID", "会員ID"),
)
_NAME: Final = (
    *("name", "account name", "company name", "company", "customer name", "organization"),
    *("会社名", "顧客名", "企業名", "取引先名", "アカウント名", "名称", "名前"),
)
_PERSON: Final = (
    *("name", "full name", "contact name", "contact", "user name"),
    *("氏名", "名前", "お名前", "担当者名", "担当者", "連絡先名"),
)
_CHANGED: Final = (
    *("time", "timestamp", "updated at", "last modified", "changed at", "modified at", "last updated", "updated"),
    *("更新日時", "最終更新日時", "最終更新日", "更新日", "変更日時", "変更日"),
)
_DONE_AT: Final = (
    *("time", "timestamp", "occurred at", "event time", "datetime", "date", "created at", "day"),
    *("日時", "発生日時", "利用日時", "日付", "利用日", "操作日時", "実行日時"),
)
_EVENT: Final = (
    *("name", "event", "event name", "action", "feature", "function"),
    *("イベント名", "イベント", "操作", "機能", "機能名", "アクション", "操作名"),
)
_OWNER: Final = (
    *("owner", "csm", "owner id", "account manager", "staff id", "customer success manager"),
    *("担当CSM", "担当者", "担当者ID", "CS担当", "CSM担当", "担当", "営業担当"),
)
_PLAN: Final = ("plan", "plan name", "edition", "tier", "プラン", "プラン名", "契約プラン", "エディション")
_SEATS: Final = (
    *("seats", "licenses", "licences", "quantity", "number of seats"),
    *("席数", "ライセンス数", "シート数", "契約数量", "数量", "ID数", "アカウント数"),
)
_CURRENCY: Final = ("currency", "currency code", "通貨", "通貨コード")
_COUNTRY: Final = ("country", "country code", "国", "国名", "国コード")
_ZONE: Final = ("time zone", "timezone", "tz", "タイムゾーン", "時間帯")
_LOCALE: Final = ("locale", "language", "lang", "言語", "ロケール", "使用言語")
_STATUS: Final = ("status", "state", "ステータス", "状態", "状況")

SHAPES: Final[Mapping[Kind, Shape]] = {
    "accounts": Shape(
        type="account.described",
        key=("account",),
        free="custom",
        fields=(
            Field("account", (*_ACCOUNT, "id", "コード"), needed=True),
            Field("name", _NAME),
            Field("plan", _PLAN),
            Field("industry", ("industry", "sector", "業種", "業界")),
            Field(
                "employees", ("employees", "number of employees", "headcount", "従業員数", "社員数", "従業員"), "whole"
            ),
            Field("seats", _SEATS, "whole"),
            Field("segment", ("segment", "customer segment", "セグメント", "区分", "顧客区分", "顧客セグメント")),
            Field("owner", _OWNER),
            Field(
                "parent", ("parent", "parent account", "parent id", "親会社ID", "親アカウント", "親会社", "親顧客ID")
            ),
            Field("country", _COUNTRY, "word"),
            Field("time_zone", _ZONE),
            Field("locale", _LOCALE, "word"),
            Field("currency", _CURRENCY, "word"),
            Field("time", _CHANGED, "moment"),
        ),
    ),
    "contacts": Shape(
        type="contact.described",
        key=("user",),
        one_of=("user", "email"),
        fields=(
            Field("user", (*_USER, "id")),
            Field("account", _ACCOUNT),
            Field("name", _PERSON),
            Field(
                "email",
                (
                    "email",
                    "e-mail",
                    "mail",
                    "email address",
                    "mail address",
                    "メール",
                    "メールアドレス",
                    "Eメール",
                    "電子メール",
                ),
            ),
            Field("role", ("role", "contact role", "役割", "ロール", "立場"), "word"),
            Field(
                "consent",
                ("consent", "opt in", "marketing consent", "同意", "メール同意", "配信同意", "配信可否"),
                "yes_no",
            ),
            Field("left", ("left", "inactive", "has left", "退職", "退職済み", "退社", "異動済み"), "yes_no"),
            Field("country", _COUNTRY, "word"),
            Field("time_zone", _ZONE),
            Field("locale", _LOCALE, "word"),
            Field("time", _CHANGED, "moment"),
        ),
    ),
    "contracts": Shape(
        type="contract.changed",
        key=("account", "contract"),
        fields=(
            Field("account", _ACCOUNT, needed=True),
            Field(
                "contract",
                (
                    *("contract", "contract id", "contract number", "subscription id", "subscription", "id"),
                    *("契約ID", "契約番号", "契約コード", "サブスクリプションID", "契約No"),
                ),
                needed=True,
            ),
            Field(
                "product",
                ("product", "product name", "service", "製品", "製品名", "商品", "商品名", "サービス名", "サービス"),
            ),
            Field("plan", _PLAN),
            Field("status", (*_STATUS, "contract status", "契約状況", "契約状態", "契約ステータス"), "word"),
            Field(
                "mrr",
                ("mrr", "monthly price", "monthly fee", "monthly amount", "月額", "月額料金", "月額費用"),
                "money",
            ),
            Field("currency", _CURRENCY, "word"),
            Field("seats", _SEATS, "whole"),
            Field(
                "starts_on",
                ("starts on", "start date", "start", "contract start", "契約開始日", "開始日", "利用開始日", "契約日"),
                "day",
            ),
            Field(
                "ends_on",
                (
                    *("ends on", "end date", "end", "renewal date", "contract end", "expires on"),
                    *("契約終了日", "終了日", "契約満了日", "満了日", "更新期限", "契約更新日"),
                ),
                "day",
            ),
            Field("term_months", ("term months", "term", "contract term", "契約期間", "契約月数", "期間"), "whole"),
            Field("auto_renew", ("auto renew", "auto renewal", "renews", "自動更新", "自動更新有無"), "yes_no"),
            Field(
                "cancelled_at",
                ("cancelled at", "canceled at", "cancel date", "解約日", "解約日時", "解約申込日"),
                "moment",
            ),
            Field("reason", ("reason", "cancel reason", "churn reason", "解約理由", "理由"), "lower"),
            Field("time", _CHANGED, "moment"),
        ),
    ),
    "tickets": Shape(
        type="ticket.changed",
        key=("ticket",),
        one_of=("account", "user"),
        times=("opened_at", "first_reply_at", "solved_at"),
        fields=(
            Field(
                "ticket",
                (
                    *("ticket", "ticket id", "ticket number", "case id", "case number", "id"),
                    *("チケットID", "チケット番号", "問い合わせID", "問い合わせ番号", "お問い合わせ番号", "案件番号"),
                ),
                needed=True,
            ),
            Field("account", _ACCOUNT),
            Field("user", (*_USER, "requester id", "requester", "起票者ID")),
            Field("channel", ("channel", "via", "source", "チャネル", "経路", "受付方法", "受付経路"), "word"),
            Field("severity", ("severity", "priority", "urgency", "優先度", "重要度", "緊急度", "深刻度"), "word"),
            Field("status", (*_STATUS, "対応状況"), "word"),
            Field(
                "opened_at",
                (
                    "opened at",
                    "created at",
                    "opened",
                    "created",
                    "受付日時",
                    "起票日時",
                    "作成日時",
                    "受付日",
                    "起票日",
                    "作成日",
                ),
                "moment",
            ),
            Field(
                "first_reply_at",
                ("first reply at", "first response at", "first reply", "初回返信日時", "初回回答日時", "初回応答日時"),
                "moment",
            ),
            Field(
                "solved_at",
                (
                    *("solved at", "resolved at", "closed at", "solved", "closed"),
                    *("解決日時", "完了日時", "クローズ日時", "解決日", "完了日"),
                ),
                "moment",
            ),
            Field("csat", ("csat", "satisfaction", "rating", "満足度", "評価", "顧客満足度"), "whole"),
            Field("topic", ("topic", "category", "type", "カテゴリ", "カテゴリー", "分類", "種別"), "lower"),
            Field("time", _CHANGED, "moment"),
        ),
    ),
    "usage": Shape(
        type="usage.tracked",
        key=("account", "user", "name", "time"),
        free="properties",
        one_of=("account", "user"),
        fields=(
            Field("account", _ACCOUNT),
            Field("user", _USER),
            Field("name", _EVENT, needed=True),
            Field("time", _DONE_AT, "moment", needed=True),
            Field("count", ("count", "times", "number", "回数", "件数", "利用回数", "数"), "whole"),
        ),
    ),
}

# Columns that people expect to be taken and that are not: words have a place of their own, POST /v1/texts.
NOT_TAKEN: Final = (
    "subject",
    "title",
    "body",
    "description",
    "comment",
    "件名",
    "本文",
    "内容",
    "問い合わせ内容",
    "備考",
    "メモ",
)
