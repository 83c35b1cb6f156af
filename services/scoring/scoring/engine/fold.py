"""fold: how an event of an account becomes facts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from heapq import nsmallest
from typing import Any, Final, TypeVar

import xxhash
from msgspec import structs

from csmodels import customer, internal
from csmodels.catalogue import CustomerEvent
from csmodels.envelope import Event
from scoring.domain.calendar import Month, first_day, local_day, month_of
from scoring.domain.scorecard import Scorecard
from scoring.domain.steps import Steps, finished
from scoring.engine.facts import (
    NAMES_KEPT,
    USAGE_KEPT_DAYS,
    Days,
    Facts,
    Feature,
    MonthFacts,
    SlowFacts,
)
from scoring.engine.months import MonthDraft, with_usage
from scoring.engine.packed import Part
from scoring.engine.slow import fold_slow
from scoring.engine.usage import NOBODY, AccountUsage, MonthUsage

_SURELY_KEPT: Final = timedelta(days=USAGE_KEPT_DAYS - 2)  # in any zone, whatever its clock did

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Folded:
    """Facts after events, and which rows changed.

    months: the month rows to write; slow: whether to write the slow row; erased: the account was erased on the way, so
    delete every row of it first, also those of months that were not loaded.
    """

    facts: Facts
    months: frozenset[Month] = frozenset()
    slow: bool = False
    erased: bool = False

    @property
    def changed(self) -> bool:
        """Whether any row changed."""
        return self.slow or self.erased or bool(self.months)


def months_touched(event: CustomerEvent, zone: tzinfo) -> frozenset[Month]:
    """The months that must be loaded to fold the event (none for most types, and for usage of over 520 days ago)."""
    if not isinstance(event, customer.UsageTracked | customer.SignalSeen):
        return frozenset()
    day = _kept_day(event, zone)
    return frozenset() if day is None else frozenset({month_of(day)})


def fold(facts: Facts, event: CustomerEvent, card: Scorecard, zone: tzinfo) -> Folded:
    """The facts after one event of the account.

    card says what a core action is and which features are key. Raises ValueError for a control record or an event of
    another account, MonthNotLoaded if the event's month is not loaded.
    """
    if event.subject != facts.account:
        raise ValueError(f"{event.type} of {event.subject} cannot be folded into the facts of {facts.account}")
    match event:
        case customer.UsageTracked():
            return _usage(facts, event, card, zone)
        case customer.SignalSeen():
            return _signal(facts, event, zone)
        case internal.AccountErased():
            # emptied, not removed: a month that was loaded stays loaded
            return Folded(Facts(facts.account, months={m: MonthFacts() for m in facts.months}), erased=True)
    slow = fold_slow(facts.slow, event, zone)
    if slow == facts.slow:
        return Folded(facts)
    return Folded(Facts(facts.account, slow, facts.months), slow=True)


def fold_all(
    facts: Facts, events: Iterable[CustomerEvent], card: Scorecard, zone: tzinfo, counted: AccountUsage | None = None
) -> Folded:
    """The facts after several events, in their order, and all rows that changed: as by `fold` one by one, but faster.

    Usage of a month is collected and counted once; that it comes after other events of the batch makes no difference.
    counted: more usage, of at most 300 days ago; no event erases the account then.
    """
    return finished(folding(facts, events, card, zone, counted))


def folding(
    facts: Facts, events: Iterable[CustomerEvent], card: Scorecard, zone: tzinfo, counted: AccountUsage | None = None
) -> Steps[Folded]:
    """The same in steps."""
    usage = _Usage(card, zone)
    months: frozenset[Month] = frozenset()
    slow = erased = False
    for event in events:
        if isinstance(event, customer.UsageTracked) and event.subject == facts.account:
            usage.add(event, facts)
            continue
        step = fold(facts, event, card, zone)
        facts = step.facts
        if step.erased:
            usage = _Usage(card, zone)
            months, slow, erased = frozenset(), False, True
        months, slow = months | step.months, slow or step.slow
    if counted is not None:
        usage.add_counted(counted)
    yield
    step = usage.folded(facts)
    yield
    return Folded(step.facts, months | step.months, slow or step.slow, erased)


class _Usage:
    """Usage of an account on its way into the facts."""

    def __init__(self, card: Scorecard, zone: tzinfo) -> None:
        self._actions = card.actions
        self._zone = zone
        self._firsts = _Firsts()
        self._drafts: dict[Month, MonthDraft] = {}
        self._counted: list[tuple[Month, MonthUsage]] = []

    def add(self, event: customer.UsageTracked, facts: Facts) -> None:
        """Note an event. Raises MonthNotLoaded."""
        data, person = event.data, event.personid
        core = self._actions.is_core(data.name)
        day = local_day(event.time, self._zone)
        self._firsts.saw(day, core=core, person=bool(person))
        if event.receivedtime - event.time >= _SURELY_KEPT and not _is_kept(day, event, self._zone):
            return
        key = month_of(day)
        draft = self._drafts.get(key)
        if draft is None:
            facts.month(key)  # it must be loaded
            draft = self._drafts[key] = MonthDraft()
        draft.add(day.day, data.name, data.count, person, core=core)

    def add_counted(self, usage: AccountUsage) -> None:
        """Note what was counted."""
        self._counted += usage.months

    def folded(self, facts: Facts) -> Folded:
        """The facts with all of it. Raises MonthNotLoaded."""
        slow = facts.slow
        is_core = self._actions.is_core
        for key, usage in self._counted:
            if not _all_before(slow, key):
                self._firsts.counted(key, usage, is_core)
        firsts = self._firsts
        told = (
            _first(slow.first_usage, firsts.usage),
            _first(slow.first_core, firsts.core),
            _first(slow.first_person, firsts.person),
        )
        seen_earlier = told != (slow.first_usage, slow.first_core, slow.first_person)
        found = [*((key, draft.counted()) for key, draft in self._drafts.items()), *self._counted]
        if seen_earlier:
            first_usage, first_core, first_person = told
            slow = structs.replace(slow, first_usage=first_usage, first_core=first_core, first_person=first_person)
        elif not found:
            return Folded(facts)
        months = {**facts.months}
        for key, usage in found:
            facts.month(key)  # it must be loaded
            months[key] = with_usage(months[key], usage, is_core, self._bounded)
        return Folded(Facts(facts.account, slow, months), frozenset([key for key, _ in found]), slow=seen_earlier)

    def _bounded(self, names: dict[str, Part]) -> dict[str, Part]:
        return _bounded(names, lambda name: _name_order(name, self._actions.key_features))


class _Firsts:
    """The first day with usage, with a core action, with usage of a known person."""

    __slots__ = ("core", "person", "usage")

    def __init__(self) -> None:
        self.usage: date | None = None
        self.core: date | None = None
        self.person: date | None = None

    def saw(self, day: date, *, core: bool, person: bool) -> None:
        """There was usage on a day."""
        self.usage = _earlier(self.usage, day)
        if core:
            self.core = _earlier(self.core, day)
        if person:
            self.person = _earlier(self.person, day)

    def counted(self, month: Month, usage: MonthUsage, is_core: Callable[[str], bool]) -> None:
        """There was this usage in a month."""
        first = first_day(month)
        for name, day, _, one, _ in usage.rows:
            self.saw(first.replace(day=day), core=is_core(name), person=one != NOBODY)


def _all_before(slow: SlowFacts, month: Month) -> bool:
    """Whether all first days are known to lie before a month."""
    first = first_day(month)
    return all([day is not None and day < first for day in (slow.first_usage, slow.first_core, slow.first_person)])


def _kept_day(event: Event, zone: tzinfo) -> date | None:
    """The event's day, unless it was over 520 days ago when the event was taken."""
    day = local_day(event.time, zone)
    return day if _is_kept(day, event, zone) else None


