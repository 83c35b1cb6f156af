"""fold_slow: how an event becomes part of an account's slow facts."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from typing import Final, TypeVar

from msgspec import structs

from csmodels import customer, internal
from csmodels.catalogue import CustomerEvent
from csmodels.envelope import Data
from scoring.engine.facts import FIRST_DESCRIBED, Answer, Handover, Note, Override, SlowFacts, Touch, Voice, event_key
from scoring.engine.register import Entry, Register, Stamp, Value, write

# What stays of an erased person's contact: what scores depend on, under an id that nobody can resolve any more.
KEPT_OF_ERASED: Final = frozenset({"role", "left", FIRST_DESCRIBED})

K = TypeVar("K")
V = TypeVar("V")
Registers = Mapping[str, Register]

_AS_THEY_ARE: Final = (str, bool, int, float, type(None))


def fold_slow(slow: SlowFacts, event: CustomerEvent, zone: tzinfo) -> SlowFacts:
    """The slow part after an event that is no usage, no signal and no erasure of the account."""
    stamp = Stamp(event.time, event.source, event.id)
    key = event_key(stamp)
    match event:
        case customer.AccountDescribed():
            return structs.replace(slow, account=write(slow.account, stamp, _patch(event.data), zone))
        case customer.ContactDescribed(personid=str() as person):
            contacts = _registered(slow.contacts, person, stamp, _patch(event.data), zone)
            contact = contacts[person]
            if FIRST_DESCRIBED not in contact or stamp < contact[FIRST_DESCRIBED][0].stamp:
                contact = {**contact, FIRST_DESCRIBED: (Entry(stamp, True),)}
            if person in slow.erased:
                contact = _without_traits(contact)
            if contact is not contacts[person]:
                contacts = {**contacts, person: contact}
            return structs.replace(slow, contacts=contacts)
        case customer.TicketChanged(data=data):
            return structs.replace(slow, tickets=_registered(slow.tickets, data.ticket, stamp, _patch(data), zone))
        case customer.ContractChanged(data=data):
            return structs.replace(
                slow, contracts=_registered(slow.contracts, data.contract, stamp, _patch(data), zone)
            )
        case customer.InvoiceChanged(data=data):
            return structs.replace(slow, invoices=_registered(slow.invoices, data.invoice, stamp, _patch(data), zone))
        case internal.SurveyAnswered():
            return structs.replace(slow, answers=_answered(slow.answers, event, stamp))
        case customer.TouchRecorded(data=data, personid=person):
            touch = Touch(stamp, data.kind, data.direction, person, data.outcome, data.text_ref)
            return structs.replace(slow, touches=_kept(slow.touches, key, touch))
        case internal.NoteRecorded(data=data):
            return structs.replace(slow, notes=_kept(slow.notes, key, Note(stamp, data.author, data.text_ref)))
        case customer.VoiceRecorded(data=data, personid=person):
            voice = Voice(stamp, data.sentiment, data.role, person, data.channel, data.text_ref)
            return structs.replace(slow, voices=_kept(slow.voices, key, voice))
        case customer.MilestoneReached(data=data):
            known = slow.milestones.get(data.milestone, stamp)
            milestones = {**slow.milestones, data.milestone: min(stamp, known)}
            again = slow.again
            for each in (known, stamp) if known != stamp else ():
                again = write(again, each, {data.milestone: True}, zone)
            return structs.replace(slow, milestones=milestones, again=again)
        case internal.OwnerChanged(data=data):
            handover = Handover(stamp, data.from_, data.to, data.text_ref)
            account = write(slow.account, stamp, {"owner": data.to}, zone)
            return structs.replace(slow, account=account, handovers=_kept(slow.handovers, key, handover))
        case internal.OverrideSet(data=data):
            override = Override(stamp, data.points, data.expires_at, data.author, data.text_ref)
            newest = max(override, slow.overrides.get(data.override, override), key=lambda o: o.stamp)
            return structs.replace(slow, overrides={**slow.overrides, data.override: newest})
        case internal.OverrideEnded(data=data):
            ended = min(stamp, slow.ended.get(data.override, stamp))
            return structs.replace(slow, ended={**slow.ended, data.override: ended})
        case internal.ContactMerged(data=data):
            pair = (min(data.from_, data.into), max(data.from_, data.into))
            return structs.replace(slow, merges=slow.merges | {pair})
        case internal.PersonErased(data=data):
            contacts = slow.contacts
            if data.person in contacts:
                contacts = {**contacts, data.person: _without_traits(contacts[data.person])}
            return structs.replace(slow, erased=slow.erased | {data.person}, contacts=contacts)
    raise ValueError(f"{event.type} is no event of an account's slow facts")


def _patch(data: Data) -> dict[str, Value]:
    """The fields of a merge patch as registers keep them; the keys of `custom` are fields of their own."""
    patch: dict[str, Value] = {}
    for name, value in data.patch().items():
        if isinstance(value, _AS_THEY_ARE):  # asked first: nearly all are, and it is no abstract class
            patch[name] = value
        elif isinstance(value, Mapping):
            patch.update({f"{name}.{key}": _plain(part) for key, part in value.items()})
        else:
            patch[name] = _plain(value)
    return patch


def _plain(value: object) -> Value:
    if isinstance(value, _AS_THEY_ARE):
        return value
    if isinstance(value, datetime):
        return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"a register cannot keep a {type(value).__name__}")


def _registered(registers: Registers, id_: str, stamp: Stamp, patch: Mapping[str, Value], zone: tzinfo) -> Registers:
    """The registers with a patch written to one of them; a register without fields tells that it exists."""
    return {**registers, id_: write(registers.get(id_, {}), stamp, patch, zone)}


def _kept(values: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """With the value, unless the key is known: an event counts once."""
    return values if key in values else {**values, key: value}


def _without_traits(contact: Register) -> Register:
    return {field: entries for field, entries in contact.items() if field in KEPT_OF_ERASED}


def _answered(
    answers: Mapping[str, tuple[Answer, ...]], event: internal.SurveyAnswered, stamp: Stamp
) -> Mapping[str, tuple[Answer, ...]]:
    data = event.data
    answer = Answer(
        stamp, data.revision, data.survey, data.kind, data.score, data.role, event.personid, data.reason, data.text_ref
    )
    revisions = {known.revision: known for known in answers.get(data.response, ())}
    revisions[data.revision] = max(answer, revisions.get(data.revision, answer), key=lambda a: a.stamp)
    return {**answers, data.response: tuple(revisions[n] for n in sorted(revisions))}
