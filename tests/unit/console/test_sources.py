"""What the pages of sources show has words, and what they say to paste is what the guide says."""

from pathlib import Path

import pytest

from console.pages.source_snippets import snippets
from console.pages.sources import FAMILIES, STATUSES
from console.words import TEXTS
from csmodels.errors import CODES

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "send-events.md"


def test_what_became_of_an_item_has_words() -> None:
    for status in STATUSES:
        assert f"sources.status_{status}" in TEXTS
    for family in FAMILIES:
        assert f"sources.family_{family}" in TEXTS


def test_every_reason_to_refuse_an_event_has_words() -> None:
    for code in (*CODES, "foreign_source", "event_too_large"):
        assert f"sources.why_{code}" in TEXTS


@pytest.mark.parametrize("each", snippets("https://kizashi.example.com", "shop"), ids=lambda each: each.id)
def test_a_snippet_is_ready_for_this_server(each: object) -> None:
    lines = each.lines  # type: ignore[attr-defined]

    assert "{url}" not in lines
    assert "{{" not in lines
    assert "https://kizashi.example.com" in lines or "$URL" in lines


@pytest.mark.parametrize("start", ["from ", "client = "])
def test_the_python_lines_are_those_of_the_guide(start: str) -> None:
    guide = GUIDE.read_text(encoding="utf-8").replace('os.environ["URL"]', '"URL"').replace('os.environ["KEY"]', "KEY")

    found = [
        line
        for each in snippets("URL", "shop")
        if each.id.endswith("python")
        for line in each.lines.splitlines()
        if line.startswith(start)
    ]

    assert len(found) == 3
    assert [line for line in found if line not in guide] == []
