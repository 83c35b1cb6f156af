"""Placeholders: values of the account with a fallback."""

import pytest

from playbook.domain.document import Plain
from playbook.domain.placeholders import fault, render

VIEW = {"health": {"score": 41.5, "watch": ["declining"]}, "account": {"owner": "s-1", "plan": None}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ health.score }}", 41.5),
        ("{{health.watch}}", ["declining"]),
        ("{{ account.plan }}", None),
        ("{{ account.plan | free }}", "free"),
        ("{{ account.nothing.there | none }}", "none"),
        ("{{ account.owner.name }}", None),
        ("score {{ health.score }} of {{ account.plan | a customer }}", "score 41.5 of a customer"),
        ("no placeholder", "no placeholder"),
        ({"a": ["{{ account.owner }}", 1, True, None]}, {"a": ["s-1", 1, True, None]}),
    ],
)
def test_a_placeholder_becomes_what_it_names(text: Plain, value: Plain) -> None:
    assert render(text, VIEW) == value


def test_what_a_value_holds_is_not_filled_again() -> None:
    assert render("{{ account.owner }}", {"account": {"owner": "{{ health.score }}"}}) == "{{ health.score }}"


@pytest.mark.parametrize("text", ["{{ }}", "{{ a + b }}", "{{ health.score", "}}", "{{ contact.name }}"])
def test_what_is_no_placeholder_is_a_mistake(text: str) -> None:
    assert fault(text)