def _is_kept(day: date, event: Event, zone: tzinfo) -> bool:
    return day >= local_day(event.receivedtime, zone) - timedelta(days=USAGE_KEPT_DAYS)


# Months


def _usage(facts: Facts, event: customer.UsageTracked, card: Scorecard, zone: tzinfo) -> Folded:
    name, count, person = event.data.name, event.data.count, event.personid
    core = card.actions.is_core(name)
    day = local_day(event.time, zone)
    slow = facts.slow
    firsts = (
        _earlier(slow.first_usage, day),
        _earlier(slow.first_core, day) if core else slow.first_core,
        _earlier(slow.first_person, day) if person else slow.first_person,
    )
    seen_earlier = firsts != (slow.first_usage, slow.first_core, slow.first_person)
    if seen_earlier:
        first_usage, first_core, first_person = firsts
        slow = structs.replace(slow, first_usage=first_usage, first_core=first_core, first_person=first_person)
    if not _is_kept(day, event, zone):
        return Folded(structs.replace(facts, slow=slow), slow=seen_earlier)
    key = month_of(day)
    month = facts.month(key)
    people = month.people
    if person:
        bit = 1 << (day.day - 1)
        any_, core_ = people.get(person, Days())
        people = {**people, person: Days(any_ | bit, core_ | bit if core else core_)}
    month = MonthFacts(
        people=people,
        events=_add(month.events, day, count),
        core=_add(month.core, day, count) if core else month.core,
        names=_count_name(month.names, name, day, count, person, card.actions.key_features),
        signals=month.signals,
    )
    return Folded(Facts(facts.account, slow, {**facts.months, key: month}), frozenset({key}), slow=seen_earlier)


