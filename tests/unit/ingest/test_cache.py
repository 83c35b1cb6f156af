"""What is believed of users without asking the database."""

from datetime import UTC, datetime, timedelta

from cskit.clock import FrozenClock
from csmodels.ids import PersonId
from ingest.cache import Cache
from ingest.domain.identity import Known
from ingest.settings import CacheSize

SOMEBODY = Known(PersonId("p"), None, None, frozenset(), False)
NOW = datetime(2026, 3, 10, tzinfo=UTC)


class Wall:
    """A clock of the wall, which can be put back."""

    scale = 1.0

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, moment: datetime) -> None:
        raise NotImplementedError


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


def test_when_the_clock_was_put_back_nobody_is_believed_for_longer_than_their_time() -> None:
    wall = Wall()
    cache = Cache(wall, CacheSize(trusted_for=timedelta(seconds=60)))
    cache.store("s", {"a": SOMEBODY})
    cache.store("t", {"b": SOMEBODY})

    wall.at = NOW - timedelta(hours=1)

    assert cache.homes("s", ["a"]) == ([None], {"a"})
    assert cache.get("s", ["a"]) == {}
    assert cache.get("t", ["b"]) == {}


def test_a_clock_that_was_put_back_by_less_than_an_entrys_age_is_noticed_by_who_asked_in_between() -> None:
    wall = Wall()
    cache = Cache(wall, CacheSize(trusted_for=timedelta(seconds=60)))
    cache.store("s", {"a": SOMEBODY})
    wall.at = NOW + timedelta(seconds=50)
    assert cache.get("s", ["a"]) == {"a": SOMEBODY}

    wall.at = NOW + timedelta(seconds=10)

    assert cache.get("s", ["a"]) == {}


def test_when_the_clock_was_put_back_only_what_is_stored_from_then_on_is_believed_and_for_its_time() -> None:
    wall = Wall()
    cache = Cache(wall, CacheSize(trusted_for=timedelta(seconds=60)))
    cache.store("s", {"a": SOMEBODY, "b": SOMEBODY})
    wall.at = NOW - timedelta(hours=1)

    cache.store("s", {"b": SOMEBODY})

    assert cache.get("s", ["a", "b"]).keys() == {"b"}
    wall.at += timedelta(seconds=59)
    assert cache.get("s", ["b"]).keys() == {"b"}
    wall.at += timedelta(seconds=1)
    assert cache.get("s", ["b"]) == {}


def test_who_was_forgotten_with_the_clock_takes_no_room() -> None:
    wall = Wall()
    cache = Cache(wall, CacheSize(users=2))
    cache.store("s", {"a": SOMEBODY, "b": SOMEBODY})
    wall.at = NOW - timedelta(hours=1)

    cache.store("s", {"c": SOMEBODY})
    cache.store("t", {"d": SOMEBODY})

    assert cache.get("s", ["a", "b", "c"]).keys() == {"c"}
    assert cache.get("t", ["d"]).keys() == {"d"}
