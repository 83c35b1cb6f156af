"""Scorecards as YAML text: read, or refused with line and column."""

import pytest

from scoring.domain.document import InvalidDocument
from scoring.domain.parsing import parse_scorecard
from scoring.scorecards import MisplacedDocument, built_in, default_text, load
from scoring.scorecards.reading import place_of, read_document

TEXT = default_text()


def line_of(part: str) -> int:
    """The number of the only line that holds the part."""
    (number,) = (n for n, line in enumerate(TEXT.splitlines(), 1) if part in line)
    return number


def test_the_first_built_in_scorecard_is_the_default() -> None:
    card = built_in()[0]

    assert card == load(TEXT) == parse_scorecard(read_document(TEXT))
    assert card.label.ja == "標準"


@pytest.mark.parametrize(
    ("old", "new", "where", "line", "column"),
    [
        ("half_life_days: 120", "half_life_days: x", "measures.nps.half_life_days", "half_life_days", 5),
        # of what is missing the place of what should hold it
        ("    half_life_days: 120\n", "", "measures.nps.half_life_days", "  nps:", 3),
        ("half_life_days: 120", "half_lif_days: 120", "measures.nps.half_lif_days", "    half_life_days: 120", 5),
        ("weight: 2,", "weight: 0,", "stages.onboarding.milestones.1.weight", "data_imported", 31),
        ("[0.25, 50], [0.375, 75]", "[0.25, 50], [0.375]", "measures.breadth.curve.3", "[0.125, 25]", 46),
        ("bands: {green: 75", "colour: red\nbands: {green: 75", "colour", "bands: {", 1),
        ("version: 1\n", "", "version", "scorecard: default", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line_and_column(old: str, new: str, where: str, line: str, column: int) -> None:
    assert TEXT.count(old) == 1

    with pytest.raises(MisplacedDocument) as refused:
        load(TEXT.replace(old, new))

    assert refused.value.where == where
    assert (refused.value.line, refused.value.column) == (line_of(line), column)
    assert str(refused.value).startswith(f"Line {refused.value.line}, column {column}: {where}: ")


@pytest.mark.parametrize(
    ("text", "what", "place"),
    [
        ("a: [1", "no YAML", (1, 6)),
        ("a: 1\n\tb: 2", "no YAML", (2, 1)),
        ("a: *b", "no YAML", (1, 4)),
        ("", "no mapping", (1, 1)),
        ("- a", "no mapping", (1, 1)),
        ("a: 1\nb:\n  c: 1\n  c: 2", "there twice", (4, 3)),
        ("a: !!python/object:os.system x", "no YAML", (1, 4)),
        ("a: 1\nb: 2026-02-30", "no timestamp", (2, 4)),
        ("a: 1\nb: 2026-01-01T25:00:00Z", "no timestamp", (2, 4)),
        ("a: 1\nb: 0001-01-01T00:00:00+99:00", "no timestamp", (2, 4)),
        ("a: !!timestamp foo", "no timestamp", (1, 4)),
        ("a: 0x_", "no int", (1, 4)),
        ("a: 0b_", "no int", (1, 4)),
        ("a: [1, !!int foo]", "no int", (1, 8)),
        ("a: !!int ''", "no int", (1, 4)),
        ("!!bool x: 1", "no bool", (1, 1)),
        ("a: !!float x", "no float", (1, 4)),
        ("a: " + "9" * 5000, "no int", (1, 4)),
        ("a: 1" + "0" * 400, "no int", (1, 4)),
        ("a: 0x" + "f" * 5000, "no int", (1, 4)),
        ("a: " + ":".join(["1"] * 300) + ".5", "no float", (1, 4)),
        ('a: "\\ud800"', "half a character", (1, 4)),
        ('a: 1\nb: "\\UFFFFFFFF"', "no character", (2, 7)),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", "number", (1, 9)),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(text: str, what: str, place: tuple[int, int]) -> None:
    with pytest.raises(MisplacedDocument, match=what) as refused:
        load(text)

    assert (refused.value.line, refused.value.column) == place


def test_an_emoji_as_json_writes_it_is_one_character() -> None:
    assert read_document('{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}


def test_a_number_that_no_float_holds_is_refused_in_json_too() -> None:
    document = read_document(TEXT)

    with pytest.raises(InvalidDocument, match=r"reference: 1000.* is no number"):
        parse_scorecard({**document, "reference": 10**400})


def test_names_with_dots_have_a_place() -> None:
    text = "measures:\n  a.b:\n    curve: [[0, 1]]\n  a:\n    curve: []\n"

    assert place_of(text, "measures.a.b.curve.0") == (3, 13)
    assert place_of(text, "measures.a.curve") == (5, 5)
    assert place_of(text, "measures.z") == (1, 1)
