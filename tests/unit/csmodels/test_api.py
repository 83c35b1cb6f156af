from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from csmodels.api import EventItem, EventResult, EventsAnswer, Health, OverrideRequest, Page

AT = "2026-03-01T09:00:00Z"


def test_a_health_answer_has_the_fields_of_the_public_surface() -> None:
    answer = {
        "account": "acme", "score": 66.8, "band": "yellow", "stage": "adoption", "adoption_level": "low",
        "coverage": 0.86, "watch": ["declining"], "version": 42, "scorecard": "default@3",
        "contributions": [{"measure": "usage_trend", "value": 0.62, "points": 34.0, "weight": 0.2,
                           "contribution": -8.2, "status": "fresh", "as_of": AT}],
        "reference": 75.0, "adjustments": [{"kind": "cap", "points": 0.0, "reason": "sponsor_gone"}],
        "occurred_at": AT, "received_at": AT, "scored_at": AT,
    }  # fmt: skip

    assert Health.model_validate(answer).model_dump(mode="json") == answer


def test_a_page_ends_without_a_cursor() -> None:
    page = Page[EventResult](items=[EventResult(index=0, id="a", status="accepted")])

    assert page.model_dump(mode="json", exclude_none=True) == {
        "items": [{"index": 0, "id": "a", "status": "accepted"}],
    }


@pytest.mark.parametrize(
    "change", [{"points": 11}, {"points": "5"}, {"note": ""}, {"expires_at": "tomorrow"}, {"points": True}]
)
def test_an_override_beyond_the_rule_is_refused(change: dict[str, Any]) -> None:
    request = {"points": 5, "note": "They told us.", "expires_at": AT}

    assert OverrideRequest.model_validate(request).expires_at == datetime(2026, 3, 1, 9, tzinfo=UTC)
    with pytest.raises(ValidationError):
        OverrideRequest.model_validate({**request, **change})


def test_an_item_needs_an_id_and_an_account_or_a_user() -> None:
    assert EventItem.model_validate({"id": "1", "type": "usage.tracked", "user": "u"}).account is None
    for item in ({"id": "1", "type": "x"}, {"type": "x", "user": "u"}, {"id": "", "type": "x", "user": "u"}):
        with pytest.raises(ValidationError):
            EventItem.model_validate(item)


def test_an_answer_counts_its_items() -> None:
    statuses = ("accepted", "duplicate", "waiting", "refused", "refused")
    items = [EventResult(index=i, id=str(i), status=status) for i, status in enumerate(statuses)]

    answer = EventsAnswer.of(items)

    assert (answer.accepted, answer.waiting, answer.refused) == (2, 1, 2)
