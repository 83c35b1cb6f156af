"""Texts as numbers: found by their bytes, each is the same text, whatever else was asked for before."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cskit.slices import Ints
from cskit.texts import SHORT, Texts

RAW = st.binary(max_size=SHORT) | st.sampled_from([b"a", b"ab", b"a\0", b"\0", b"", b"a\\b", b"\xff", "ü".encode()])


def numbers(texts: Texts, bodies: list[bytes]) -> Ints:
    rows = np.array([list(body.ljust(SHORT, b"\0")) for body in bodies], dtype=np.uint8).reshape(-1, SHORT)
    return texts.short(rows, np.array([len(body) for body in bodies], dtype=np.int64))


def is_word(text: str) -> bool:
    return text.isprintable() and not text.startswith("!")


def text_of(body: bytes) -> str | None:
    """The text that a JSON string of these bytes is, if it obeys the rule."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text and "\\" not in text and is_word(text) else None


@given(st.lists(st.lists(RAW, max_size=8), max_size=5))
def test_each_is_found_as_itself_or_not_at_all(asked: list[list[bytes]]) -> None:
    texts = Texts(is_word)
    for bodies in asked:
        found = numbers(texts, bodies).tolist()

        assert [texts.texts[number] if number > 0 else None for number in found] == [text_of(body) for body in bodies]


def test_tens_of_thousands_are_found_again() -> None:
    texts = Texts(is_word)
    bodies = [f"account-{number}".encode() for number in range(30_000)]

    first = numbers(texts, bodies)

    assert sorted(first.tolist()) == list(range(1, 30_001))
    assert numbers(texts, bodies[::-1]).tolist() == first.tolist()[::-1]
    assert texts.column([body.decode() for body in bodies]).numbers.tolist() == first.tolist()


def test_what_was_asked_for_as_text_has_the_same_number() -> None:
    texts = Texts(is_word)
    column = texts.column(["acme", None, "!no", "globex"])

    assert column.numbers.tolist() == [1, 0, -1, 2]
    assert numbers(texts, [b"globex", b"!no", b"acme"]).tolist() == [2, -1, 1]
