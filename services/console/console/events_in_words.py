"""What an entry of the timeline says. Its data holds codes, numbers and ids; the words are made here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from console.visits import Visit
from csmodels.api import TimelineEntry

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """Names of contacts by person id, the words behind text references, and names of playbooks by id."""

    people: Mapping[str, str]
    words: Mapping[str, str]
    playbooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence, and what else there is to say in small print."""

    text: str
    small: str = ""


def told(visit: Visit, entry: TimelineEntry, named: Named) -> Told:
    """The entry in the reader's language."""
    return _TELLERS[entry.kind](visit, entry.data, named)


def _health(visit: Visit, data: Data, _: Named) -> Told:
    after, before = _number(data.get("score")), _number(data.get("previous_score"))
    band, was = data.get("band"), data.get("previous_band")
    score = visit.formats.exact(after) if after is not None else visit.say("frame.nothing_known")
    small = visit.say("account.e_backfill") if data.get("backfill") else ""
    name = visit.say(f"frame.band_{band}").lower()
    if before is None or (was == "grey" and not before):
        return Told(visit.say("account.e_first", after=score, band=name), small)
    key = "account.e_moved" if band == was else "account.e_turned"
    return Told(visit.say(key, band=name, before=visit.formats.exact(before), after=score), small)


def _ticket(visit: Visit, data: Data, _: Named) -> Told:
    status = data.get("status", "open")
    channel = data.get("channel")
    by = (
        visit.say("account.by_channel", channel=visit.say_or(f"account.channel_{channel}", str(channel)))
        if channel
        else ""
    )
    small = [str(data["topic"])] if data.get("topic") else []
    if data.get("severity"):
        small.append(visit.say("account.severity", n=data["severity"]))
    if data.get("csat"):
        small.append(visit.say("account.csat", n=data["csat"]))
    values = {"ticket": data.get("ticket", ""), **({"by": by} if status == "open" else {})}
    return Told(visit.say(f"account.e_ticket_{status}", **values), _list(visit, small))


def _contract(visit: Visit, data: Data, _: Named) -> Told:
    status = data.get("status", "active")
    small = [str(data["plan"])] if data.get("plan") else []
    if (mrr := _amount(data.get("mrr"))) is not None:
        small.append(visit.say("account.contract_mrr", money=visit.formats.money(mrr, data.get("currency"))))
    if data.get("seats"):
        small.append(visit.say("account.seats", n=data["seats"]))
    if (ends := _day(data.get("ends_on"))) is not None:
        small.append(visit.say("account.contract_until", date=visit.formats.full(ends)))
    words = visit.say_or(f"account.status_{status}", str(status))
    return Told(visit.say("account.e_contract", contract=data.get("contract", ""), status=words), _list(visit, small))


def _invoice(visit: Visit, data: Data, _: Named) -> Told:
    amount = _amount(data.get("amount"))
    money = (
        visit.formats.money(amount, data.get("currency")) if amount is not None else visit.say("frame.nothing_known")
    )
    values = {"invoice": data.get("invoice", ""), "money": money}
    if data.get("paid_at") and amount is None:
        return Told(visit.say("account.e_invoice_paid_plain", invoice=values["invoice"]))
    if data.get("paid_at"):
        return Told(visit.say("account.e_invoice_paid", **values))
    due = _day(data.get("due_on"))
    date_ = visit.formats.day(due) if due else visit.say("frame.nothing_known")
    return Told(visit.say("account.e_invoice_due", **values, date=date_))


def _touch(visit: Visit, data: Data, named: Named) -> Told:
    kind = data.get("kind", "meeting")
    person = named.people.get(str(data.get("person")))
    whom = visit.say("account.with_whom", person=person) if person else ""
    small = [visit.say(f"account.direction_{data['direction']}")] if data.get("direction") else []
    if data.get("outcome"):
        small.append(visit.say_or(f"tasks.outcome_{data['outcome']}", str(data["outcome"])))
    words = visit.say_or(f"account.touch_{kind}", str(kind))
    return Told(visit.say("account.e_touch", kind=words, with_whom=whom), _list(visit, small))


