"""What befell an account, told from its facts. Days of usage are no entries: there are charts for those."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Any, Final

from csmodels.api import TimelineKind
from scoring.engine.facts import SlowFacts
from scoring.engine.people import roots
from scoring.engine.register import Register, Stamp, read

_FIELDS: Final[Mapping[TimelineKind, tuple[str, ...]]] = {
    "ticket": ("status", "severity", "channel", "topic", "csat", "text_ref"),
    "contract": ("status", "plan", "mrr", "currency", "seats", "starts_on", "ends_on", "reason"),
    "invoice": ("amount", "currency", "due_on", "paid_at"),
    "contact": ("role", "left"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that befell the account; data as csmodels.api.TimelineEntry says."""

    id: str
    at: datetime
    kind: TimelineKind
    data: Mapping[str, Any]


def entries(slow: SlowFacts) -> list[Entry]:
    """Everything, the oldest first. What was forgotten of the facts is not told any more."""
    return sorted(_all(slow), key=lambda entry: (entry.at, entry.id))


def acted(slow: SlowFacts, kept: Iterable[Any]) -> list[Entry]:
    """What playbooks did, from rows with id, at, kind and data; nobody who was erased is named."""
    gone = _erased(slow)
    return [
        Entry(each.id, each.at, each.kind, {k: v for k, v in each.data.items() if k != "person" or v not in gone})
        for each in kept
    ]


def begins(slow: SlowFacts, zone: tzinfo) -> datetime | None:
    """Since when anything is known of the account: its first day of usage, or the first that befell it."""
    moments = [entry.at for entry in _all(slow)]
    if slow.first_usage is not None:
        moments.append(datetime.combine(slow.first_usage, time.min, tzinfo=zone))
    return min(moments, default=None)


def text_refs(slow: SlowFacts) -> frozenset[str]:
    """The references of all texts that the facts know."""
    refs = {entry.data.get("text_ref") for entry in _all(slow)}
    refs |= {written.value for ticket in slow.tickets.values() for written in ticket.get("text_ref", ())}
    return frozenset(ref for ref in refs if isinstance(ref, str))


def _all(slow: SlowFacts) -> Iterator[Entry]:
    for id_, ticket in slow.tickets.items():
        yield from _changes("ticket", id_, ticket)
    for id_, contract in slow.contracts.items():
        yield from _changes("contract", id_, contract)
    for id_, invoice in slow.invoices.items():
        yield from _changes("invoice", id_, invoice)
    gone = _erased(slow)
    for person, contact in slow.contacts.items():
        if person not in gone:
            yield from _changes("contact", person, contact, as_name="person")
    for touch in slow.touches.values():
        yield _entry(
            "touch", touch.stamp, kind=touch.kind, direction=touch.direction, outcome=touch.outcome,
            person=_known(touch.person, gone), text_ref=touch.text_ref,
        )  # fmt: skip
    for note in slow.notes.values():
        yield _entry("note", note.stamp, author=note.author, text_ref=note.text_ref)
    for voice in slow.voices.values():
        yield _entry(
            "voice", voice.stamp, sentiment=voice.sentiment, role=voice.role, channel=voice.channel,
            person=_known(voice.person, gone), text_ref=voice.text_ref,
        )  # fmt: skip
    for milestone, stamp in slow.milestones.items():
        yield _entry("milestone", stamp, milestone=milestone)
    for response, revisions in slow.answers.items():
        for answer in revisions:
            yield _entry(
                "answer", answer.stamp, response=response, revision=answer.revision, survey=answer.survey,
                kind=answer.kind, score=answer.score, role=answer.role, person=_known(answer.person, gone),
                reason=answer.reason, text_ref=answer.text_ref,
            )  # fmt: skip
    for handover in slow.handovers.values():
        if handover.from_ == handover.to and handover.text_ref is None:
            continue  # a repeat under another key, of what was so already
        yield _entry("owner", handover.stamp, **{"from": handover.from_, "to": handover.to}, text_ref=handover.text_ref)
    for id_, override in slow.overrides.items():
        yield _entry(
            "override", override.stamp, override=id_, points=override.points, expires_at=_text(override.expires_at),
            author=override.author, text_ref=override.text_ref,
        )  # fmt: skip
    for id_, stamp in slow.ended.items():
        yield _entry("override_ended", stamp, override=id_)


def _changes(kind: TimelineKind, id_: str, register: Register, *, as_name: str | None = None) -> Iterator[Entry]:
    """An entry for each event that changed one of the fields shown, with what they were from then on."""
    fields = [field for field in _FIELDS[kind] if field in register]
    stamps = sorted({entry.stamp for field in fields for entry in register[field]})
    before: dict[str, Any] | None = None
    for stamp in stamps:
        after = {field: read(register, field, stamp.time) for field in fields}
        if after != before:
            yield _entry(kind, stamp, **{as_name or kind: id_}, **after)
        before = after


def _entry(kind: TimelineKind, stamp: Stamp, /, **data: Any) -> Entry:
    told = {name: value for name, value in data.items() if value is not None}
    return Entry(f"{kind}/{stamp.source}/{stamp.id}", stamp.time, kind, told)


def _erased(slow: SlowFacts) -> frozenset[str]:
    """Everybody who was erased, under all the ids that were merged into one."""
    same = roots(slow.merges)
    ends = {same.get(person, person) for person in slow.erased}
    return slow.erased | {person for person, root in same.items() if root in ends}


def _known(person: str | None, gone: frozenset[str]) -> str | None:
    return None if person in gone else person


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
