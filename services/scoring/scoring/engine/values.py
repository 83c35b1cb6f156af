"""An account's features as expressions of a scorecard see them: `features.core_actions_28d / features.seats`."""

from collections.abc import Mapping
from typing import Final

from scoring.domain.calendar import ONE_DAY
from scoring.domain.terms import FeatureValue
from scoring.engine.contracts import prices
from scoring.engine.moment import Moment
from scoring.engine.register import newest, parts, read
from scoring.engine.stages import began_at, next_renewal
from scoring.engine.tickets import ratings

# What can be asked, and of what kind it is (as cskit.conditions names kinds). What is not known is left out.
FEATURE_FIELDS: Final[Mapping[str, str]] = {
    "stage": "text",  # onboarding, adoption, renewal, churning, churned
    "stage_days": "number",  # since it began
    "plan": "text", "segment": "text", "industry": "text", "country": "text",  # of the account
    "touch_class": "text",  # high, mid, low
    "employees": "number",
    "custom": "any",  # features.custom.tier
    "seats": "number",  # of contracts, else the account's own
    "mrr": "number",  # a month's price of the contracts that run, if all are in one currency
    "contracts": "number",  # that run
    "customer_days": "number",  # since the first contract's start
    "days_to_renewal": "number",  # until the next term ends; month to month has none
    "core_actions_7d": "number", "core_actions_28d": "number",
    "core_actions_56d_before": "number",  # the 56 days before those 28
    "active_people_28d": "number",  # with a core action
    "people_90d": "number",  # seen at all
    "days_since_core_action": "number",  # of the last 120 days
    "open_tickets": "number", "open_severity_1": "number",
    "rated_tickets": "number",  # of those that are kept, see engine/retention
    "days_since_contact": "number",  # any touch, in whatever direction
    "contacts": "number",  # described
    "sponsors": "number",
    "milestones": "number",  # reached
}  # fmt: skip


def feature_values(now: Moment) -> Mapping[str, FeatureValue]:
    """The fields of FEATURE_FIELDS at a moment, numbers as doubles; those that are not known are left out."""
    slow, at, stages = now.slow, now.at, now.card.stages
    today = now.today
    values: dict[str, FeatureValue] = {
        "stage": now.still.stage,
        "touch_class": now.touch_class,
        "contracts": float(len(now.living)),
        "open_tickets": float(len(now.open_tickets)),
        "open_severity_1": float(sum(ticket.severity == 1 for ticket in now.open_tickets)),
        "rated_tickets": float(len(ratings(slow, now.tickets_at))),
        "contacts": float(len(now.still.lull.invited)),
        "sponsors": float(len(now.sponsors.present)),
        "milestones": float(sum(stamp.time <= at for stamp in slow.milestones.values())),
    }
    for name in ("plan", "segment", "industry"):
        if (text := now.text(name, at)) is not None:
            values[name] = text
    country, employees = newest(slow.account, "country"), read(slow.account, "employees", at)
    if isinstance(country, str):
        values["country"] = country
    if isinstance(employees, int):
        values["employees"] = float(employees)
    values["custom"] = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in parts(slow.account, "custom").items()
        if value is not None
    }
    if now.seats:
        values["seats"] = float(now.seats)
    priced = prices(now.living, at)
    if len(priced) == 1:
        values["mrr"] = sum(priced.values())
    if (began := began_at(slow, at, now.zone, stages)) is not None:
        values["stage_days"] = (at - began) / ONE_DAY
    if (course := now.still.course).contracts:
        values["customer_days"] = float((today - course.began).days)
    renewals = [r.ends for c in now.running if (r := next_renewal(c, today, stages)) is not None]
    if renewals:
        values["days_to_renewal"] = float((min(renewals) - today).days)
    touches = [touch.stamp.time for touch in slow.touches.values() if touch.stamp.time <= at]
    if touches:
        values["days_since_contact"] = (at - max(touches)) / ONE_DAY
    return {**values, **_usage(now)}


def _usage(now: Moment) -> Mapping[str, FeatureValue]:
    if not now.connected:
        return {}
    values: dict[str, FeatureValue] = {
        "core_actions_7d": float(now.core_actions(7)),
        "core_actions_28d": float(now.core_actions(28)),
        "core_actions_56d_before": float(now.core_actions(56, skip=28)),
    }
    if now.with_people:
        values["active_people_28d"] = float(len(now.core_days(28)))
        values["people_90d"] = float(now.seen(90))
    if now.last_core is not None:
        values["days_since_core_action"] = float(now.day.toordinal() - now.last_core)
    return values
