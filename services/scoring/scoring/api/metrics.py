"""The HTTP edge: portfolio metrics, what they are made of, and exchange rates."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import Field, PlainSerializer, StringConstraints, WithJsonSchema

from cskit.auth import CONFIGURE, READ, Principal
from cskit.errors import Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, decode_cursor, encode_cursor, requires
from cskit.http.pages import DEFAULT_LIMIT
from cskit.http.queries import KNOWN_ONLY
from csmodels.api import Body, Model, Page
from csmodels.fields import Currency
from scoring.domain.portfolio.book import Dimension
from scoring.domain.portfolio.catalogue import METRICS
from scoring.domain.portfolio.metric import Figure, Item, ItemKind, Metric, Unit
from scoring.domain.portfolio.period import Period, month_ends, months_before
from scoring.portfolio import Asked, Point, Portfolio
from scoring.rates import ExchangeRates as KeptRates

Span = Literal["month", "quarter", "year"]
MOST_POINTS: Final = 60
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_FIRST_DAY: Final = date(1970, 1, 1)
_ONE_DAY: Final = timedelta(days=1)


def plain(amount: Decimal) -> str:
    """A decimal as text, exact, without an exponent and without zeros at its end."""
    text = format(amount, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


DecimalText = Annotated[
    Decimal,
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
RateText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,12})?$")]


class Words(Model):
    """A text in the languages of the product."""

    en: str
    ja: str


class MetricInfo(Model):
    """What a metric is. window: how many months it looks back on unless told otherwise, 0 for a moment.

    parts are the terms of its formula, items what they are made of. counted: parts are told as numbers of items, since
    the figure is a median of their amounts.
    """

    name: str
    unit: Unit
    window: int
    parts: list[str]
    items: ItemKind
    counted: bool
    formula: str
    description: Words


class MetricGroup(Model):
    """The figure of a group; group null: of the accounts of which nobody said."""

    group: str | None
    value: DecimalText | None
    parts: dict[str, DecimalText]


class MetricPoint(Model):
    """The figure of the days `from` to `to`, both of them within; of a moment it is the end of the day `to`.

    value null: there is no such figure, such as a rate of nothing. parts: the sums of the terms of the formula.
    """

    from_: date = Field(serialization_alias="from")
    to: date
    value: DecimalText | None
    parts: dict[str, DecimalText]
    groups: list[MetricGroup]


class MetricSeries(Model):
    """The figures of a metric, the oldest first, by what is known today.

    currency: of amounts of money. exact_from: older figures rest on the first and the last value known of each contract
    before that day. erased_accounts: so many accounts that may have counted in these periods were erased since, and are
    missing from every part. missing_rates: amounts in these currencies are left out, since no exchange rate is known.
    """

    metric: str
    unit: Unit
    currency: str | None
    by: Dimension | None
    points: list[MetricPoint]
    exact_from: date
    erased_accounts: int
    missing_rates: list[str]


class MetricItem(Model):
    """An amount of a part of a figure. id: of the contract, ticket or answer; null: the account itself.

    events: the ids of the events that made it, where it is a change.
    """

    account: str
    kind: ItemKind
    id: str | None
    part: str
    amount: DecimalText
    events: list[str]


class MetricItems(Page[MetricItem]):
    """The items of a figure by account, part and id. value and parts: the figure that all its items make."""

    from_: date = Field(serialization_alias="from")
    to: date
    value: DecimalText | None
    parts: dict[str, DecimalText]


class ExchangeRate(Model):
    """What one unit of the currency is worth in the portfolio's from a day on, as decimal text above zero."""

    currency: Currency
    valid_from: date
    rate: RateText


class ExchangeRates(Page[ExchangeRate]):
    """All rates by currency and day. into: the portfolio's currency."""

    into: str


class NewRates(Body):
    """Rates to store; one of the same currency and day is corrected."""

    rates: Annotated[list[ExchangeRate], Field(min_length=1, max_length=1000)]


