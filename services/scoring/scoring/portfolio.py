"""Portfolio metrics: books in memory, kept up to date by what the fold writes, and figures made of them."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from cskit.clock import Clocks
from cskit.db import Database, Tx
from cskit.errors import Invalid
from scoring.domain.calendar import local_day, month_of, window_masks
from scoring.domain.money import Rates
from scoring.domain.portfolio.book import Book, Dimension
from scoring.domain.portfolio.journey import Journey
from scoring.domain.portfolio.metric import Figure, Item, Metric, Terms, figure
from scoring.domain.portfolio.period import Period, month_end
from scoring.domain.scorecard import Scorecard
from scoring.engine.facts import KEPT_DAYS, Facts
from scoring.engine.people import count_people, roots
from scoring.rates import KnownRates
from scoring.settings import ScoringSettings
from scoring.store import portfolio as store

CardInForce = Callable[[Tx], Awaitable[Scorecard]]

_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Point:
    """The figure of a period, and those of its groups where they were asked for: by name, the nameless last."""

    period: Period
    figure: Figure
    groups: Sequence[tuple[str | None, Figure]] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a metric. group and part narrow its items: group is a pair of dimension and name."""

    metric: Metric
    by: Dimension | None = None
    group: str | None = None
    grouped: bool = False
    part: str | None = None
    margin: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Background:
    """What a reader should know about figures: the day since which they are exact, the accounts erased since the end of
    the first period, and the currencies whose amounts are left out because no rate is known.
    """

    exact_from: date
    erased_accounts: int
    missing_rates: Sequence[str]


