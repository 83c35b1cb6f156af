"""Accounts in memory."""

from msgspec import structs
from tests.unit.scoring.builders import NOON

from scoring.account import Account, Standing
from scoring.engine.facts import Facts
from scoring.memory import Memory


def account(name: str, value: float = 50.0) -> Account:
    return Account(Facts(name), standing=Standing(NOON, value, "default@1", None, NOON, NOON))


def test_the_account_not_asked_for_the_longest_goes_first() -> None:
    memory = Memory(2)
    memory.put([account("a"), account("b")])
    memory.get("a")

    memory.put([account("c")])

    assert memory.get("b") is None
    assert memory.get("a") is not None


def test_an_account_that_is_gone_is_not_remembered() -> None:
    memory = Memory(2)
    memory.put([account("a")])

    memory.put([structs.replace(account("a"), standing=None)])

    assert memory.get("a") is None


def test_refreshing_replaces_what_is_there_and_pushes_nothing_out() -> None:
    memory = Memory(1)
    memory.put([account("a", 50.0)])

    memory.refresh([account("b"), account("a", 60.0)], lambda each: each)

    found = memory.get("a")
    assert found is not None
    assert found.standing is not None
    assert found.standing.value == 60.0
    assert memory.get("b") is None
