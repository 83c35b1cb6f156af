"""The published example: the events of docs/guides/metrics.md, June 2026, in US dollars, days of UTC."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

from scoring.domain.money import Rates


class Told(NamedTuple):
    """What a client said of an account on a day."""

    account: str
    type: str
    day: date
    data: Mapping[str, Any]

    @property
    def at(self) -> datetime:
        """Nine o'clock of that day."""
        return datetime.combine(self.day, time(9), tzinfo=UTC)

    @property
    def id(self) -> str:
        """The event's id."""
        return f"{self.account}-{self.day}-{self.data.get('contract') or self.data.get('milestone')}"


def signed(account: str, contract: str, day: date, mrr: str, **fields: Any) -> Told:
    """A contract starts on the day on which it is told of."""
    data = {"contract": contract, "status": "active", "mrr": mrr, "currency": "USD", "starts_on": day}
    return Told(account, "contract.changed", day, data | fields)


def changed(account: str, contract: str, day: date, **fields: Any) -> Told:
    """Something of a contract changes."""
    return Told(account, "contract.changed", day, {"contract": contract, **fields})


def reached(account: str, milestone: str, day: date) -> Told:
    """A milestone was reached."""
    return Told(account, "milestone.reached", day, {"milestone": milestone})


YEAR = {"ends_on": date(2026, 5, 31), "term_months": 12, "auto_renew": True}

EVENTS = (
    # a contract of 12,000 a year that renewed by itself on 1 June
    signed("akagi", "A1", date(2025, 6, 1), "1000", product="core", **YEAR),
    # pays more for what it has, and a second product
    signed("myogi", "M1", date(2025, 3, 1), "600", product="core"),
    changed("myogi", "M1", date(2026, 6, 10), mrr="900"),
    signed("myogi", "M2", date(2026, 6, 15), "300", product="api"),
    # one of two contracts ends
    signed("haruna", "H1", date(2025, 1, 1), "500", product="core"),
    signed("haruna", "H2", date(2025, 1, 1), "400", product="api"),
    changed("haruna", "H2", date(2026, 6, 20), status="ended"),
    # gave notice in May, and pays until the end of its term
    signed("asama", "S1", date(2025, 6, 13), "800", product="core", ends_on=date(2026, 6, 12), term_months=12),
    changed("asama", "S1", date(2026, 5, 20), status="cancelled", cancelled_at=datetime(2026, 5, 20, 9, tzinfo=UTC)),
    # a trial, then a customer
    signed("hotaka", "K1", date(2026, 5, 20), "700", product="core", status="trial"),
    changed("hotaka", "K1", date(2026, 6, 5), status="active"),
    reached("hotaka", "kickoff", date(2026, 6, 8)),
    reached("hotaka", "data_imported", date(2026, 6, 12)),
    reached("hotaka", "go_live", date(2026, 6, 18)),
    reached("hotaka", "first_value", date(2026, 6, 25)),
    # left in 2025 and came back
    signed("tanigawa", "T1", date(2024, 1, 1), "200", product="core"),
    changed("tanigawa", "T1", date(2025, 12, 31), status="ended"),
    signed("tanigawa", "T2", date(2026, 6, 3), "250", product="core"),
    # pays in euros: 1.10 until 14 June, then 1.20
    signed("shirane", "R1", date(2026, 4, 1), "100", product="core", currency="EUR"),
    # a new contract on the day after the last one, a little cheaper
    signed("nantai", "N1", date(2025, 6, 16), "500", product="core", ends_on=date(2026, 6, 15)),
    signed("nantai", "N2", date(2026, 6, 16), "450", product="core"),
    # uses the free plan
    signed("sukai", "F1", date(2026, 6, 1), "0", product="core"),
)

RATES = (("EUR", date(2026, 1, 1), Decimal("1.10")), ("EUR", date(2026, 6, 15), Decimal("1.20")))
DOLLARS = Rates.of("USD", RATES)

# What the guide works out by hand: metric -> figure and parts, of June 2026 (time_to_value: of the year to its end).
FIGURES: Mapping[str, tuple[str | None, Mapping[str, str]]] = {
    "mrr": ("4220", {"end": "4220"}),
    "arr": ("50640", {"end": "50640"}),
    "customers": ("7", {"customers": "7"}),
    "arpa": ("602.857143", {"end": "4220", "customers": "7"}),
    "mrr_movements": (
        "300",
        {
            "start": "3910",
            "new": "700",
            "expansion": "600",
            "contraction": "-450",
            "churn": "-800",
            "reactivation": "250",
            "exchange": "10",
            "end": "4220",
        },
    ),
    "new_mrr": ("700", {"new": "700"}),
    "expansion_mrr": ("600", {"expansion": "600"}),
    "contraction_mrr": ("-450", {"contraction": "-450"}),
    "churned_mrr": ("-800", {"churn": "-800"}),
    "reactivation_mrr": ("250", {"reactivation": "250"}),
    "customer_churn": ("16.666667", {"churned": "1", "start": "6"}),
    "revenue_churn": ("31.969309", {"churn": "800", "contraction": "450", "start": "3910"}),
    "revenue_churn_by_price": ("16.460905", {"price": "800", "revenue": "4860"}),
    "grr": ("68.030691", {"start": "3910", "contraction": "450", "churn": "800"}),
    "nrr": ("83.375959", {"end": "3260", "start": "3910"}),
    "ltv": ("3128", {"mrr": "3910", "customers": "6", "churned": "1"}),
    "renewal_rate": ("66.666667", {"renewed": "2", "due": "3"}),
    "upsell_rate": ("16.666667", {"upsold": "1", "start": "6"}),
    "cross_sell_rate": ("16.666667", {"cross_sold": "1", "start": "6"}),
    "onboarding_rate": ("50", {"completed": "1", "in_onboarding": "2"}),
    "time_to_value": ("20", {"reached": "1", "waiting": "1"}),
}
MARGIN = Decimal("0.8")