class Portfolio:
    """Answers questions about all accounts together. Books of 100,000 accounts take about 200 MB in each replica."""

    def __init__(
        self, *, database: Database, settings: ScoringSettings, clocks: Clocks, card_in_force: CardInForce
    ) -> None:
        self._database = database
        self._zone: tzinfo = settings.tzinfo
        self._rates = KnownRates(settings.currency)
        self.currency = settings.currency  # in which amounts are
        self._clocks = clocks
        self._card_in_force = card_in_force
        self._books: dict[str, Book] = {}
        self._marks: dict[int, int] = {}
        self._making: str | None = None
        self._reading = asyncio.Lock()

    def today(self) -> date:
        """The portfolio's day."""
        return local_day(self._clocks.world.now(), self._zone)

    async def start(self) -> None:
        """Make the books that are missing, after an update."""
        await store.fill(self._database, self._zone)

    async def points(self, asked: Asked, periods: Sequence[Period]) -> tuple[list[Point], Background]:
        """The figures of these periods."""
        async with self._database.read() as tx:
            books, journey, rates = await self._known(tx)
            of_periods = [await self._of_period(tx, books, asked.metric, period) for period in periods]
            background = await self._background(tx, asked.metric, books, rates, periods[0])
        points = []
        for period, of_period in zip(periods, of_periods, strict=True):  # the database need not wait for this
            terms = self._terms(period, rates, journey, asked)
            points.append(await asyncio.to_thread(_point, of_period, asked, period, terms))
        return points, background

    async def items(self, asked: Asked, period: Period) -> tuple[list[Item], Figure]:
        """The items that a figure is made of, by account, part and id, and the figure that they make."""
        async with self._database.read() as tx:
            books, journey, rates = await self._known(tx)
            of_period = await self._of_period(tx, books, asked.metric, period)
        terms = self._terms(period, rates, journey, asked)
        return await asyncio.to_thread(_listed, of_period, asked, period, terms)

    async def _known(self, tx: Tx) -> tuple[list[Book], Journey, Rates]:
        books = await self._read_books(tx)
        onboarding = (await self._card_in_force(tx)).stages.onboarding
        names = tuple(milestone.name for milestone in onboarding.milestones)
        journey = Journey(names, onboarding.first_value, onboarding.days)
        return books, journey, await self._rates.newest(tx)

    async def _read_books(self, tx: Tx) -> list[Book]:
        """All books as of now: of those in memory, what changed since is read."""
        async with self._reading:
            making = await store.making(tx)
            if making != self._making:
                self._books, self._marks, self._making = {}, {}, making
            marks = dict(self._marks)
            async for lot in store.entries(tx, self._marks):
                for account, partition, offset, book, _ in lot:
                    marks[partition] = max(offset, marks.get(partition, -1))
                    if book is None:
                        self._books.pop(account, None)
                    else:
                        self._books[account] = book
            self._marks = marks
            return list(self._books.values())

    async def _of_period(self, tx: Tx, books: list[Book], metric: Metric, period: Period) -> list[Book]:
        """The books with what only this period has: tickets opened in it, people active in it."""
        match metric.source:
            case "contracts":
                return books
            case "tickets":
                first, until = self._midnight(period.start + _ONE_DAY), self._midnight(period.end + _ONE_DAY)
                tickets = await store.tickets(tx, first, until)
                known = {book.account: book for book in books}
                return [
                    replace(known.get(account) or Book(account), tickets=tuple(some))
                    for account, some in tickets.items()
                ]
            case "activity":
                return await self._active(tx, books, period)

    async def _active(self, tx: Tx, books: list[Book], period: Period) -> list[Book]:
        """With the people active in the calendar month of the period's end, until then."""
        end = period.end
        if month_of(period.start + _ONE_DAY) != month_of(end) or (period.start + _ONE_DAY).day != 1:
            raise Invalid(
                "unsupported_period",
                "Active users are counted by calendar months. Ask with at=, or with interval=month.",
                field="period",
            )
        known = {book.account: book for book in books}
        whole = end == month_end(end) or end >= self.today()
        merged = [book.account for book in books if book.merged]
        same = {account: roots(pairs) for account, pairs in (await store.merges(tx, merged)).items()}
        mask = window_masks(end, end.day)
        found = []
        async for lot in store.active(tx, month_of(end), merged if whole else None):
            for account, people, facts in lot:
                if facts is not None:
                    loaded = Facts(account, months={month_of(end): facts})
                    people = count_people(loaded, mask, same.get(account, {}), core=True)
                if people:
                    found.append(replace(known.get(account) or Book(account), active=people))
        return found

    def _terms(self, period: Period, rates: Rates, journey: Journey, asked: Asked) -> Terms:
        until = min(self._midnight(period.end + _ONE_DAY), self._clocks.world.now())
        return Terms(rates, until, journey, asked.margin)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, tzinfo=self._zone).astimezone(UTC)

    async def _background(
        self, tx: Tx, metric: Metric, books: Iterable[Book], rates: Rates, first: Period
    ) -> Background:
        missing: frozenset[str] = frozenset()
        if metric.source == "contracts":
            missing = rates.unknown({s.currency for book in books for c in book.contracts for s in c.steps})
        return Background(
            exact_from=self.today() - timedelta(days=KEPT_DAYS),
            erased_accounts=await store.erased_since(tx, self._midnight(first.first_day)),
            missing_rates=sorted(missing),
        )


def _point(books: Iterable[Book], asked: Asked, period: Period, terms: Terms) -> Point:
    metric = asked.metric
    if asked.by is None:
        items = (item for book in books for item in metric.items(book, period, terms))
        return Point(period, figure(metric, items, period, terms))
    grouped: Mapping[str | None, list[Item]] = defaultdict(list)
    for book in books:
        if items_ := list(metric.items(book, period, terms)):
            grouped[book.group(asked.by, period.start, terms.rates)] += items_
    everything = (item for some in grouped.values() for item in some)
    groups = [
        (name, figure(metric, grouped[name], period, terms))
        for name in sorted(grouped, key=lambda name: (name is None, name or ""))
    ]
    return Point(period, figure(metric, everything, period, terms), groups)


def _listed(books: Iterable[Book], asked: Asked, period: Period, terms: Terms) -> tuple[list[Item], Figure]:
    metric = asked.metric
    items = [item for book in _narrowed(books, asked, period, terms) for item in metric.items(book, period, terms)]
    made = figure(metric, items, period, terms)
    shown = [item for item in items if asked.part is None or item.part == asked.part]
    return sorted(shown, key=lambda item: (item.account, item.part, item.id or "")), made


def _narrowed(books: Iterable[Book], asked: Asked, period: Period, terms: Terms) -> Iterator[Book]:
    for book in books:
        if not asked.grouped or asked.by is None or book.group(asked.by, period.start, terms.rates) == asked.group:
            yield book
