import pytest
from hypothesis import given
from hypothesis import strategies as st

from csmodels.ids import account_id, derived_id, is_account_id, is_code, is_wire_id, wire_event_id

KEY = b"a secret of this installation"


def test_a_derived_id_is_the_same_for_ever() -> None:
    assert derived_id("rescue", "acme", "evt-1") == "36479278-ac06-5f8c-85f8-54ac0b11fd69"


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_derived_ids_are_equal_only_for_equal_parts(some: list[str], others: list[str]) -> None:
    assert (derived_id(*some) == derived_id(*others)) == (some == others)


def test_parts_that_join_to_the_same_text_give_different_ids() -> None:
    assert derived_id("a", "bc") != derived_id("ab", "c")
    assert derived_id("a", "1:b") != derived_id("a1:b")


def test_an_id_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        derived_id()


@pytest.mark.parametrize("text", ["acme", "株式会社", "a b", "x" * 128, "a!b", "2", "org:7"])
def test_an_account_may_be_called(text: str) -> None:
    assert is_account_id(text)
    assert account_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 129, "a@b", "!control", "a\nb", "a\n", "a\x00", "\x7f", "a\x85b"])
def test_an_account_may_not_be_called(text: str) -> None:
    assert not is_account_id(text)
    with pytest.raises(ValueError, match="account id"):
        account_id(text)


@pytest.mark.parametrize(("text", "answer"), [("too_late", True), ("a.b-c_1", True), ("A", False), ("", False)])
def test_a_code_is_lower_case(text: str, answer: bool) -> None:
    assert is_code(text) is answer


@pytest.mark.parametrize("text", ["x" * 65, "a b", "a@b", "é", "a\n"])
def test_a_code_is_not(text: str) -> None:
    assert not is_code(text)


@given(st.text(st.characters(exclude_characters="@", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=128))
def test_an_ordinary_event_id_travels_as_it_is(client_id: str) -> None:
    assert wire_event_id(client_id, KEY) == client_id


@given(st.text(st.characters(), min_size=1, max_size=300))
def test_every_client_id_gets_a_wire_id_that_never_changes(client_id: str) -> None:
    wire = wire_event_id(client_id, KEY)

    assert is_wire_id(wire)
    assert wire == wire_event_id(client_id, KEY)


@pytest.mark.parametrize("client_id", ["kim@example.com", "x" * 129, "a\x00b", "\ud800"])
def test_an_event_id_that_may_not_travel_is_hashed_with_the_key(client_id: str) -> None:
    wire = wire_event_id(client_id, KEY)

    assert wire.startswith("h-")
    assert len(wire) == 66
    assert wire != wire_event_id(client_id, b"another key")


def test_an_empty_event_id_or_key_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        wire_event_id("", KEY)
    with pytest.raises(ValueError, match="empty"):
        wire_event_id("a", b"")


@given(st.text(min_size=1, max_size=140))
def test_an_id_travels_as_it_is_only_if_it_is_a_wire_id(client_id: str) -> None:
    wire = wire_event_id(client_id, KEY)

    assert (wire == client_id) == is_wire_id(client_id)
