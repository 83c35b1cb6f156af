"""What slow facts say, read once for as long as it stays the same."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final, TypeVar, cast
from weakref import ref

from csmodels.fields import Family, Stage
from scoring.domain.calendar import day_end, day_of
from scoring.domain.lazily import lazy
from scoring.domain.measures import Column, MeasureId, Measurement
from scoring.domain.scorecard import Scorecard
from scoring.domain.terms import TouchClass
from scoring.engine.contracts import Contract, contracts_at, running, seats
from scoring.engine.facts import FIRST_DESCRIBED, Answer, Facts, SlowFacts
from scoring.engine.feeds import Stopped
from scoring.engine.kept import kept
from scoring.engine.packed import key_of
from scoring.engine.past import Past, Roots
from scoring.engine.people import roots, united
from scoring.engine.register import Register, read
from scoring.engine.sponsors import Sponsors, sponsors
from scoring.engine.stages import Course, OnboardingNow, Path, mixed, path_at
from scoring.engine.tickets import Opened, opened

T = TypeVar("T")

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def seen(family: Family, at: datetime, stopped: Stopped) -> datetime:
    """The moment as which a family's measures are computed."""
    return min(at, stopped.get(family, at)) if stopped else at


class Lull:
    """A time in which nothing turns of what slow facts tell: from `since` on, before `until`.

    No event of theirs happens in it, no moment that they name passes, and all of it lies in one day of the zone. So
    what is read of them as of a moment and its day is the same at each of its moments, but for ages and windows.
    """

    def __init__(self, slow: SlowFacts, at: datetime, zone: tzinfo) -> None:
        self._slow, self.zone, self.since = ref(slow), zone, at  # kept by these facts, so it must not keep them
        self._made: dict[Any, Any] = {}

    @lazy
    def until(self) -> datetime:
        """The first moment that is out of it, if it is not the first of all: asked for when another moment comes."""
        return min(next_turn(self.slow, self.since), day_end(self.since, self.zone))

    @property
    def slow(self) -> SlowFacts:
        """The facts; whoever uses the lull has them."""
        found = self._slow()
        assert found is not None
        return found

    def once(self, key: object, make: Callable[[], T]) -> T:
        """What was made under a key before, else what is made now."""
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])

    @lazy
    def today(self) -> date:
        """The day of the zone."""
        return day_of(self.since, self.zone)

    @lazy
    def contracts(self) -> list[Contract]:
        """The contracts known."""
        return contracts_at(self.slow, self.since, self.zone)

    @lazy
    def running(self) -> list[Contract]:
        """The living contracts, as they are told."""
        return running(self.contracts, self.since, self.today)

    @lazy
    def living(self) -> list[Register]:
        """The living contracts."""
        return [contract.register for contract in self.running]

    @lazy
    def seats(self) -> int | None:
        """The seats, if known."""
        return seats(self.slow, self.living, self.since)

    @lazy
    def same(self) -> Mapping[str, str]:
        """The persons that are one (see people.roots)."""
        return roots(self.slow.merges)

    @lazy
    def sponsors(self) -> Sponsors:
        """The sponsors."""
        return sponsors(self.slow.contacts, self.same, self.since)

    @lazy
    def answers(self) -> list[Answer]:
        """The answers that count: of each response the highest revision given."""
        given = [[one for one in revisions if one.stamp.time <= self.since] for revisions in self.slow.answers.values()]
        return [revisions[-1] for revisions in given if revisions]

    @lazy
    def invited(self) -> Mapping[str, datetime]:
        """The contacts described and not left, those of one person as one, and when that was."""
        invited: dict[str, datetime] = {}
        for person, contact in united(self.slow.contacts, self.same).items():
            told = contact.get(FIRST_DESCRIBED)
            if not told or told[0].stamp.time > self.since:
                continue
            if "left" not in contact or read(contact, "left", self.since) is not True:
                invited[person] = told[0].stamp.time
        return invited


