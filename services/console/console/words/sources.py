"""Sources: the list, how to connect one, and what came in."""

from collections.abc import Mapping
from typing import Final

from console.words.text import Text

TEXTS: Final[Mapping[str, Text]] = {
    "title": Text("Sources", "データ連携"),
    "lead": Text(
        "{n} sources send events.", "{n}件の送信元からイベントが届いています。", one="{n} source sends events."
    ),
    "lead_none": Text("No source has sent anything yet.", "まだどこからもイベントが届いていません。"),
    "lead_stopped": Text(
        "Silent since {time}: {families}. Its measures are held; no score moves because of it.",
        "{families}の連携が{time}から止まっています。該当の指標は保留し、スコアへの影響はありません。",
    ),
    "rule": Text("Of the last 100 items each", "それぞれ直近100件の内訳"),
    "source": Text("Source", "送信元"),
    "last": Text("Last event", "最終受信"),
    "accepted": Text("Accepted", "受理"),
    "waiting": Text("Waiting", "保留"),
    "refused": Text("Refused", "拒否"),
    "kind_product": Text("Product", "製品"),
    "kind_json": Text("Own webhook (JSON)", "独自のWebhook（JSON）"),
    "kind_stripe": Text("Stripe", "Stripe"),
    "kind_zendesk": Text("Zendesk", "Zendesk"),
    "kind_zoho_desk": Text("Zoho Desk", "Zoho Desk"),
    "kind_intercom": Text("Intercom", "Intercom"),
    "kind_hubspot": Text("HubSpot", "HubSpot"),
    "kind_salesforce": Text("Salesforce", "Salesforce"),
    "feed": Text("Feed", "連携の状態"),
    "feed_flows": Text("flows", "受信中"),
    "feed_stopped": Text("silent since {time}: {families}", "{time}から停止: {families}"),
    "feed_none": Text("not watched", "監視対象外"),
    "family_usage": Text("usage", "利用状況"),
    "family_tickets": Text("tickets", "問い合わせ"),
    "family_billing": Text("billing", "契約・請求"),
    "and": Text(", ", "・"),
    # connecting
    "connect": Text("Connect a source", "送信元を接続する"),
    "connect_how": Text(
        "Give it a name, such as shop or helpdesk. Its page shows what to paste and waits for the first event.",
        "shop、helpdeskなどの名前を付けてください。次の画面に設定例が表示され、最初のイベントを待ちます。",
    ),
    "connect_name": Text("Name of the source", "送信元の名前"),
    "connect_go": Text("Show how to connect", "接続方法を表示"),
    "bad_name": Text("This name cannot be used", "この名前は使えません"),
    "bad_name_how": Text(
        "A name has 1 to 64 letters, digits, dots, hyphens or underscores, and begins with a letter or a digit.",
        "半角の英数字と「.」「-」「_」で64文字まで、先頭は英数字にしてください。",
    ),
    "rights": Text("Your role does not see the sources", "この権限ではデータ連携を表示できません"),
    "rights_how": Text(
        "Operators and CS leads do. Ask for a link with one of these roles.",
        "運用担当とCSリードが表示できます。いずれかの権限のリンクを依頼してください。",
    ),
    "all": Text("All sources", "データ連携の一覧"),
    # one source
    "first": Text("Waiting for the first event.", "最初のイベントを待っています。"),
    "first_how": Text(
        "It appears here as soon as it comes in. Send one with the lines below.",
        "届くとすぐにここに表示されます。下の例で送信してみてください。",
    ),
    "heard": Text("Last event at {time}.", "最終受信は{time}です。"),
    "sums": Text(
        "Of the last {n} items: {accepted} accepted, {waiting} waiting for an account, {refused} refused.",
        "直近{n}件の内訳は、受理{accepted}件、保留{waiting}件、拒否{refused}件です。",
        one="One item so far: {accepted} accepted, {waiting} waiting for an account, {refused} refused.",
    ),
    "how": Text("How to connect", "接続方法"),
    "step_key": Text("1. Make a key. It is shown once.", "1. キーを作成します。表示は一度だけです。"),
    "step_send": Text("2. Send the first event with curl.", "2. curlで最初のイベントを送信します。"),
    "step_sdk": Text("Or with the SDK that is in your product already:", "製品に組み込み済みのSDKからも送信できます。"),
    "step_hook": Text("Have it send its webhooks to this address.", "Webhookの送信先に次のアドレスを設定します。"),
    "step_hook_how": Text(
        "Each delivery is checked with the source’s secret. What it is told of: GET /v1/sources/{name}",
        "受信のたびに、この送信元のシークレットで署名を検証します。設定の確認: GET /v1/sources/{name}",
    ),
    "items": Text("Last items", "直近の受信"),
    "items_note": Text(
        "The last 100, the newest first. Texts, names and properties are not kept here.",
        "直近100件を新しい順に表示します。本文、氏名、プロパティはここに保存しません。",
    ),
    "items_none": Text("Nothing has come in yet.", "まだ何も届いていません。"),
    "time": Text("Time", "時刻"),
    "item": Text("Event", "イベント"),
    "account": Text("Account", "顧客"),
    "outcome": Text("Outcome", "結果"),
    "no_id": Text("no id", "IDなし"),
    "no_account": Text("none named", "指定なし"),
    "status_accepted": Text("Accepted", "受理"),
    "status_duplicate": Text("Repeat", "重複"),
    "status_waiting": Text("Waiting", "保留"),
    "status_refused": Text("Refused", "拒否"),
    "why_duplicate": Text("Its id came before in the same request.", "同じリクエストに同じIDがありました。"),
    "why_waiting": Text(
        "Nobody has said yet which account this user belongs to. It follows once somebody does.",
        "このユーザーがどの顧客に属するか未確定です。判明しだい反映されます。",
    ),
    "a_field": Text("A field", "項目"),
    "why_not_json": Text("It is not valid JSON.", "正しいJSONではありません。"),
    "why_not_an_object": Text("It is not a JSON object.", "JSONのオブジェクトではありません。"),
    "why_unknown_type": Text("{field}: there is no such kind of event.", "{field}: その種類のイベントはありません。"),
    "why_missing_field": Text("{field} is missing.", "{field}がありません。"),
    "why_invalid_field": Text(
        "{field} has a form or a value that is not allowed.", "{field}の形式か値が正しくありません。"
    ),
    "why_unknown_field": Text(
        "{field}: that kind of event has no such field.", "{field}: その種類のイベントにはない項目です。"
    ),
    "why_time_in_future": Text("{field} lies in the future.", "{field}が未来の時刻です。"),
    "why_wrong_key": Text("{field} names another account.", "{field}が別の顧客を指しています。"),
    "why_foreign_source": Text("{field} names another source than its key’s.", "{field}がキーの送信元と異なります。"),
    "why_event_too_large": Text("The event is larger than 32 KB.", "イベントが32 KBを超えています。"),
    "why_duplicate_key": Text("{field} stands twice in its object.", "{field}が同じオブジェクトに2回あります。"),
    "why_too_deep": Text("It is nested deeper than 64 levels.", "入れ子が64段を超えています。"),
    "why_not_from_browser": Text(
        "A browser key sends usage only.", "ブラウザ用のキーで送れるのは利用イベントだけです。"
    ),
    "why_left_out": Text(
        "Taken without {field}: its form or its value is not allowed.",
        "{field}は形式か値が正しくないため、この項目を除いて受け付けました。",
    ),
    "why_other": Text("{field} is refused.", "{field}は受け付けられません。"),
    "why_code": Text("Code: {code}", "コード: {code}"),
}  # fmt: skip
