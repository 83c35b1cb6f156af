"""Who goes with an account, and what is told of an erased person."""

from datetime import UTC, datetime, timedelta

from csmodels.ids import AccountId, PersonId
from ingest.domain.erasure import erasure_events, leaves

NOW = datetime(2026, 3, 10, tzinfo=UTC)
OLD, NEW = PersonId("0b8c0b2e-6c3b-4f6e-9d5a-0d7c1a2b3c4d"), PersonId("5b8c0b2e-6c3b-4f6e-9d5a-0d7c1a2b3c4d")


def test_each_account_is_told_of_each_id_that_it_knew() -> None:
    known_to = [(NEW, AccountId("b")), (OLD, AccountId("a")), (NEW, AccountId("a"))]

    told = erasure_events(known_to, NOW)

    assert [(event.data.person, event.subject) for event in told] == [(OLD, "a"), (NEW, "a"), (NEW, "b")]
    assert len({event.id for event in told}) == 3


def test_the_same_erasure_has_the_same_ids() -> None:
    known_to = [(NEW, AccountId("a"))]

    first, again = erasure_events(known_to, NOW), erasure_events(known_to, NOW + timedelta(days=1))

    assert [event.id for event in first] == [event.id for event in again]


def test_who_belongs_to_an_account_alone_goes_with_it() -> None:
    acme, bolt = AccountId("acme"), AccountId("bolt")

    assert leaves(acme, [acme, None])
    assert leaves(acme, [])
    assert not leaves(acme, [acme, bolt])
    assert not leaves(acme, [None, bolt])
