"""What the portfolio's metrics know of an account, made of its slow facts, and as bytes for a row.

Registers say what was known on any day; a book says what was so, by what is known today. So what was first said of a
contract holds back to its start: a contract of 2024 that was imported in 2026 has paid since 2024. As last days of
terms count those that came, and those that were put off to a later day.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta, tzinfo
from decimal import Decimal
from itertools import takewhile
from typing import Final

import msgspec

from scoring.domain.calendar import days_after, local_day
from scoring.domain.portfolio.book import ZERO, Answer, Book, Contract, Dated, Reached, Step, Ticket
from scoring.engine.contracts import began, end_under_notice, moment, term_of
from scoring.engine.contracts import day as day_of
from scoring.engine.facts import SlowFacts
from scoring.engine.register import Entry, Register, Value, newest, since
from scoring.engine.tickets import DONE

FORMAT: Final = 4  # of the bytes; another one has every row made anew at the next start

_TOLD: Final = (
    "status", "mrr", "currency", "product", "plan", "starts_on", "ends_on", "term_months", "auto_renew", "cancelled_at"
)  # fmt: skip
_OF_NOTICE: Final = ("status", "cancelled_at")
_ONE_DAY: Final = timedelta(days=1)
_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")
_DECODER: Final = msgspec.msgpack.Decoder(Book)


def encode_book(book: Book) -> bytes:
    """A book as bytes; equal books give equal bytes."""
    return _ENCODER.encode(book)


def decode_book(raw: bytes) -> Book:
    """The book that encode_book made these bytes of."""
    return _DECODER.decode(raw)


def differs(before: SlowFacts, after: SlowFacts) -> bool:
    """Whether the book changed, cheaply: true where anything changed that it is made of."""
    return (
        _other(before.contracts, after.contracts)
        or _other(before.milestones, after.milestones)
        or _other(before.answers, after.answers)
        or _other(before.merges, after.merges)
        or before.first_core != after.first_core
        or any(_other(before.account.get(name), after.account.get(name)) for name in ("plan", "segment", "owner"))
    )


def changed_tickets(before: SlowFacts, after: SlowFacts) -> dict[str, Ticket]:
    """The tickets that changed, by their id."""
    if before.tickets is after.tickets:
        return {}
    known = before.tickets
    changed = ((id_, register) for id_, register in after.tickets.items() if _other(known.get(id_), register))
    return {ticket.id: ticket for id_, register in changed if (ticket := _ticket(id_, register)) is not None}


def tickets(slow: SlowFacts) -> dict[str, Ticket]:
    """All tickets, by their id."""
    return changed_tickets(SlowFacts(), slow)


def book(account: str, slow: SlowFacts, zone: tzinfo) -> Book:
    """The book of an account; days are the zone's."""
    contracts = (_contract(id_, register, zone) for id_, register in sorted(slow.contracts.items()))
    return Book(
        account=account,
        contracts=tuple(contract for contract in contracts if contract is not None),
        plans=_dated(slow.account, "plan", zone),
        segments=_dated(slow.account, "segment", zone),
        owners=_dated(slow.account, "owner", zone),
        milestones=tuple(
            Reached(name, local_day(stamp.time, zone), stamp.id) for name, stamp in sorted(slow.milestones.items())
        ),
        answers=tuple(
            Answer(local_day(answer.stamp.time, zone), answer.score, response, answer.stamp.id)
            for response, (*_, answer) in sorted(slow.answers.items())
            if answer.kind == "nps" and answer.score is not None
        ),
        first_core=slow.first_core,
        merged=bool(slow.merges),
    )


def _other(before: object, after: object) -> bool:
    return before is not after and before != after


def _ticket(id_: str, register: Register) -> Ticket | None:
    opened = moment(newest(register, "opened_at")) or since(register)
    if opened is None:
        return None
    status = register.get("status", ())
    done = bool(status) and status[-1].value in DONE
    solved = moment(newest(register, "solved_at"))
    not_done = [entry.stamp for entry in status if entry.value is not None and entry.value not in DONE]
    if "solved_at" in register and not_done and not_done[-1] >= register["solved_at"][-1].stamp:
        solved = None  # said before it was opened again
    if solved is None and done:
        solved = list(takewhile(lambda entry: entry.value in DONE, reversed(status)))[-1].stamp.time
    return Ticket(id_, opened, moment(newest(register, "first_reply_at")), solved)


def _dated(register: Register, field: str, zone: tzinfo) -> tuple[Dated, ...]:
    return tuple(
        Dated(local_day(entry.stamp.time, zone), entry.value if isinstance(entry.value, str) else None)
        for entry in register.get(field, ())
    )


def _contract(id_: str, register: Register, zone: tzinfo) -> Contract | None:
    told = _Told(register, zone)
    steps: list[Step] = []
    for day in told.days():
        step = told.step(day)
        if _state(step) != (_state(steps[-1]) if steps else _state(Step(day, paying=False))):
            steps.append(step)
    if not steps:
        return None
    return Contract(id_, tuple(steps), told.ends(), _term(register))


def _term(register: Register) -> int | None:
    """How many months each further term has: as told, else of one that renews by itself what the last one told had."""
    months = newest(register, "term_months")
    if isinstance(months, int) and not isinstance(months, bool):
        return months
    ends = day_of(newest(register, "ends_on"))
    if ends is None or newest(register, "auto_renew") is not True:
        return None
    term = term_of(day_of(newest(register, "starts_on")), ends, None)
    return term if term is not None and term > 0 else None  # some tell an end before the start


