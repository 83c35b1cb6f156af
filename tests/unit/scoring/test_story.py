"""What the facts tell of an account."""

from tests.unit.scoring.builders import DAY, NOON, answer, contract, event, facts_of, person, ticket, touch

from scoring.engine.facts import SlowFacts
from scoring.engine.story import entries


def told(slow: SlowFacts) -> list[tuple[str, object]]:
    return [(entry.kind, entry.data) for entry in entries(slow)]


def test_a_ticket_is_told_each_time_it_changes_with_what_it_was_from_then_on() -> None:
    slow = facts_of(
        [
            ticket(NOON, status="open", severity=2, opened_at=NOON),
            ticket(NOON + DAY, status="pending"),
            ticket(NOON + 2 * DAY, first_reply_at=NOON + DAY),  # nothing that is shown
            ticket(NOON + 3 * DAY, status="solved", csat=4),
        ]
    ).slow

    assert told(slow) == [
        ("ticket", {"ticket": "t1", "status": "open", "severity": 2}),
        ("ticket", {"ticket": "t1", "status": "pending", "severity": 2}),
        ("ticket", {"ticket": "t1", "status": "solved", "severity": 2, "csat": 4}),
    ]


def test_an_erased_person_is_told_of_no_more_and_what_they_did_stays() -> None:
    slow = facts_of(
        [
            event("contact.described", NOON, {"role": "champion"}, who=1),
            touch(NOON + DAY, who=1),
            answer(NOON + 2 * DAY, 9, who=1),
            event("person.erased", NOON + 3 * DAY, {"person": person(1)}),
        ]
    ).slow

    kinds = [kind for kind, _ in told(slow)]
    assert kinds == ["touch", "answer"]
    assert all("person" not in entry.data for entry in entries(slow))


def test_who_was_merged_into_an_erased_person_is_told_of_no_more() -> None:
    slow = facts_of(
        [
            event("contact.described", NOON, {"role": "champion"}, who=1),
            touch(NOON + DAY, who=1),
            event("contact.merged", NOON + 2 * DAY, {"from": person(1), "into": person(2)}),
            event("person.erased", NOON + 3 * DAY, {"person": person(2)}),
        ]
    ).slow

    assert [kind for kind, _ in told(slow)] == ["touch"]
    assert "person" not in entries(slow)[0].data


def test_entries_come_in_order_of_time_whatever_came_first() -> None:
    some = [contract(NOON + DAY, mrr="10"), ticket(NOON, status="open"), touch(NOON + 2 * DAY), answer(NOON - DAY, 3)]

    one, other = entries(facts_of(some).slow), entries(facts_of(reversed(some)).slow)

    assert [entry.kind for entry in one] == ["answer", "ticket", "contract", "touch"]
    assert [(e.at, e.kind, e.data) for e in one] == [(e.at, e.kind, e.data) for e in other]