def _count_name(
    names: Mapping[str, Feature], name: str, day: date, count: int, person: str | None, key_features: tuple[str, ...]
) -> Mapping[str, Feature]:
    feature = names.get(name, Feature())
    people = feature.people
    if person:
        smallest = tuple(sorted({*people.get(day.day, ()), person})[:2])
        people = {**people, day.day: smallest}
    grown = {**names, name: Feature(_add(feature.counts, day, count), people)}
    return _bounded(grown, lambda n: _name_order(n, key_features))


def _signal(facts: Facts, event: customer.SignalSeen, zone: tzinfo) -> Folded:
    day = _kept_day(event, zone)
    if day is None:
        return Folded(facts)
    month = facts.month(month_of(day))
    signal = (event.data.kind, event.data.topic or "")
    grown = {**month.signals, signal: _add(month.signals.get(signal, Feature().counts), day, 1)}
    signals = _bounded(grown, lambda s: (_hash("".join(s)), s))
    months = {**facts.months, month_of(day): MonthFacts(month.people, month.events, month.core, month.names, signals)}
    return Folded(Facts(facts.account, facts.slow, months), frozenset({month_of(day)}))


def _bounded(values: dict[Any, V], order: Callable[[Any], Any]) -> dict[Any, V]:
    """The NAMES_KEPT first by an order of their own.

    Who is among the first of all was among them from its first day on, so what is kept is complete, and the same
    in any order of arrival.
    """
    if len(values) <= NAMES_KEPT:
        return values
    kept = set(nsmallest(NAMES_KEPT, values, key=order))
    return {name: value for name, value in values.items() if name in kept}


def _name_order(name: str, key_features: tuple[str, ...]) -> tuple[bool, int, str]:
    return name not in key_features, _hash(name), name


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode())


def _add(counts: tuple[int, ...], day: date, count: int) -> tuple[int, ...]:
    return (*counts[: day.day - 1], counts[day.day - 1] + count, *counts[day.day :])


def _earlier(known: date | None, day: date) -> date:
    return day if known is None or day < known else known


def _first(known: date | None, day: date | None) -> date | None:
    return known if day is None else _earlier(known, day)
