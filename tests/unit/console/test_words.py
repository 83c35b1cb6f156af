"""Every text is there in both languages, and asks for the same values."""

import re
from importlib import resources
from string import Formatter
from typing import get_args

import pytest

from console.account_acts import DIRECTIONS, OUTCOMES, TOUCH_KINDS
from console.pages.account_acts import ACTS
from console.task_cards import GROUPS, SNOOZE_REASONS, USUAL_OUTCOMES
from console.timeline import KINDS
from console.words import TEXTS, say, say_or
from csmodels.fields import Direction, TouchKind

_IN_TEMPLATES = re.compile(r'\bt\(\s*["\']([a-z]+\.[A-Za-z0-9_.-]+)["\']')


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_ask_for_the_same_values(key: str) -> None:
    text = TEXTS[key]

    assert text.en.strip()
    assert text.ja.strip()
    assert placeholders(text.en) == placeholders(text.ja)
    assert placeholders(text.one or text.en) <= placeholders(text.en)


def test_no_text_shouts_or_begs() -> None:
    found = [
        key for key, text in TEXTS.items() if re.search(r"!|！|\b(please|oops)\b", text.en + text.ja, re.IGNORECASE)
    ]

    assert found == []


def test_every_text_that_a_template_asks_for_exists() -> None:
    templates = resources.files("console").joinpath("templates")
    sources = [
        file.read_text(encoding="utf-8")
        for folder in (templates, templates.joinpath("parts"))
        for file in folder.iterdir()
        if file.name.endswith(".html")
    ]

    asked = {key for source in sources for key in _IN_TEMPLATES.findall(source)}

    assert asked
    assert {key for key in asked if not key.endswith("_")} <= set(TEXTS)
    assert all(any(key.startswith(begin) for key in TEXTS) for begin in asked)


def test_codes_have_words() -> None:
    for kind in ("all", *KINDS):
        assert f"account.show_{kind}" in TEXTS
    for group in GROUPS:
        assert f"tasks.{group}" in TEXTS
    for code in USUAL_OUTCOMES:
        assert f"tasks.outcome_{code}" in TEXTS
    for reason in SNOOZE_REASONS:
        assert f"tasks.why_{reason}" in TEXTS


def test_english_has_a_singular_where_it_differs() -> None:
    assert say("en", "accounts.shown", n=1) == "1 account"
    assert say("en", "accounts.shown", n=2) == "2 accounts, the most urgent first"
    assert say("en", "accounts.following", n=1) == "The next account"
    assert say("ja", "accounts.shown", n=1) == "1社、急ぎの順"


def test_a_code_without_words_is_shown_as_it_is() -> None:
    assert say_or("en", "tasks.outcome_sent_parts", "sent parts") == "sent parts"


def test_every_kind_of_contact_can_be_chosen_in_words() -> None:
    assert set(TOUCH_KINDS) == set(get_args(TouchKind))
    assert set(DIRECTIONS) == set(get_args(Direction))
    for code in OUTCOMES:
        assert f"tasks.outcome_{code}" in TEXTS
    for act in ACTS:
        assert f"acts.said_{act}" in TEXTS
