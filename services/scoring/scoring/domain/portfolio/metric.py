"""What a metric is: the items it is made of, and the figure that they make."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from scoring.domain.money import Rates, added
from scoring.domain.portfolio.book import Book
from scoring.domain.portfolio.journey import Journey
from scoring.domain.portfolio.period import Period

Unit = Literal["money", "count", "percent", "points", "days", "hours"]
ItemKind = Literal["account", "contract", "ticket", "response"]
Source = Literal["contracts", "tickets", "activity"]


class Item(NamedTuple):
    """An amount that a figure is made of: of an account's contract, ticket or answer, or of itself (id None).

    part: which term of the formula it belongs to. events: the ids of what made it.
    """

    account: str
    id: str | None
    part: str
    amount: Decimal
    events: tuple[str, ...] = ()


Amounts = Mapping[str, Sequence[Decimal]]  # part -> amounts of its items


@dataclass(frozen=True, slots=True)
class Terms:
    """What figures depend on beside the books.

    until: the first moment after the period, for what is told by moments. margin: the gross margin of LTV, 0 to 1.
    """

    rates: Rates
    until: datetime
    journey: Journey = field(default_factory=Journey)
    margin: Decimal = Decimal(1)


ItemsOf = Callable[[Book, Period, Terms], Iterable[Item]]
ValueOf = Callable[[Amounts, Period, Terms], Decimal | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. window: months that it looks back on unless told otherwise, 0 for a moment.

    parts are the terms of the formula in their order; they are told as sums of their items, or, where `counted`, as
    numbers of items (the figure is then made of the single amounts). value None: the figure does not exist.
    """

    name: str
    unit: Unit
    kind: ItemKind
    window: int
    parts: tuple[str, ...]
    formula: str
    en: str
    ja: str
    items: ItemsOf
    value: ValueOf
    source: Source = "contracts"
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the terms that it is made of."""

    value: Decimal | None
    parts: Mapping[str, Decimal]


def figure(metric: Metric, items: Iterable[Item], period: Period, terms: Terms) -> Figure:
    """The figure that these items of the metric make."""
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for item in items:
        amounts[item.part].append(item.amount)
    parts = {part: Decimal(len(amounts[part])) if metric.counted else total(amounts, part) for part in metric.parts}
    return Figure(metric.value(amounts, period, terms), parts)


def total(amounts: Amounts, *parts: str) -> Decimal:
    """The sum of these parts."""
    return added(amount for part in parts for amount in amounts.get(part, ()))
