"""The words of the report, in English and Japanese."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

Language = Literal["en", "ja"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {
    "en": {
        "title": "How well would the score have told who leaves?",
        "about": (
            "Scorecard {card}, asked at the end of every {every} days from {first} to {last}, {view}; leaving "
            "means gone within {horizon} days."
        ),
        "as_known": "as known at each moment",
        "corrected": "as corrected by all that was learnt later",
        "headline": (
            "Of a customer who left within {horizon} days and one who stayed, the score had put the leaving one "
            "lower in {hundred} of 100 cases (AUC {auc})."
        ),
        "better": "That is better than {rival} alone by {gain}.",
        "worse": "That is worse than {rival} alone by {gain}.",
        "same": "Whether that is better than {rival} alone cannot be told from these data: the difference is {gain}.",
        "few": (
            "Only {count} customers left within the horizon of a moment: with so few, take every figure here "
            "with great care."
        ),
        "none": "Nobody left within the horizon of a moment, so nothing can be said of how well the score tells.",
        "score": "the score",
        "recency": "recency",
        "volume": "volume",
        "figures": "The figures",
        "figure": "Figure",
        "auc": "AUC",
        "auc_note": "0.5 is chance, 1 tells all",
        "pr_auc": "PR-AUC",
        "pr_auc_note": "chance is the share that leaves, {rate}",
        "lift": "Lift in the top tenth",
        "lift_note": "how much more often the riskiest tenth leaves than all do",
        "intervals": (
            "In brackets the middle 95 % of {resamples} draws of whole customers (seed {seed}). Recency is the "
            "days since the last usage event, volume the usage events of 28 days; each alone ranks the same "
            "rows."
        ),
        "roc": "The further a line bends to the upper left, the better it tells who leaves",
        "roc_x": "share of staying rows that are warned of",
        "roc_y": "share of leaving rows found",
        "pr": "Of those warned of, how many leave, as more of the leaving are found",
        "pr_x": "share of leaving rows found",
        "pr_y": "share of the warned that leave",
        "calibration": "Calibration",
        "calibration_note": (
            "Each tenth of the scores, and how many of it left. The expected rate is that of a logistic curve "
            "over the score, fitted to other customers. Brier {brier} (0 is perfect), of the base rate alone "
            "{base}."
        ),
        "expected": "expected rate of leaving",
        "observed": "observed rate of leaving",
        "calibrated": "On the diagonal as many leave as were expected",
        "by_score": "Rate of leaving by score, the lowest tenth on the left; dashed: all",
        "scores": "score",
        "rows": "Rows",
        "left": "Left",
        "rate": "Rate",
        "bands": "Bands",
        "bands_plot": "Rate of leaving within {horizon} days, by band; dashed: all",
        "band": "band",
        "green": "green",
        "yellow": "yellow",
        "red": "red",
        "grey": "grey",
        "lead": "Lead time",
        "lead_plot": "Days between the beginning of the last unbroken warning and the churn",
        "lead_x": "days before the churn",
        "lead_y": "customers",
        "lead_yellow": (
            "Yellow or red at the last moment before they left: {share} of {count}; median of the days since "
            "that warning began: {days}."
        ),
        "lead_red": "Red: {share}; median {days} days.",
        "unseen": "Churned revenue that was green at the last moment before: {share}.",
        "unseen_accounts": "No revenue is known, so every customer counts the same.",
        "unseen_without": "Left out: {count} without known revenue.",
        "sample": "What was looked at",
        "data": (
            "{events} events of {accounts} customers; {rows} rows (a customer at a moment) of {known} customers "
            "at {moments} moments; {positives} rows of {departures} customers came before a churn."
        ),
        "rules": (
            "Not in the sample at a moment: customers of whom nothing was known yet ({unknown} times), known for "
            "less than {young_days} days ({young}), or gone already ({gone}). Moments whose horizon ends after "
            "{observed}, until when the data tell who left, count only for the lead time and the green revenue of "
            "those who left ({censored})."
        ),
        "scoring": (
            "The scores are those of the fold and the scorecard that run live, as of the end of each day in "
            "{zone}. Bands are by the plain boundaries, without dwell. Grey means that too little was known."
        ),
        "unseen_churn": "{count} customers of the churn table have no event and are not looked at.",
        "refused": "{count} rows of the event log could not be read and were left out.",
        "all_grey": (
            "Every row is grey: too little is known for a band, such as who uses the product, so none warned of "
            "anything."
        ),
    },
    "ja": {
        "title": "このスコアは、解約する顧客を言い当てられたか",
        "about": (
            "スコアカード {card}。{first} から {last} まで {every} 日ごとの終わりに採点、{view}。解約とは "
            "{horizon} 日以内に離れたことをいう。"
        ),
        "as_known": "その時点で分かっていたことだけで",
        "corrected": "後から分かったことも含めて",
        "headline": (
            "{horizon} 日以内に解約した顧客と残った顧客を一組とると、100 組中 {hundred} 組で、解約した方のスコア"
            "が低かった（AUC {auc}）。"
        ),
        "better": "{rival}だけで見るより {gain} 良い。",
        "worse": "{rival}だけで見るより {gain} 悪い。",
        "same": "{rival}だけで見るより良いかどうかは、このデータからは言えない（差は {gain}）。",
        "few": "期間内に解約した顧客は {count} 社だけである。どの数字も慎重に読む必要がある。",
        "none": "期間内に解約した顧客がいないため、スコアの良し悪しは何も言えない。",
        "score": "スコア",
        "recency": "最終利用からの日数",
        "volume": "利用量",
        "figures": "数字",
        "figure": "指標",
        "auc": "AUC",
        "auc_note": "0.5 は偶然、1 は完全",
        "pr_auc": "PR-AUC",
        "pr_auc_note": "偶然なら解約の割合と同じ {rate}",
        "lift": "上位 1 割のリフト",
        "lift_note": "最も危うい 1 割が全体の何倍解約したか",
        "intervals": (
            "かっこ内は、顧客ごとに {resamples} 回引き直したときの中央 95 %（シード {seed}）。最終利用からの日数"
            "と、28 日間の利用量は、それぞれ単独で同じ行を並べたもの。"
        ),
        "roc": "線が左上に膨らむほど、解約する顧客をよく言い当てている",
        "roc_x": "残った行のうち警告された割合",
        "roc_y": "解約した行のうち見つかった割合",
        "pr": "解約した行を多く見つけるほど、警告のうち当たる割合はどうなるか",
        "pr_x": "解約した行のうち見つかった割合",
        "pr_y": "警告のうち解約した割合",
        "calibration": "較正",
        "calibration_note": (
            "スコアを 10 等分し、それぞれで解約した割合を見る。予想は、ほかの顧客に当てはめたロジスティック曲線"
            "による。ブライアスコア {brier}（0 が完全）、全体の割合だけなら {base}。"
        ),
        "expected": "予想された解約の割合",
        "observed": "実際の解約の割合",
        "calibrated": "対角線上なら、予想どおりに解約している",
        "by_score": "スコア別の解約の割合。左が最も低い 1 割、破線は全体",
        "scores": "スコア",
        "rows": "行",
        "left": "解約",
        "rate": "割合",
        "bands": "バンド",
        "bands_plot": "バンド別の {horizon} 日以内の解約の割合。破線は全体",
        "band": "バンド",
        "green": "緑",
        "yellow": "黄",
        "red": "赤",
        "grey": "灰",
        "lead": "先行日数",
        "lead_plot": "解約まで続いた警告が始まってから、解約までの日数",
        "lead_x": "解約までの日数",
        "lead_y": "顧客",
        "lead_yellow": (
            "離れる直前に黄か赤だった顧客は {count} のうち {share}。その警告が始まってからの日数の中央値は {days}。"
        ),
        "lead_red": "赤は {share}、中央値は {days} 日。",
        "unseen": "失われた売上のうち、直前まで緑だったもの：{share}。",
        "unseen_accounts": "売上が分からないため、どの顧客も同じ重みで数えた。",
        "unseen_without": "売上が分からない {count} 社は除いた。",
        "sample": "何を見たか",
        "data": (
            "顧客 {accounts} 社のイベント {events} 件。{moments} 時点での {known} 社、{rows} 行（顧客と時点の組）"
            "。うち {departures} 社の {positives} 行が解約の前にあたる。"
        ),
        "rules": (
            "次の組は標本に入れない：まだ何も分かっていない（{unknown} 回）、知られて {young_days} "
            "日未満（{young} 回）、すでに離れた（{gone} 回）。解約が分かっているのは {observed} までなので、その"
            "後に期間が終わる時点は、離れた顧客の先行日数と緑の売上にだけ使った（{censored} 時点）。"
        ),
        "scoring": (
            "採点は、稼働中と同じ集計とスコアカードで、{zone} の各日の終わりに行った。バンドは滞留を考えず境界だ"
            "けで決めた。灰は、分かっていることが少なすぎることを示す。"
        ),
        "unseen_churn": "解約表の {count} 社はイベントがないため、見ていない。",
        "refused": "イベントログの {count} 行は読めず、除いた。",
        "all_grey": (
            "すべての行が灰。誰が使っているかなど、バンドを決めるだけのことが分かっておらず、何の警告にもならない。"
        ),
    },
}
