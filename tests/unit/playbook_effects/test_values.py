"""Endpoints, secrets, bodies and ids as values."""

import json
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from csmodels.playbook import TaskChanged, TaskCompleted, TaskCreated, TaskOverdue
from playbook.effects.endpoint import (
    OVERLAP,
    Endpoint,
    Status,
    Subscription,
    fresh_secret,
    rotated,
    secrets_from_json,
    secrets_to_json,
)
from playbook.effects.queue import body_of, delivery_id
from playbook.effects.worker import Pace

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def endpoint(*secrets: object) -> Endpoint:
    return Endpoint("crm", "https://crm.test/", secrets, (), None, Status.ACTIVE, "w", NOW)  # type: ignore[arg-type]


def test_one_can_subscribe_to_every_event_of_tasks() -> None:
    kinds = {model.model_fields["type"].default for model in (TaskCreated, TaskChanged, TaskCompleted, TaskOverdue)}

    assert set(get_args(Subscription)) == kinds


def test_the_body_says_what_when_and_data_and_nothing_else() -> None:
    tokyo = datetime.fromisoformat("2026-03-10T18:00:00.250000+09:00")

    body = body_of("task.created", tokyo, {"title": "電話", "due": None})

    assert json.loads(body) == {
        "type": "task.created",
        "timestamp": "2026-03-10T09:00:00.250000Z",
        "data": {"title": "電話", "due": None},
    }


def test_a_number_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        body_of("task.created", NOW, {"score": float("nan")})


def test_each_endpoint_has_a_webhook_id_of_its_own_and_always_the_same() -> None:
    ids = {delivery_id("a", "crm"), delivery_id("a", "erp"), delivery_id("b", "crm")}

    assert len(ids) == 3
    assert delivery_id("a", "crm") in ids


def test_after_a_rotation_both_secrets_sign_for_a_day_the_new_one_first() -> None:
    old = fresh_secret("first")

    both = rotated([old], "second", NOW)

    assert endpoint(*both).signing(NOW) == [both[0].text, old.text]
    assert both[0].text != old.text
    assert endpoint(*both).signing(NOW + OVERLAP) == [both[0].text]


def test_a_repeated_rotation_changes_nothing() -> None:
    once = rotated([fresh_secret("first")], "second", NOW)

    assert rotated(once, "second", NOW + timedelta(hours=1)) == once


def test_a_rotation_forgets_secrets_whose_day_is_over() -> None:
    secrets = rotated(rotated([fresh_secret("1")], "2", NOW), "3", NOW + timedelta(days=2))

    assert [secret.write for secret in secrets] == ["3", "2"]


def test_secrets_come_back_from_the_database_as_they_were() -> None:
    secrets = rotated([fresh_secret("1")], "2", NOW)

    assert secrets_from_json(secrets_to_json(secrets)) == secrets


def test_secrets_are_not_in_the_repr_of_an_endpoint() -> None:
    secret = fresh_secret("1")

    assert secret.text not in repr(endpoint(secret))


def test_a_lease_that_ends_before_the_attempt_is_refused() -> None:
    with pytest.raises(ValueError, match="lease"):
        Pace(timeout=20, lease=20)
