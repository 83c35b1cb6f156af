"""What is new in a document against another one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scoring.domain.changes import FieldChange, changes

VALUES = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, min_size=1, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.text("ab", min_size=1, max_size=2), VALUES, max_size=4)


def test_fields_that_differ_are_told_by_their_path() -> None:
    before = {"version": 1, "bands": {"green": 75, "yellow": 50}, "curve": [[0, 0], [1, 100]], "gone": {"a": 1}}
    after = {"version": 2, "bands": {"green": 80, "yellow": 50}, "curve": [[0, 0], [2, 100]], "new": "x"}

    assert changes(before, after) == (
        FieldChange("bands.green", 75, 80),
        FieldChange("curve", [[0, 0], [1, 100]], [[0, 0], [2, 100]]),
        FieldChange("gone.a", 1, None),
        FieldChange("new", None, "x"),
    )


def test_a_section_that_becomes_a_value_is_told_with_the_fields_that_went() -> None:
    assert changes({"a": {"b": 1}}, {"a": 2}) == (FieldChange("a", None, 2), FieldChange("a.b", 1, None))


@given(DOCUMENTS, DOCUMENTS)
def test_only_equal_documents_are_without_changes(one: dict[str, Any], other: dict[str, Any]) -> None:
    there, back = changes(one, other), changes(other, one)

    assert (there == ()) == (one == other)
    assert [(each.field, each.after, each.before) for each in back] == [
        (each.field, each.before, each.after) for each in there
    ]
