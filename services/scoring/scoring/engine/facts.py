"""The facts of an account. Values are never changed in place: a fold gives new ones and shares what stayed.

The parts of the slow row are written as arrays of their fields: new fields go to the end, with a default.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, NamedTuple, Self

from msgspec import Struct, field, structs

from csmodels.fields import Direction, Role, SurveyKind, TouchKind
from scoring.domain.calendar import Month
from scoring.engine.register import Register, Stamp

KEPT_DAYS: Final = 400  # whose moments may be asked of
LONGEST_USAGE: Final = 120  # days that a measure of usage looks back at the most
USAGE_KEPT_DAYS: Final = KEPT_DAYS + LONGEST_USAGE  # usage older than this when it arrives leaves no day behind
FIRST_DESCRIBED: Final = "described"  # the field of a contact that tells when it was first described
NAMES_KEPT: Final = 64  # of usage events (and signals) an account and month


class MonthNotLoaded(LookupError):
    """A month was needed that the caller had not loaded (see months_touched and months_needed)."""


class Days(NamedTuple):
    """A person's days of a month as bits (bit 0 is the 1st): any activity, and core actions."""

    any: int = 0
    core: int = 0


NO_DAYS: Final = (0,) * 31


class Feature(NamedTuple):
    """A name of usage events: how often a day, and the two smallest person ids of each day (1 to 31)."""

    counts: tuple[int, ...] = NO_DAYS
    people: Mapping[int, tuple[str, ...]] = {}


class MonthFacts(Struct, frozen=True, gc=False):
    """What happened in a month: people's days, counts a day (all usage, core actions), names, signals.

    Of more than NAMES_KEPT names those with the smallest hash are kept (and the key features of the scorecard), which
    does not depend on the order of arrival. Signals: (kind, topic) to counts a day.
    """

    people: Mapping[str, Days] = {}
    events: tuple[int, ...] = NO_DAYS
    core: tuple[int, ...] = NO_DAYS
    names: Mapping[str, Feature] = {}
    signals: Mapping[tuple[str, str], tuple[int, ...]] = {}


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """One revision of an answer to a survey."""

    stamp: Stamp
    revision: int
    survey: str
    kind: SurveyKind
    score: int | None
    role: Role | None
    person: str | None
    reason: str | None
    text_ref: str | None


class Touch(Struct, frozen=True, array_like=True, gc=False):
    """A contact between us and them."""

    stamp: Stamp
    kind: TouchKind
    direction: Direction
    person: str | None
    outcome: str | None
    text_ref: str | None


class Note(Struct, frozen=True, array_like=True, gc=False):
    """A note of the staff; the text lies elsewhere."""

    stamp: Stamp
    author: str
    text_ref: str


class Voice(Struct, frozen=True, array_like=True, gc=False):
    """What a customer said; the text lies elsewhere."""

    stamp: Stamp
    sentiment: int
    role: Role | None
    person: str | None
    channel: str | None
    text_ref: str | None


class Handover(Struct, frozen=True, array_like=True, gc=False):
    """The account's owner before and after."""

    stamp: Stamp
    from_: str | None
    to: str | None
    text_ref: str | None


class Override(Struct, frozen=True, array_like=True, gc=False):
    """An override as it was set."""

    stamp: Stamp
    points: float
    expires_at: datetime
    author: str
    text_ref: str


EventKey = str  # see event_key


def event_key(stamp: Stamp) -> EventKey:
    """The identity of an event as the key of a mapping; ids hold no line break."""
    return f"{stamp.source}\n{stamp.id}"


class SlowFacts(Struct, frozen=True, array_like=True, dict=True, weakref=True):
    """Everything of an account that is not counted by day.

    contacts are by person, contracts, tickets and invoices by their id; answers by response, revisions rising;
    milestones when first reached; touches, notes, voices and handovers by their event; ended when an override was first
    taken back. merges are pairs of persons that are one; days stay with the id they came under and are united when
    read. first_*: the first day with usage, with a core action, with usage of a known person. again: for each milestone
    that was reached more than once, when (the last of each day), as a register. What is made of them is kept beside the
    fields (see engine.kept).
    """

    account: Register = {}
    contacts: Mapping[str, Register] = {}
    contracts: Mapping[str, Register] = {}
    tickets: Mapping[str, Register] = {}
    invoices: Mapping[str, Register] = {}
    answers: Mapping[str, tuple[Answer, ...]] = {}
    touches: Mapping[EventKey, Touch] = {}
    notes: Mapping[EventKey, Note] = {}
    voices: Mapping[EventKey, Voice] = {}
    handovers: Mapping[EventKey, Handover] = {}
    milestones: Mapping[str, Stamp] = {}
    overrides: Mapping[str, Override] = {}
    ended: Mapping[str, Stamp] = {}
    merges: frozenset[tuple[str, str]] = frozenset()
    erased: frozenset[str] = frozenset()
    first_usage: date | None = None
    first_core: date | None = None
    first_person: date | None = None
    again: Register = {}


class Facts(Struct, frozen=True, gc=False):
    """An account's facts as far as they are loaded: a month without a row is loaded as `MonthFacts()`."""

    account: str
    slow: SlowFacts = field(default_factory=SlowFacts)
    months: Mapping[Month, MonthFacts] = {}

    def loaded(self, months: Mapping[Month, MonthFacts]) -> Self:
        """These facts with more months loaded."""
        return structs.replace(self, months={**self.months, **months})

    def month(self, month: Month) -> MonthFacts:
        """A loaded month. Raises MonthNotLoaded."""
        try:
            return self.months[month]
        except KeyError:
            raise MonthNotLoaded(f"month {month} of account {self.account} is not loaded") from None
