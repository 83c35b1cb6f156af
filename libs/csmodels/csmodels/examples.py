"""An example of every event type, for tests, documents and `message(...)` where a valid message is wanted."""

from typing import Any, Final

from csmodels.catalogue import CONTROL_TYPES

PERSON = "0b7e7f3e-6a3c-4c43-9a25-0d2f7f2f1a11"
OTHER = "5f0c1a52-9d0a-4a50-8a38-1f0b1f6f2b22"
NOW = "2026-03-01T09:00:00Z"
PREVIOUS: dict[str, Any] = {
    "version": 0, "score": None, "band": "grey", "stage": None, "adoption_level": None, "coverage": None, "watch": [],
}  # fmt: skip
_HEALTH: dict[str, Any] = {
    "version": 1, "score": 71.29743, "band": "yellow", "stage": "adoption", "adoption_level": "medium",
    "coverage": 0.86, "watch": ["declining"], "previous": PREVIOUS, "contributions": {"usage_trend": -8.2},
    "adjustments": [{"kind": "cap", "points": -2.5, "reason": "sponsor_gone"}],
    "cause": {"events": ["app:e1"], "more": 3, "time": False, "scorecard": None, "override": None},
    "account": {"plan": "pro", "segment": "mid", "owner": "s-1", "mrr": "1200.50", "seats": 40, "country": "JP",
                "time_zone": "Asia/Tokyo", "locale": "ja"},
    "backfill": False, "partition": 3, "offset": 17, "at": NOW, "occurred_at": NOW, "received_at": NOW,
    "scored_at": NOW,
}  # fmt: skip
_RUN = {"run": "r1", "playbook": "rescue", "version": 1, "trigger": "acme:1"}
_TASK = {"task": "t1", "run": "r1", "step": "call", "owner": "s-1", "due_at": NOW, "status": "open"}
_EFFECT = {"effect": "e1", "run": "r1", "step": "mail", "reason": "bounced"}
_REF = f"ingest/{OTHER}"
# event type -> the data of a valid event, as JSON has it
EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "usage.tracked": {"name": "Report Exported", "count": 2, "properties": {"a": 1, "b": 1.5, "c": True, "d": "x"}},
    "account.described": {"name": "Acme", "plan": None, "seats": 40, "custom": {"risk": "high", "old": None}},
    "contact.described": {"role": "champion", "left": None},
    "contact.merged": {"from": PERSON, "into": OTHER},
    "person.erased": {"person": PERSON},
    "ticket.changed": {"ticket": "7", "severity": 1, "status": "open", "opened_at": NOW, "csat": None},
    "contract.changed": {"contract": "c1", "mrr": "1200.50", "currency": "JPY", "starts_on": "2026-01-01"},
    "invoice.changed": {"invoice": "i1", "amount": "-12.00", "currency": "EUR", "due_on": "2026-02-28"},
    "touch.recorded": {"kind": "call", "direction": "both", "outcome": "reached", "text_ref": _REF},
    "note.recorded": {"author": "s-1", "text_ref": _REF},
    "voice.recorded": {"role": "payer", "sentiment": -2, "channel": "call"},
    "milestone.reached": {"milestone": "first_report"},
    "signal.seen": {"kind": "page_view", "topic": "pricing"},
    "survey.answered": {"survey": "s", "response": "r", "revision": 2, "kind": "nps", "score": 9, "role": "payer"},
    "owner.changed": {"from": None, "to": "s-2"},
    "account.erased": {"account": "acme"},
    "override.set": {"override": "o1", "points": -5, "expires_at": NOW, "author": "s-1", "text_ref": _REF},
    "override.ended": {"override": "o1"},
    "clock.ticked": {"hour": NOW},
    "scorecard.applied": {"scorecard": "default", "version": 3, "sha256": "a" * 64},
    "rates.changed": {"version": 3},
    "feed.stopped": {"family": "usage", "since": NOW},
    "feed.resumed": {"family": "usage", "at": NOW},
    "health.changed": _HEALTH,
    "run.started": _RUN,
    "run.ended": {**_RUN, "reason": "recovered"},
    "task.created": _TASK,
    "task.changed": {**_TASK, "owner": None},
    "task.completed": {**_TASK, "status": "completed", "outcome": "reached"},
    "task.overdue": _TASK,
    "email.sent": {**_EFFECT, "person": PERSON},
    "email.failed": {**_EFFECT, "person": PERSON},
    "webhook.failed": {**_EFFECT, "endpoint": "crm"},
    "touch.suppressed": {**_EFFECT, "person": PERSON},
}
_IDS = {"health.changed": "acme:1", "survey.answered": "r:2"}


def message(type_: str, data: Any = None, **envelope: Any) -> dict[str, Any]:
    """A valid message of that type as a JSON object: account acme, source app, id e1, at NOW.

    data replaces the example's whole data, keywords replace envelope fields, and `...` leaves one out.
    """
    whole = {
        "specversion": "1.0",
        "id": _IDS.get(type_, "e1"),
        "source": "app",
        "type": type_,
        "subject": "!control" if type_ in CONTROL_TYPES else "acme",
        "time": NOW,
        "receivedtime": NOW,
        "data": EXAMPLES[type_] if data is None else data,
    }
    if type_ == "contact.described":
        whole["personid"] = PERSON
    return {key: value for key, value in {**whole, **envelope}.items() if value is not ...}
