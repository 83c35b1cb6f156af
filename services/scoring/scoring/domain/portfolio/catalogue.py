"""The metrics that there are, in the order in which they are listed."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from scoring.domain.money import quotient
from scoring.domain.portfolio import cohort, movement, onboarding, voice
from scoring.domain.portfolio.book import Book
from scoring.domain.portfolio.metric import Amounts, Item, Metric, Terms, ValueOf, total
from scoring.domain.portfolio.movement import LEDGER, MOVEMENTS, Movement
from scoring.domain.portfolio.period import Period
from scoring.domain.portfolio.survival import Observation, median


def _sum(part: str) -> ValueOf:
    return lambda amounts, period, terms: total(amounts, part)


def _percent(part: str, whole: str) -> ValueOf:
    return lambda amounts, period, terms: quotient(total(amounts, part), total(amounts, whole), 100)


def _movement(amounts: Amounts, period: Period, terms: Terms) -> Decimal:
    return total(amounts, *MOVEMENTS)


def _arpa(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
    return quotient(total(amounts, "end"), total(amounts, "customers"))


def _lost_percent(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
    return quotient(total(amounts, "contraction", "churn"), total(amounts, "start"), 100)


def _kept_percent(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
    start = total(amounts, "start")
    return quotient(start - total(amounts, "contraction", "churn"), start, 100)


def _ltv(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
    """ARPA * margin / monthly churn = (mrr / customers) * margin / (churned / customers / months)."""
    return quotient(total(amounts, "mrr") * terms.margin * period.months, total(amounts, "churned"))


def _median(done: str, open_: str) -> Callable[[Amounts, Period, Terms], Decimal | None]:
    def value(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
        observed = [Observation(float(amount), True) for amount in amounts.get(done, ())]
        observed += [Observation(float(amount), False) for amount in amounts.get(open_, ())]
        middle = median(observed)
        return None if middle is None else _figure(middle)

    return value


def _nps(amounts: Amounts) -> voice.Nps | None:
    promoters, passives, detractors = (len(amounts.get(p, ())) for p in ("promoters", "passives", "detractors"))
    return voice.nps(promoters, passives, detractors)


def _nps_score(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
    return _figure(told.score) if (told := _nps(amounts)) else None


def _nps_margin(amounts: Amounts, period: Period, terms: Terms) -> Decimal | None:
    return _figure(told.margin) if (told := _nps(amounts)) else None


def _figure(value: float) -> Decimal:
    return Decimal(value).quantize(Decimal("0.000001"))


def _arr(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    yield from (item._replace(amount=item.amount * 12) for item in movement.closing(book, period, terms))


def _paid_per_account(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
    yield from movement.closing(book, period, terms)
    yield from cohort.customers(book, period, terms)


def _only(part: Movement) -> Callable[[Book, Period, Terms], Iterator[Item]]:
    def items(book: Book, period: Period, terms: Terms) -> Iterator[Item]:
        return (item for item in movement.movements(book, period, terms) if item.part == part)

    return items


def _line(part: Movement, name: str, en: str, ja: str) -> Metric:
    formula = f"sum of {part} of the ledger; contraction and churn are negative"
    return Metric(name, "money", "contract", 1, (part,), formula, en, ja, _only(part), _sum(part))


_ALL: Final = (
    Metric(
        "mrr",
        "money",
        "contract",
        0,
        ("end",),
        "sum of the monthly prices of contracts that pay",
        "Monthly recurring revenue",
        "月次経常収益（MRR）",
        movement.closing,
        _sum("end"),
    ),
    Metric(
        "arr",
        "money",
        "contract",
        0,
        ("end",),
        "12 * mrr",
        "Annual recurring revenue",
        "年間経常収益（ARR）",
        _arr,
        _sum("end"),
    ),
    Metric(
        "customers",
        "count",
        "account",
        0,
        ("customers",),
        "accounts with a contract that pays",
        "Customers",
        "顧客数",
        cohort.customers,
        _sum("customers"),
    ),
    Metric(
        "arpa",
        "money",
        "contract",
        0,
        ("end", "customers"),
        "mrr / customers",
        "Average revenue per account and month",
        "顧客平均単価（ARPA）",
        _paid_per_account,
        _arpa,
    ),
    Metric(
        "mrr_movements",
        "money",
        "contract",
        1,
        LEDGER,
        "new + expansion + contraction + churn + reactivation; start + movements + exchange = end",
        "MRR ledger: the net movement and all its lines",
        "MRRの増減明細（純増減と内訳）",
        movement.ledger,
        _movement,
    ),
    _line("new", "new_mrr", "MRR of new customers", "新規MRR"),
    _line("expansion", "expansion_mrr", "MRR that customers pay more", "拡大MRR"),
    _line("contraction", "contraction_mrr", "MRR that customers pay less", "縮小MRR"),
    _line("churn", "churned_mrr", "MRR of customers who left altogether", "解約MRR"),
    _line("reactivation", "reactivation_mrr", "MRR of customers who came back", "復活MRR"),
    Metric(
        "customer_churn",
        "percent",
        "account",
        1,
        ("churned", "start"),
        "churned / customers at the start * 100",
        "Customer churn",
        "顧客解約率（カスタマーチャーンレート）",
        cohort.churned,
        _percent("churned", "start"),
    ),
    Metric(
        "revenue_churn",
        "percent",
        "contract",
        1,
        ("churn", "contraction", "start"),
        "(churn + contraction) / mrr at the start * 100",
        "Gross revenue churn",
        "収益解約率（グロスレベニューチャーンレート）",
        cohort.lost,
        _lost_percent,
    ),
    Metric(
        "revenue_churn_by_price",
        "percent",
        "contract",
        1,
        ("price", "revenue"),
        "prices of the churned / (mrr at the start + new + reactivation) * 100",
        "Revenue churn: price × churned / revenue of the period",
        "収益解約率（単価×解約数÷期間の収益）",
        cohort.price_churned,
        _percent("price", "revenue"),
    ),
    Metric(
        "grr",
        "percent",
        "contract",
        12,
        ("start", "contraction", "churn"),
        "(start - contraction - churn) / start * 100, of the customers at the start",
        "Gross revenue retention",
        "総収益維持率（GRR）",
        cohort.lost,
        _kept_percent,
    ),
    Metric(
        "nrr",
        "percent",
        "contract",
        12,
        ("end", "start"),
        "mrr now of the customers at the start / their mrr then * 100",
        "Net revenue retention",
        "純収益維持率（NRR）",
        cohort.retained,
        _percent("end", "start"),
    ),
    Metric(
        "ltv",
        "money",
        "contract",
        1,
        ("mrr", "customers", "churned"),
        "arpa * margin / monthly customer churn; not defined while nobody churned",
        "Lifetime value of a customer",
        "顧客生涯価値（LTV）",
        cohort.worth,
        _ltv,
    ),
    Metric(
        "renewal_rate",
        "percent",
        "contract",
        1,
        ("renewed", "due"),
        "renewed / up for renewal * 100",
        "Renewal rate",
        "契約更新率",
        cohort.renewals,
        _percent("renewed", "due"),
    ),
    Metric(
        "upsell_rate",
        "percent",
        "account",
        1,
        ("upsold", "start"),
        "customers upsold / customers at the start * 100",
        "Upsell rate",
        "アップセル率",
        cohort.upsold,
        _percent("upsold", "start"),
    ),
    Metric(
        "cross_sell_rate",
        "percent",
        "account",
        1,
        ("cross_sold", "start"),
        "customers cross-sold / customers at the start * 100",
        "Cross-sell rate",
        "クロスセル率",
        cohort.cross_sold,
        _percent("cross_sold", "start"),
    ),
    Metric(
        "onboarding_rate",
        "percent",
        "account",
        1,
        ("completed", "in_onboarding"),
        "onboarding completed / in the onboarding period * 100",
        "Onboarding rate",
        "オンボーディング完了率",
        onboarding.onboarded,
        _percent("completed", "in_onboarding"),
    ),
    Metric(
        "time_to_value",
        "days",
        "account",
        12,
        ("reached", "waiting"),
        "median of Kaplan and Meier: days from the first paid day to the first value, of the customers of the period",
        "Time to first value",
        "価値実感までの日数（タイムトゥバリュー）",
        onboarding.valued,
        _median("reached", "waiting"),
        counted=True,
    ),
    Metric(
        "active_users",
        "count",
        "account",
        1,
        ("active",),
        "people with a core action in the calendar month",
        "Active users",
        "アクティブユーザー数",
        voice.active,
        _sum("active"),
        source="activity",
    ),
    Metric(
        "ticket_resolution_rate",
        "percent",
        "ticket",
        1,
        ("solved", "opened"),
        "solved / opened in the period * 100",
        "Ticket resolution rate",
        "問い合わせ解決率",
        voice.solved,
        _percent("solved", "opened"),
        source="tickets",
    ),
    Metric(
        "first_reply_time",
        "hours",
        "ticket",
        1,
        ("replied", "waiting"),
        "median of Kaplan and Meier: hours from opened to first reply, of the tickets opened in the period",
        "First reply time",
        "初回応答時間",
        voice.replied,
        _median("replied", "waiting"),
        source="tickets",
        counted=True,
    ),
    Metric(
        "nps",
        "points",
        "response",
        3,
        ("promoters", "passives", "detractors"),
        "(promoters - detractors) / answers * 100",
        "Net promoter score",
        "NPS（推奨者−批判者）",
        voice.answers,
        _nps_score,
    ),
    Metric(
        "nps_margin",
        "points",
        "response",
        3,
        ("promoters", "passives", "detractors"),
        "1.96 * sqrt((p + d - (p - d)^2) / n) * 100 with 3/4, 1 1/2, 3/4 pseudo-answers",
        "Margin of error of the NPS (95 %)",
        "NPSの誤差（95％）",
        voice.answers,
        _nps_margin,
    ),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _ALL}
