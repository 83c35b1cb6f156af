"""What is believed of users without asking the database."""

from datetime import UTC, datetime, timedelta

from cskit.clock import FrozenClock
from csmodels.ids import PersonId
from ingest.cache import Cache
from ingest.domain.identity import Known
from ingest.settings import CacheSize

SOMEBODY = Known(PersonId("p"), None, None, frozenset(), False)


def test_an_entry_is_believed_for_its_time_only() -> None:
    clock = FrozenClock(datetime(2026, 3, 10, tzinfo=UTC))
    cache = Cache(clock, CacheSize(trusted_for=timedelta(seconds=60)))
    cache.store("s", {"u": SOMEBODY})

    clock.advance(timedelta(seconds=59))
    before = cache.get("s", ["u"])
    clock.advance(timedelta(seconds=1))

    assert before == {"u": SOMEBODY}
    assert cache.get("s", ["u"]) == {}


def test_the_ones_asked_for_longest_ago_go_first_and_sources_are_apart() -> None:
    cache = Cache(FrozenClock(datetime(2026, 3, 10, tzinfo=UTC)), CacheSize(users=2))
    cache.store("s", {"a": SOMEBODY, "b": SOMEBODY})
    cache.store("s", {"a": SOMEBODY})

    cache.store("s", {"c": SOMEBODY})

    assert cache.get("s", ["a", "b", "c"]).keys() == {"a", "c"}
    assert cache.get("other", ["a"]) == {}


def test_a_merge_forgets_everybody_for_others_may_have_been_the_one_who_is_gone() -> None:
    cache = Cache(FrozenClock(datetime(2026, 3, 10, tzinfo=UTC)), CacheSize())
    cache.store("s", {"a": SOMEBODY})

    cache.wrote("s", {"b": SOMEBODY}, merged=True)

    assert cache.get("s", ["a", "b"]).keys() == {"b"}
    assert cache.writes == 1


def test_who_was_erased_is_asked_for_again_and_nobody_else() -> None:
    cache = Cache(FrozenClock(datetime(2026, 3, 10, tzinfo=UTC)), CacheSize())
    other = Known(PersonId("q"), None, None, frozenset(), False)
    cache.store("s", {"a": SOMEBODY, "b": other})
    cache.store("t", {"a": SOMEBODY})

    cache.forget({PersonId("p")})

    assert cache.get("s", ["a", "b"]) == {"b": other}
    assert cache.get("t", ["a"]) == {}
    assert cache.writes == 1


def test_what_another_replica_wrote_is_unseen_for_five_seconds_at_most() -> None:
    assert CacheSize().trusted_for <= timedelta(seconds=5)