def _state(step: Step) -> tuple[object, ...]:
    return step.paying, step.mrr, step.currency, step.product, step.plan


class _Told:
    """A contract's register by days: what holds at the end of each, by what is known today."""

    def __init__(self, register: Register, zone: tzinfo) -> None:
        self._register, self._zone = register, zone
        self._entries: Mapping[str, list[tuple[date, Entry]]] = {
            field: [(local_day(entry.stamp.time, zone), entry) for entry in register[field]]
            for field in _TOLD
            if field in register
        }
        first = since(register)
        self._heard = local_day(first, zone) if first is not None else None

    def days(self) -> Iterable[date]:
        """The days on which anything may change, ascending."""
        if self._heard is None:
            return ()
        days = {self._heard, *(day for entries in self._entries.values() for day, _ in entries)}
        days.update(day for day, _ in self._days_of("starts_on"))
        notices = [moment(entry.value) for _, entry in self._entries.get("cancelled_at", ())]
        days.update(local_day(notice, self._zone) for notice in notices if notice is not None)
        ends = {day for day, _ in self._days_of("ends_on")} | {self._last_day(day) for day in days}
        days.update(end + _ONE_DAY for end in ends if end is not None and end < date.max)
        return sorted(days)

    def step(self, day: date) -> Step:
        """The contract at the end of a day."""
        event = self._said(day)
        price, currency, product, plan = (self._on(field, day) for field in ("mrr", "currency", "product", "plan"))
        mrr = Decimal(price) if isinstance(price, str) else None
        if not self._runs(day) or mrr == ZERO:
            return Step(day, paying=False, event=event)
        return Step(day, True, mrr or ZERO, _text(currency), _text(product), _text(plan), event)

    def ends(self) -> tuple[date, ...]:
        """The last days of terms: one that was moved to an earlier day is none."""
        ends: list[date] = []
        for end, _ in self._days_of("ends_on"):
            while ends and ends[-1] >= end:
                ends.pop()
            ends.append(end)
        return tuple(ends)

    def _runs(self, day: date) -> bool:
        starts = self._began(day) or self._heard
        status = self._status(day)
        if starts is None or starts > day or status in ("trial", "ended"):
            return False
        last = self._last_day(day)
        return last is None or last >= day or (self._on("auto_renew", day) is True and self._noticed(day) is None)

    def _began(self, day: date) -> date | None:
        """As contracts.Contract has it."""
        entries = self._entries.get("starts_on", ())
        said = [entry for said, entry in entries if said <= day] or [entry for _, entry in entries[:1]]
        return began(self._register, said, self._zone)

    def _last_day(self, day: date) -> date | None:
        """As contracts.Contract has it."""
        ends, noticed = day_of(self._on("ends_on", day)), self._noticed(day)
        if ends is None or noticed is None or self._on("auto_renew", day) is not True:
            return ends
        months = self._on("term_months", day)
        term = term_of(day_of(self._on("starts_on", day)), ends, months if isinstance(months, int) else None)
        return end_under_notice(ends, noticed, term)

    def _noticed(self, day: date) -> date | None:
        """When notice was given, None: it was not; the first day of all if it was heard of under notice."""
        cancelled = moment(self._on("cancelled_at", day))
        if cancelled is not None and (told := local_day(cancelled, self._zone)) <= day:
            return told
        if self._status(day) != "cancelled":
            return None
        noticed = date.min
        for said, entry in reversed(self._entries["status"]):
            if said <= day:
                if entry.value != "cancelled":
                    break
                noticed = said
        return noticed if noticed != self._heard else date.min

    def _status(self, day: date) -> Value:
        """Before the one it was first heard of with: that one. If it was ended, it ran until then, under notice."""
        entries = self._entries.get("status", ())
        if not entries:
            return "active"
        status = next((entry.value for said, entry in reversed(entries) if said <= day), None)
        if day < entries[0][0] == self._heard:
            first = entries[0][1].value
            status = "cancelled" if first == "ended" else first
        return status or "active"

    def _on(self, field: str, day: date) -> Value:
        entries = self._entries.get(field)
        if not entries:
            return None
        return next((entry.value for said, entry in reversed(entries) if said <= day), entries[0][1].value)

    def _said(self, day: date) -> str | None:
        """The event of that day, else the one that named it as the contract's first day or its last one before.

        Else the notice: it was given on that day, or the term in which it was given ended the day before.
        """
        said = [entry for entries in self._entries.values() for said, entry in entries if said == day]
        said = said or [entry for first, entry in self._days_of("starts_on") if first == day]
        said = said or [entry for last, entry in self._days_of("ends_on") if days_after(last, 1) == day]
        said = said or [entry for field in _OF_NOTICE for told, entry in self._entries.get(field, ()) if told < day]
        said = said or [entry for _, entry in self._entries.get("cancelled_at", ())]
        return max(said, key=lambda entry: entry.stamp).stamp.id if said else None

    def _days_of(self, field: str) -> Iterator[tuple[date, Entry]]:
        for _, entry in self._entries.get(field, ()):
            if (day := day_of(entry.value)) is not None:
                yield day, entry


def _text(value: Value) -> str | None:
    return value if isinstance(value, str) else None