def _note(visit: Visit, data: Data, _: Named) -> Told:
    author = visit.named(data.get("author"), "")
    return Told(visit.say("account.e_note", by=visit.say("account.by_author", author=author) if author else ""))


def _voice(visit: Visit, data: Data, named: Named) -> Told:
    mood = visit.say_or(f"account.mood_{data.get('sentiment')}", visit.say("frame.nothing_known"))
    return Told(visit.say("account.e_voice", mood=mood), _whom(visit, data, named))


def _milestone(visit: Visit, data: Data, _: Named) -> Told:
    return Told(visit.say("account.e_milestone", milestone=data.get("milestone", "")))


def _answer(visit: Visit, data: Data, named: Named) -> Told:
    score = _number(data.get("score"))
    shown = f"{score:g}" if score is not None else visit.say("frame.nothing_known")
    small = _whom(visit, data, named)
    if data.get("kind") == "nps":
        return Told(visit.say("account.e_answer_nps", score=shown), small)
    return Told(visit.say("account.e_answer", survey=data.get("survey", ""), score=shown), small)


def _owner(visit: Visit, data: Data, _: Named) -> Told:
    nobody = visit.say("account.nobody")
    names = {"before": visit.named(data.get("from"), nobody), "after": visit.named(data.get("to"), nobody)}
    return Told(visit.say("account.e_owner", **names))


def _override(visit: Visit, data: Data, _: Named) -> Told:
    until = _moment(data.get("expires_at"))
    date_ = visit.formats.day(until) if until else visit.say("frame.nothing_known")
    points = visit.formats.signed(_number(data.get("points")) or 0.0)
    return Told(visit.say("account.e_override", points=points, date=date_), visit.named(data.get("author"), ""))


def _override_ended(visit: Visit, _: Data, __: Named) -> Told:
    return Told(visit.say("account.e_override_ended"))


def _contact(visit: Visit, data: Data, named: Named) -> Told:
    person = named.people.get(str(data.get("person")), visit.say("account.somebody"))
    role = visit.say_or(f"account.role_{data.get('role')}", visit.say("frame.nothing_known"))
    if data.get("left"):
        return Told(visit.say("account.e_contact_left", person=person), role if data.get("role") else "")
    return Told(visit.say("account.e_contact", person=person, role=role))


def _task(visit: Visit, _: Data, __: Named) -> Told:
    return Told(visit.say("account.e_task_overdue"))


def _run(visit: Visit, data: Data, named: Named) -> Told:
    id_ = str(data.get("playbook", ""))
    key = "account.e_run_ended" if data.get("what") == "ended" else "account.e_run"
    return Told(visit.say(key, playbook=named.playbooks.get(id_, id_)))


def _email(visit: Visit, data: Data, named: Named) -> Told:
    person = named.people.get(str(data.get("person")))
    key = "account.e_email_failed" if data.get("what") == "failed" else "account.e_email_sent"
    return Told(visit.say(key, to=visit.say("account.to_person", person=person) if person else ""))


_TELLERS: Final[Mapping[str, Callable[[Visit, Data, Named], Told]]] = {
    "health": _health, "ticket": _ticket, "contract": _contract, "invoice": _invoice, "touch": _touch, "note": _note,
    "voice": _voice, "milestone": _milestone, "answer": _answer, "owner": _owner, "override": _override,
    "override_ended": _override_ended, "contact": _contact, "task": _task, "run": _run, "email": _email,
}  # fmt: skip


def _whom(visit: Visit, data: Data, named: Named) -> str:
    person = named.people.get(str(data.get("person")))
    role = visit.say_or(f"account.role_{data['role']}", "") if data.get("role") else ""
    return _list(visit, [each for each in (person, role) if each])


def _list(visit: Visit, parts: list[str]) -> str:
    return ("、" if visit.language == "ja" else ", ").join(parts)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _amount(value: object) -> Decimal | None:
    try:
        return Decimal(str(value)) if value is not None else None
    except InvalidOperation:
        return None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:
        return None


def _moment(value: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)) if value else None
    except ValueError:
        return None