class Still:
    """A lull by a scorecard, and by when which feeds stopped: none stops in it. It ends with the lull, or before.

    measurements are those of facts that last: for each the moment it was made of, until when it stays (None: nobody
    asked yet), and what it is.
    """

    def __init__(self, lull: Lull, at: datetime, card: Scorecard, stopped: Stopped) -> None:
        self.lull, self.zone, self.since = lull, lull.zone, at
        self.card, self.stopped = card, dict(stopped)
        self.measurements: dict[MeasureId, tuple[datetime, datetime | None, Measurement]] = {}
        self._made: dict[str, Any] = {}
        self._path: Path | None = None
        self._past: Past | None = None

    @lazy
    def until(self) -> datetime:
        """The first moment that is out of it, if it is not the first of all."""
        at, stopped = self.since, self.stopped.values()
        # a measure of a stopped feed is frozen after that moment, not yet at it
        return min([self.lull.until, *(max(t, at + _MICROSECOND) for t in stopped if t >= at)])

    @property
    def slow(self) -> SlowFacts:
        """The facts; whoever uses it has them."""
        return self.lull.slow

    def once(self, key: str, make: Callable[[], T]) -> T:
        """What was made under a key before, else what is made now."""
        if key not in self._made:
            self._made[key] = make()
        return cast("T", self._made[key])

    @lazy
    def of_usage(self) -> Lull:
        """The lull as of which usage is measured: this one, or that of when its feed stopped."""
        return self._lull_of("usage")

    @lazy
    def of_tickets(self) -> Lull:
        """The same for tickets."""
        return self._lull_of("tickets")

    def _lull_of(self, family: Family) -> Lull:
        at = seen(family, self.since, self.stopped)
        return self.lull if at == self.since else Lull(self.slow, at, self.zone)

    @lazy
    def touch_class(self) -> TouchClass:
        """The account's touch class."""
        segment = read(self.slow.account, "segment", self.since)
        return self.card.touch.of(segment if isinstance(segment, str) else None)

    @lazy
    def course(self) -> Course:
        """What the contracts known tell of stages."""
        return Course(self.slow, self.lull.contracts, self.zone, self.card.stages)

    @lazy
    def stage(self) -> Stage:
        """The stage."""
        return self.course.stage(self.since, self.lull.today)

    @lazy
    def onboarding(self) -> OnboardingNow | None:
        """The onboarding."""
        return self.course.onboarding(self.since)

    @lazy
    def opened(self) -> list[Opened]:
        """The open tickets."""
        return opened(self.slow, seen("tickets", self.since, self.stopped), self.card.tickets)

    def past(self, facts: Facts, day: date) -> Past:
        """The months before that of a day of usage."""
        past = self._past
        if past is None or not past.holds(facts, day):
            past = self._past = Past(facts, day)
        return past

    @lazy
    def roots(self) -> Roots:
        """The persons that are one, by the keys of months."""
        return {key_of(person): key_of(root) for person, root in self.lull.same.items()}

    @lazy
    def invited(self) -> frozenset[bytes]:
        """The invited as of usage, by the keys of months."""
        return frozenset(map(key_of, self.of_usage.invited))

    def mix(self, at: datetime) -> Mapping[Column, float]:
        """The columns of weights that count at a moment, see stages.mix_at."""
        path = self._path
        if path is None or not (path.at <= at if path.lasting else path.at == at):
            path = self._path = path_at(self.slow, at, self.course)
        return mixed(self.stage, path, at, self.card.stages)


def lull_at(slow: SlowFacts, at: datetime, zone: tzinfo) -> Lull:
    """The lull in which a moment lies: the one kept, or a new one from the moment on."""
    mine = kept(slow)
    lull = mine.lull
    if lull is None or lull.zone is not zone or not (lull.since == at or lull.since < at < lull.until):
        lull = mine.lull = Lull(slow, at, zone)
    return lull


def still_at(slow: SlowFacts, at: datetime, card: Scorecard, zone: tzinfo, stopped: Stopped) -> Still:
    """The same by a scorecard."""
    mine = kept(slow)
    still = mine.still
    if (
        still is None
        or still.card is not card
        or still.zone is not zone
        or still.stopped != stopped
        or not (still.since == at or still.since < at < still.until)
    ):
        still = mine.still = Still(lull_at(slow, at, zone), at, card, stopped)
    return still


def next_turn(slow: SlowFacts, at: datetime) -> datetime:
    """The first moment after one at which an event of slow facts happens, or which they name; else the end of time.

    What no score reads is left out.
    """
    found: list[datetime] = []
    for registers in ((slow.account, slow.again), slow.contacts.values()):
        for register in registers:
            _add_later(found, register, at)
    for registers, fields in (
        (slow.contracts.values(), ("cancelled_at",)),
        (slow.tickets.values(), ("opened_at", "solved_at")),
        (slow.invoices.values(), ("paid_at",)),
    ):
        for register in registers:
            _add_later(found, register, at)
            for field in fields:
                for entry in register.get(field, ()):
                    if isinstance(entry.value, str):
                        found.append(datetime.fromisoformat(entry.value))
    found += [touch.stamp.time for touch in slow.touches.values()]
    found += [answer.stamp.time for revisions in slow.answers.values() for answer in revisions]
    found += [stamp.time for stamp in slow.milestones.values()]
    return min([moment for moment in found if moment > at], default=_NEVER)


def _add_later(found: list[datetime], register: Register, at: datetime) -> None:
    for entries in register.values():
        if entries and entries[-1].stamp.time > at:
            found += [entry.stamp.time for entry in entries]