At = Annotated[date | None, Query(description="As of the end of this day; today if left out")]
By = Annotated[Dimension | None, Query(description="Also by groups, as they were at the period's start")]
From = Annotated[date | None, Query(alias="from", description="First day, instead of at")]
To = Annotated[date | None, Query(alias="to", description="Last day; today if left out")]
Back = Annotated[Span | None, Query(description="How far to look back from at; the metric's own window if left out")]
Margin = Annotated[Decimal, Query(gt=0, le=1, max_digits=6, description="Gross margin, for ltv")]


def router(*, portfolio: Portfolio, rates: KeptRates) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["scoring"])

    @routes.get("/v1/metrics")
    async def list_metrics(_: Annotated[Principal, requires(READ)]) -> Page[MetricInfo]:
        """The metrics that there are."""
        return Page(items=[_info(metric) for metric in METRICS.values()])

    @routes.get("/v1/metrics/{name}", dependencies=[KNOWN_ONLY])
    async def get_metric(
        name: str,
        _: Annotated[Principal, requires(READ)],
        at: At = None,
        by: By = None,
        first: From = None,
        last: To = None,
        interval: Annotated[Literal["month"] | None, Query(description="A figure for each month from..to")] = None,
        period: Back = None,
        margin: Margin = Decimal(1),
    ) -> MetricSeries:
        """A figure as of a day, of the days from..to, or of each month of them, with the terms that it is made of."""
        metric = _found(name)
        periods = _periods(metric, portfolio.today(), at, first, last, interval, period)
        points, background = await portfolio.points(Asked(metric, by, margin=margin), periods)
        return MetricSeries(
            metric=name,
            unit=metric.unit,
            currency=portfolio.currency if metric.unit == "money" else None,
            by=by,
            points=[_point(point) for point in points],
            exact_from=background.exact_from,
            erased_accounts=background.erased_accounts,
            missing_rates=list(background.missing_rates),
        )

    @routes.get("/v1/metrics/{name}/items", dependencies=[KNOWN_ONLY])
    async def get_items(
        name: str,
        _: Annotated[Principal, requires(READ)],
        at: At = None,
        first: From = None,
        last: To = None,
        period: Back = None,
        by: By = None,
        group: Annotated[
            str | None, Query(max_length=128, description="Only this group of `by`; empty: the nameless")
        ] = None,
        part: Annotated[str | None, Query(max_length=32, description="Only this term of the formula")] = None,
        margin: Margin = Decimal(1),
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> MetricItems:
        """What a figure is made of: contracts, accounts, tickets or answers, with amounts that add up to its parts."""
        metric = _found(name)
        if part is not None and part not in metric.parts:
            raise Invalid("unknown_part", f"{name} has the parts {', '.join(metric.parts)}.", field="part")
        if group is not None and by is None:
            raise Invalid("group_without_by", "Name the dimension of the group with by=.", field="by")
        (of,) = _periods(metric, portfolio.today(), at, first, last, None, period)
        asked = Asked(metric, by, group or None, grouped=group is not None, part=part, margin=margin)
        items, figure = await portfolio.items(asked, of)
        start = _after(items, cursor)
        page = items[start : start + limit]
        following = encode_cursor(*_key(page[-1])) if start + limit < len(items) else None
        return MetricItems(
            items=[_item(metric, item) for item in page],
            next=following,
            from_=of.first_day,
            to=of.end,
            value=figure.value,
            parts=dict(figure.parts),
        )

    @routes.get("/v1/exchange-rates")
    async def get_rates(_: Annotated[Principal, requires(READ)]) -> ExchangeRates:
        """The exchange rates. Before the first rate of a currency that one holds."""
        return await _rates(rates)

    @routes.post("/v1/exchange-rates")
    async def set_rates(body: NewRates, _: Annotated[Principal, requires(CONFIGURE)], _ids: WriteId) -> ExchangeRates:
        """Store rates, or correct them. A repeat changes nothing."""
        rows = [(rate.currency, rate.valid_from, Decimal(rate.rate)) for rate in body.rates]
        await rates.set(rows)
        return await _rates(rates)

    @routes.delete("/v1/exchange-rates/{currency}/{valid_from}", status_code=204)
    async def drop_rate(
        currency: Currency, valid_from: date, _: Annotated[Principal, requires(CONFIGURE)], _ids: WriteId
    ) -> None:
        """Delete a rate: then the one before it holds on."""
        await rates.drop(currency, valid_from)

    return routes


def _found(name: str) -> Metric:
    metric = METRICS.get(name)
    if metric is None:
        near = get_close_matches(name, METRICS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "GET /v1/metrics lists those there are."
        raise NotFound("metric_not_found", f"There is no metric “{name}”. {hint}")
    return metric


def _periods(
    metric: Metric,
    today: date,
    at: date | None,
    first: date | None,
    last: date | None,
    interval: Literal["month"] | None,
    span: Span | None,
) -> list[Period]:
    """What is asked about. Invalid for days that contradict each other, lie ahead or before 1970."""
    if at is not None and (first or last or interval):
        raise Invalid("at_and_from", "Ask either for a day with at=, or for days with from= and to=.", field="at")
    if first is None and (last or interval):
        raise Invalid("from_missing", "to= and interval= need from=, the first day.", field="from")
    end = at or last or today
    if end > today:
        raise Invalid("in_the_future", f"Today is {today}: figures of later days do not exist yet.", field="at")
    if end < _FIRST_DAY or (first or end) < _FIRST_DAY:
        raise Invalid("too_far_back", f"Figures begin on {_FIRST_DAY}.", field="from")
    months = _MONTHS[span] if span and metric.window else metric.window
    if first is None and metric.source == "activity" and months == 1:
        return [_of_month(end, 1)]
    if first is None:
        return [Period.ending(end, months)]
    if first > end:
        raise Invalid("from_after_to", "from lies after to.", field="from")
    if interval is None:
        return [Period(first - _ONE_DAY, end) if metric.window else Period(end, end)]
    ends = list(month_ends(first, end))
    if len(ends) > MOST_POINTS:
        raise Invalid("too_many_points", f"At most {MOST_POINTS} months at once. Name a later from.", field="from")
    return [_of_month(each, months) for each in ends]


def _of_month(end: date, months: int) -> Period:
    """The month of a series, also if it is not over yet: from its first day; longer windows as many months back."""
    if not months:
        return Period(end, end)
    before = end.replace(day=1) - _ONE_DAY
    return Period(months_before(before, months - 1), end)


def _info(metric: Metric) -> MetricInfo:
    return MetricInfo(
        name=metric.name,
        unit=metric.unit,
        window=metric.window,
        parts=list(metric.parts),
        items=metric.kind,
        counted=metric.counted,
        formula=metric.formula,
        description=Words(en=metric.en, ja=metric.ja),
    )


def _point(point: Point) -> MetricPoint:
    return MetricPoint(
        from_=point.period.first_day,
        to=point.period.end,
        value=point.figure.value,
        parts=dict(point.figure.parts),
        groups=[_group(name, figure) for name, figure in point.groups],
    )


def _group(name: str | None, figure: Figure) -> MetricGroup:
    return MetricGroup(group=name, value=figure.value, parts=dict(figure.parts))


def _item(metric: Metric, item: Item) -> MetricItem:
    kind = metric.kind if item.id is not None else "account"
    return MetricItem(
        account=item.account, kind=kind, id=item.id, part=item.part, amount=item.amount, events=list(item.events)
    )


def _key(item: Item) -> tuple[str, str, str]:
    return item.account, item.part, item.id or ""


def _after(items: Sequence[Item], cursor: str | None) -> int:
    if cursor is None:
        return 0
    match decode_cursor(cursor):
        case (str() as account, str() as part, str() as id_):
            place = account, part, id_
            return next((n for n, item in enumerate(items) if _key(item) > place), len(items))
    raise Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")


async def _rates(rates: KeptRates) -> ExchangeRates:
    rows = await rates.all()
    items = [ExchangeRate(currency=name, valid_from=day, rate=plain(rate)) for name, day, rate in rows]
    return ExchangeRates(items=items, into=rates.currency)
