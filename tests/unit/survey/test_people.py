"""What a batch of erasures and merges means in the end."""

from hypothesis import given
from hypothesis import strategies as st

from csmodels.catalogue import CustomerEvent
from csmodels.examples import message
from csmodels.ids import PersonId
from csmodels.internal import AccountErased, ContactMerged, PersonErased
from survey.domain.people import changes, continued

PEOPLE = [PersonId(f"00000000-0000-4000-8000-00000000000{n}") for n in range(6)]
A, B, C, D = PEOPLE[:4]


def erased(person: PersonId) -> CustomerEvent:
    return PersonErased.model_validate(message("person.erased", {"person": person}))


def merged(from_: PersonId, into: PersonId) -> CustomerEvent:
    return ContactMerged.model_validate(message("contact.merged", {"from": from_, "into": into}))


def test_a_chain_of_merges_ends_at_its_last_person() -> None:
    found = changes([merged(A, B), merged(B, C)])

    assert found.merged == {A: C, B: C}


def test_who_became_an_erased_person_is_erased_too() -> None:
    found = changes([merged(A, B), merged(B, C), erased(C)])

    assert found.erased == {A, B, C}
    assert found.merged == {}


def test_a_merge_never_brings_an_erased_person_back() -> None:
    found = changes([erased(A), merged(A, B)])

    assert found.erased == {A}
    assert found.merged == {}


def test_an_erased_account_is_named_once() -> None:
    event = AccountErased.model_validate(message("account.erased"))

    assert changes([event, event]).accounts == {event.subject}


MOVES = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)).filter(lambda pair: pair[0] != pair[1])


@given(st.lists(MOVES, max_size=8), st.lists(st.sampled_from(PEOPLE), max_size=3))
def test_nobody_is_both_erased_and_merged_or_merged_into_the_erased(
    moves: list[tuple[PersonId, PersonId]], gone: list[PersonId]
) -> None:
    found = changes([merged(*move) for move in moves] + [erased(person) for person in gone])

    assert found.erased >= set(gone)
    assert found.erased.isdisjoint(found.merged)
    assert found.erased.isdisjoint(found.merged.values())
    assert all(person != into for person, into in found.merged.items())


def test_a_merge_goes_on_to_where_its_end_went_before() -> None:
    erased, merged_ = continued({A: B, C: D, B: A}, {B: C, D: None, A: B})

    assert erased == {C}
    assert merged_ == {A: C}  # B had become A already
