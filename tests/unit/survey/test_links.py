"""The token of a link."""

import base64
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.domain.links import invitation_of, token_of

KEY = b"k" * 32


@given(st.uuids(), st.binary(min_size=1, max_size=64))
def test_a_token_leads_to_its_invitation_and_no_other_key_opens_it(invitation: UUID, key: bytes) -> None:
    token = token_of(str(invitation), key)

    assert invitation_of(token, key) == str(invitation)
    assert invitation_of(token, key + b"x") is None
    assert len(token) == 43
    assert token.isascii()


@given(st.uuids(), st.integers(0, 42), st.sampled_from("ABCXYZabcxyz0189-_"))
def test_changing_any_letter_breaks_a_token(invitation: UUID, place: int, letter: str) -> None:
    token = token_of(str(invitation), KEY)
    changed = token[:place] + letter + token[place + 1 :]

    assert (invitation_of(changed, KEY) is None) == (changed != token)


@given(st.text(max_size=60))
def test_any_text_at_all_is_refused_without_an_error(text: str) -> None:
    assert invitation_of(text, KEY) is None


def test_a_token_holds_nothing_but_the_id_and_the_mac() -> None:
    invitation = uuid4()

    raw = base64.urlsafe_b64decode(token_of(str(invitation), KEY) + "=")

    assert raw[:16] == invitation.bytes
    assert len(raw) == 32


def test_an_empty_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        token_of(str(uuid4()), b"")
