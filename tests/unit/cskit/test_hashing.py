"""Many byte strings hashed at once have the hashes that the library gives of each."""

import xxhash
from hypothesis import example, given
from hypothesis import strategies as st

from cskit.hashing import hashes_of
from cskit.slices import Slices


@given(
    prefix=st.binary(max_size=70),
    texts=st.lists(st.binary(max_size=70), max_size=20),
    seed=st.integers(min_value=0, max_value=2**64 - 1),
)
@example(prefix=b"", texts=[bytes(range(length)) for length in range(130)], seed=0)
@example(prefix=b"app\0", texts=[b"\xff" * length for length in range(130)], seed=2**64 - 1)
@example(prefix=b"app\0", texts=[b"short"] * 9_000 + [b"of-more-than-thirty-two-letters-in-all"] * 3, seed=7)
@example(prefix=b"", texts=[], seed=1)
def test_hashes_are_those_of_the_library(prefix: bytes, texts: list[bytes], seed: int) -> None:
    assert hashes_of(prefix, Slices.of(texts), seed).tolist() == [
        xxhash.xxh3_64_intdigest(prefix + text, seed) for text in texts
    ]
