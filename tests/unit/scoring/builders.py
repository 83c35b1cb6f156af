"""Events of one account and what becomes of them, for the tests of scoring's rules."""

import copy
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

import scoring
from cskit.messages import Message
from csmodels.catalogue import TYPES, CustomerEvent
from csmodels.envelope import Event
from scoring.account import Account, Cut, Evaluation, Rules, Taken, passing, taking
from scoring.domain.measures import Measurement
from scoring.domain.parsing import parse_scorecard
from scoring.domain.scorecard import Scorecard
from scoring.domain.steps import finished
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.features import NONE_STOPPED, months_needed
from scoring.engine.feeds import Stopped
from scoring.engine.fold import fold_all, months_touched
from scoring.engine.measuring import measured as measured_at
from scoring.engine.moment import Moment

ACCOUNT = "acme"
TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(scoring.__file__).parent / "scorecards" / "default.yaml").read_text(encoding="utf-8")
)
CARD: Scorecard = parse_scorecard(DOCUMENT)


def person(number: int) -> str:
    """The id of a person; ids sort as their numbers do."""
    return f"00000000-0000-4000-8000-{number:012x}"


_made = iter(range(10**9))


def event(
    type_: str, at: datetime, data: dict[str, Any], *, who: int | None = None, id_: str | None = None, **envelope: Any
) -> CustomerEvent:
    """An event of the account; ids are drawn in order unless given."""
    return TYPES[type_].model_validate(  # type: ignore[return-value]
        {
            "id": id_ or f"e{next(_made)}",
            "source": envelope.pop("source", "test"),
            "subject": ACCOUNT,
            "time": at,
            "receivedtime": envelope.pop("received", at),
            "personid": None if who is None else person(who),
            "data": TYPES[type_].model_fields["data"].annotation.model_validate(data),  # type: ignore[union-attr]
            **envelope,
        }
    )


def usage(at: datetime, who: int | None = 1, name: str = "report_created", count: int = 1, **kw: Any) -> CustomerEvent:
    """A usage event of a person."""
    return event("usage.tracked", at, {"name": name, "count": count}, who=who, **kw)


def described(at: datetime, **fields: Any) -> CustomerEvent:
    """account.described."""
    return event("account.described", at, fields)


def ticket(at: datetime, id_: str = "t1", **fields: Any) -> CustomerEvent:
    """ticket.changed."""
    return event("ticket.changed", at, {"ticket": id_, **fields})


def contract(at: datetime, id_: str = "c1", **fields: Any) -> CustomerEvent:
    """contract.changed."""
    return event("contract.changed", at, {"contract": id_, **fields})


def answer(at: datetime, score: int, response: str = "r1", revision: int = 1, **kw: Any) -> CustomerEvent:
    """An answer to an NPS survey."""
    data = {"survey": "s", "response": response, "revision": revision, "kind": "nps", "score": score}
    data |= {"role": kw.pop("role", None)}
    return event("survey.answered", at, data, id_=f"{response}:{revision}", **kw)


def touch(at: datetime, direction: str = "both", **kw: Any) -> CustomerEvent:
    """touch.recorded, a call."""
    return event("touch.recorded", at, {"kind": "call", "direction": direction}, **kw)


def measured(
    measure: str,
    events: Iterable[CustomerEvent],
    at: datetime = NOON,
    card: Scorecard = CARD,
    zone: tzinfo = UTC,
    stopped: Stopped = NONE_STOPPED,
) -> Measurement:
    """A measure of the scorecard, whether it counts in the account's stage or not."""
    months = months_needed(at, zone, stopped)
    facts = facts_of(events, at, zone=zone, card=card)
    facts = facts.loaded({month: MonthFacts() for month in months if month not in facts.months})
    return measured_at(Moment(facts, at, card, zone, stopped), card.measures[measure])


def changed(path: str, value: object, document: dict[str, Any] = DOCUMENT) -> dict[str, Any]:
    """The document with one field set, or removed with `...`."""
    document = copy.deepcopy(document)
    *above, name = path.split(".")
    place: Any = document
    for part in above:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if value is ...:
        del place[name]
    else:
        place[name] = value
    return document


def card_with(**fields: object) -> Scorecard:
    """The default scorecard with other fields: a dot in a path is written as two underscores."""
    document = DOCUMENT
    for path, value in fields.items():
        document = changed(path.replace("__", "."), value, document)
    return parse_scorecard(document)


def milestone(at: datetime, name: str, **kw: Any) -> CustomerEvent:
    """milestone.reached."""
    return event("milestone.reached", at, {"milestone": name}, **kw)


def contact(at: datetime, who: int = 1, **fields: Any) -> CustomerEvent:
    """contact.described."""
    return event("contact.described", at, fields, who=who)


def invoice(at: datetime, id_: str = "i1", **fields: Any) -> CustomerEvent:
    """invoice.changed."""
    return event("invoice.changed", at, {"invoice": id_, **fields})


def facts_of(events: Iterable[CustomerEvent], *needed: datetime, zone: tzinfo = UTC, card: Scorecard = CARD) -> Facts:
    """The facts of events folded in this order, with the months loaded that features need at the moments."""
    given: Sequence[CustomerEvent] = list(events)
    months = {month for e in given for month in months_touched(e, zone)}
    months |= {month for at in needed for month in months_needed(at, zone)}
    empty = Facts(ACCOUNT).loaded({month: MonthFacts() for month in months})
    return fold_all(empty, given, card, zone).facts


def taken(account: Account, messages: Sequence[Message[Event]], cut: Cut, rules: Rules) -> Taken:
    """What becomes of an account that is alone."""
    return finished(taking(account, messages, cut, rules))


def passed(*given: Any, **named: Any) -> tuple[Account, list[Evaluation]]:
    """The same when an hour passes: the arguments are those of account.passing."""
    return finished(passing(*given, **named))
