"""Work that is done side by side."""

import pytest

from scoring.domain.steps import SideBySide, Steps, finished

done: list[str]


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    global done
    done = []


def work(name: str, steps: int) -> Steps[str]:
    """Notes each of its steps."""
    for step in range(steps):
        done.append(f"{name}{step}")
        yield
    return name


def failing(name: str) -> Steps[str]:
    """Takes a step, and fails at the next."""
    yield from work(name, 1)
    raise ZeroDivisionError(name)


def test_each_takes_a_step_before_any_takes_the_next_one() -> None:
    both = SideBySide([work("a", 3), work("b", 1), work("c", 2)])

    assert len(list(both)) == 4  # a turn for others after each step of all, the last one included
    assert done == ["a0", "b0", "c0", "a1", "c1", "a2"]
    assert both.results == {0: "a", 1: "b", 2: "c"}


def test_others_get_a_turn_among_many() -> None:
    many = SideBySide(work("a", 1) for _ in range(20))

    next(iter(many))

    assert len(done) == 8


def test_alone_it_is_the_same() -> None:
    assert finished(work("a", 2)) == "a"
    assert done == ["a0", "a1"]


def test_one_that_fails_ends_all() -> None:
    with pytest.raises(ZeroDivisionError, match="a"):
        list(SideBySide([failing("a"), work("b", 3)]))


def test_one_that_fails_apart_keeps_nothing_from_the_others() -> None:
    apart = SideBySide([work("a", 2), failing("b"), work("c", 3)], apart=True)

    list(apart)

    assert apart.results == {0: "a", 2: "c"}
    assert {number: str(error) for number, error in apart.failed.items()} == {1: "b"}
