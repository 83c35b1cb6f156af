"""Which language a page is in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.languages import accepted, chosen, language_of
from survey.words import WORDS, Notice


@pytest.mark.parametrize(
    ("tag", "language"), [("ja", "ja"), ("ja-JP", "ja"), ("en_GB", "en"), ("EN", "en"), ("fr", None), (None, None)]
)
def test_a_locale_counts_by_its_language(tag: str | None, language: str | None) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("ja,en;q=0.8", "ja"),
        ("fr, en;q=0.3, ja;q=0.7", "ja"),
        ("en;q=0, ja;q=0.1", "ja"),
        ("en, ja", "en"),
        ("ja;q=much, en;q=0.1", "en"),
        ("fr", None),
        ("", None),
        (None, None),
    ],
)
def test_a_browser_is_given_what_it_weighs_most(header: str | None, language: str | None) -> None:
    assert accepted(header) == language


@given(st.text())
def test_any_header_at_all_is_read_without_an_error(header: str) -> None:
    assert accepted(header) in ("en", "ja", None)


def test_the_switch_beats_the_invitation_and_the_invitation_beats_the_browser() -> None:
    assert chosen("en", "ja-JP", "ja", "ja") == "en"
    assert chosen(None, "ja-JP", "en", "en") == "ja"
    assert chosen(None, "fr", "ja", "en") == "ja"
    assert chosen("xx", None, None, "ja") == "ja"


def test_both_languages_fill_in_the_same_places() -> None:
    def places(text: str | Notice) -> set[str]:
        said = f"{text.title} {text.text}" if isinstance(text, Notice) else text
        return {name for name in ("score", "moment", "length", "limit", "speed") if f"{{{name}}}" in said}

    english, japanese = WORDS["en"], WORDS["ja"]

    for field in english.__dataclass_fields__:
        assert places(getattr(english, field)) == places(getattr(japanese, field)), field
