"""An account as conditions see it: `account.plan == "enterprise" && account.seats >= 50`."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from scoring.domain.money import Rates
from scoring.engine.facts import Facts
from scoring.engine.profile import profile
from scoring.engine.register import parts, read

# What can be asked of an account, and of what kind it is (as cskit.conditions names kinds).
ACCOUNT_FIELDS: Final[Mapping[str, str]] = {
    "plan": "text", "segment": "text", "owner": "text", "mrr": "number", "seats": "number", "country": "text",
    "time_zone": "text", "locale": "text", "industry": "text", "employees": "number", "parent": "text", "custom": "any",
}  # fmt: skip


def described(facts: Facts, at: datetime, zone: tzinfo, rates: Rates) -> Mapping[str, Any]:
    """The fields of ACCOUNT_FIELDS at a moment; what is not known is left out. Needs the slow part only.

    mrr is that of the profile: unknown without a price, or with one in a currency that no rate is known of.
    """
    known, account = profile(facts, at, zone, rates), facts.slow.account
    fields = {
        "plan": known.plan,
        "segment": known.segment,
        "owner": known.owner,
        "mrr": known.mrr,
        "seats": known.seats,
        "country": known.country,
        "time_zone": known.time_zone,
        "locale": known.locale,
        "industry": read(account, "industry", at),
        "employees": read(account, "employees", at),
        "parent": read(account, "parent", at),
        "custom": parts(account, "custom"),
    }
    return {name: value for name, value in fields.items() if value is not None}
