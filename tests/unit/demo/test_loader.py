"""What the process that loads the past sends, and what the people who answer read."""

import json
from typing import Any

import pytest

from allinone.demo.loader import MOST_BYTES, MOST_EVENTS, Refused, batches, check
from allinone.demo.respondents import Form


def item(number: int, account: str, padding: int = 0) -> dict[str, Any]:
    return {"id": str(number), "account": account, "data": {"name": "兆し" + "x" * padding}}


def test_batches_go_account_by_account_in_the_order_of_time_and_lose_nothing() -> None:
    items = [item(number, f"a{number % 3}") for number in range(4 * MOST_EVENTS)]

    made = list(batches(items))

    sent = [each for _, body in made for each in json.loads(body)["events"]]
    assert sent == sorted(items, key=lambda each: (each["account"], int(each["id"])))
    assert all(count == len(json.loads(body)["events"]) <= MOST_EVENTS for count, body in made)


def test_a_batch_stays_below_what_ingest_takes() -> None:
    made = list(batches(item(number, "a", padding=30_000) for number in range(100)))

    assert sum(count for count, _ in made) == 100
    assert all(len(body) <= MOST_BYTES + 100 for _, body in made)


def test_events_that_are_not_accepted_end_the_loading_with_the_first_reason() -> None:
    items = [{"status": "duplicate"}, {"status": "refused", "message": "time is refused"}]

    with pytest.raises(Refused, match=r"Of 2 events 1 were accepted.*time is refused"):
        check(200, json.dumps({"accepted": 1, "items": items}).encode(), 2)


def test_a_page_is_read_for_its_form() -> None:
    form = Form(
        '<form method="post" action="?x=1"><input type="hidden" name="t" value="1">'
        '<label><input type="radio" name="score" value="0"></label><input type="radio" name="score" value="10"></form>'
    )

    assert (form.action, form.hidden, form.choices) == ("?x=1", {"t": "1"}, {"score": ["0", "10"]})
