"""A world as scoring sees it: items and acts as events, folded, and scored at any moment."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from csmodels.catalogue import TYPES, CustomerEvent, parse_data
from csmodels.customer import Usage, UsageTracked
from csmodels.ids import NAMESPACE
from csworld import Answer, Customer, Identify, Send, Track, World
from scoring.domain.score import Score
from scoring.engine.facts import Facts, MonthFacts
from scoring.engine.features import assess, months_needed
from scoring.engine.fold import fold_all, months_touched
from scoring.scorecards import built_in

CARD: Final = built_in()[0]
MEASURES: Final = tuple(CARD.measures)
Events = Mapping[str, list[CustomerEvent]]


def events_of(world: World, live_days: int) -> Events:
    """The events by account of the past, its answers, and so many live days."""
    found: dict[str, list[CustomerEvent]] = defaultdict(list)
    for item in world.history():
        found[item["account"]].append(_of_item(item, datetime.fromisoformat(item["time"])))
    for answer in world.past_answers():
        found[answer.account].append(_answered(answer.account, answer.user, answer.score, answer.at))
    for day in range(live_days):
        for event in _live(world, world.now.date() + timedelta(days=day)):
            found[event.subject].append(event)
    return found


def scores(events: Iterable[CustomerEvent], account: str, moments: Iterable[datetime]) -> list[Score]:
    """The account's scores at the moments, which rise."""
    given = list(events)
    asked = list(moments)
    months = {month for event in given for month in months_touched(event, UTC)}
    months |= {month for at in asked for month in months_needed(at, UTC)}
    facts = Facts(account).loaded({month: MonthFacts() for month in months})
    facts = fold_all(facts, given, CARD, UTC).facts
    return [assess(facts, at, CARD, UTC) for at in asked]


def contributions(score: Score) -> dict[str, float]:
    """By measure."""
    return {one.measure: one.contribution for one in score.contributions}


def band(score: Score) -> str:
    """The plain band."""
    if score.grey:
        return "grey"
    return "green" if score.value >= CARD.green else "yellow" if score.value >= CARD.yellow else "red"


def midnight(day: date) -> datetime:
    """The day's start in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def around(customer: Customer) -> tuple[datetime, datetime]:
    """Just before the customer's story begins, and 30 days into it."""
    begins = midnight(customer.fate.begins_on) - timedelta(hours=9)
    return begins, begins + timedelta(days=30)


def _live(world: World, day: date) -> Iterable[CustomerEvent]:
    account_of = {person.user: customer.id for customer in world.customers for person in customer.people}
    for number, act in enumerate(world.acts(day)):
        match act:
            case Track():
                data = {"name": act.event, "properties": act.properties}
                said = {"id": f"{day}-{number}", "account": act.account, "user": act.user, "data": data}
                yield _of_item({**said, "type": "usage.tracked"}, act.at)
            case Identify():
                data = {"role": act.traits["role"]}
                said = {"id": f"{day}-{number}", "account": account_of[act.user], "user": act.user, "data": data}
                yield _of_item({**said, "type": "contact.described"}, act.at)
            case Send():
                yield _of_item(act.item, act.at)
            case Answer():
                yield _answered(act.account, act.user, act.score, act.at)


def _of_item(item: Mapping[str, Any], at: datetime) -> CustomerEvent:
    envelope = {"id": item["id"], "source": "world", "subject": item["account"], "time": at, "receivedtime": at}
    person = str(uuid.uuid5(NAMESPACE, item["user"])) if "user" in item else None
    if item["type"] == "usage.tracked":  # nearly all of them: made without the checks that other tests do
        return UsageTracked.model_construct(**envelope, personid=person, data=Usage.model_construct(**item["data"]))
    data = parse_data(item["type"], item["data"])
    return TYPES[item["type"]].model_validate({**envelope, "personid": person, "data": data})  # type: ignore[return-value]


def _answered(account: str, user: str, score: int, at: datetime) -> CustomerEvent:
    response = str(uuid.uuid5(NAMESPACE, f"{account}{user}{at}"))
    data = {"survey": "nps", "response": response, "revision": 1, "kind": "nps", "score": score}
    said = {"id": f"{response}:1", "account": account, "user": user, "type": "survey.answered", "data": data}
    return _of_item(said, at)
