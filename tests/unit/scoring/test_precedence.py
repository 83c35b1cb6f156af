"""Which scorecard counts for an account, of those in force."""

from collections.abc import Mapping
from datetime import UTC, date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.scoring.builders import CARD, DAY, DOCUMENT, NOON, contract, described, facts_of

from scoring.catalogue import Catalogue
from scoring.domain.document import InvalidDocument
from scoring.domain.money import Rates
from scoring.domain.precedence import NoDefault, applying
from scoring.domain.scorecard import Scorecard
from scoring.engine.described import ACCOUNT_FIELDS
from scoring.engine.described import described as fields_of
from scoring.engine.facts import Facts
from scoring.expressions import parsed

LARGE = "account.seats >= 100"
ENTERPRISE = 'account.segment == "enterprise"'


def card(id_: str, applies_to: str | None = None, precedence: int = 0, version: int = 1, **more: Any) -> Scorecard:
    """The default under another name, with a condition."""
    condition = {"applies_to": applies_to, "precedence": precedence} if applies_to else {}
    return parsed({**DOCUMENT, "scorecard": id_, "version": version, **condition, **more})


def in_force(*cards: Scorecard) -> Catalogue:
    """A catalogue of these; the first is the default."""
    catalogue = Catalogue(cards[:1])
    for each in cards[1:]:
        catalogue.add(each)
    return catalogue


def counts_for(facts: Facts, *cards: Scorecard) -> str:
    """The name of the one that counts for an account."""
    rules = in_force(*cards).rules({each.id: each.version for each in cards}, UTC, Rates("USD"), {})
    return rules.card_of(facts, NOON).name


BIG = facts_of([described(NOON, seats=250, segment="enterprise")])
SMALL = facts_of([described(NOON, seats=5, segment="enterprise")])
NOBODY = facts_of([])


def test_a_scorecard_counts_where_its_condition_holds_and_the_default_elsewhere() -> None:
    large = card("large", LARGE)

    found = [counts_for(facts, CARD, large) for facts in (BIG, SMALL, NOBODY)]

    assert found == ["large@1", CARD.name, CARD.name]


def test_of_several_whose_conditions_hold_the_highest_precedence_counts() -> None:
    large, enterprise = card("large", LARGE, precedence=10), card("enterprise", ENTERPRISE, precedence=20)

    found = [counts_for(facts, CARD, large, enterprise) for facts in (BIG, SMALL, NOBODY)]

    assert found == ["enterprise@1", "enterprise@1", CARD.name]


def test_of_equal_precedence_the_first_by_id_counts() -> None:
    a, b = card("a", LARGE, precedence=5), card("b", ENTERPRISE, precedence=5)

    assert counts_for(BIG, CARD, b, a) == "a@1"


def test_the_precedence_of_the_default_changes_nothing() -> None:
    default = parsed({**DOCUMENT, "precedence": 1000})

    assert counts_for(BIG, default, card("large", LARGE)) == "large@1"


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from([LARGE, ENTERPRISE, "true", "false"]), st.integers(0, 3)),
        max_size=6,
        unique_by=lambda each: each[0],
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_scorecards_were_applied_does_not_matter(
    drawn: list[tuple[str, str, int]], dice: Any
) -> None:
    cards = [card(id_, condition, precedence) for id_, condition, precedence in drawn]
    shuffled = dice.sample(cards, len(cards))

    found = counts_for(BIG, CARD, *cards)

    assert counts_for(BIG, CARD, *shuffled) == found
    holding = [each for each in cards if each.applies_to != "false"]
    best = min(holding, key=lambda each: (-each.precedence, each.id), default=CARD)
    assert found == best.name


def test_a_condition_that_asks_for_what_is_not_known_does_not_hold() -> None:
    assert counts_for(NOBODY, CARD, card("none", 'account.plan != "free"')) == CARD.name


def test_conditions_see_the_account_as_it_was_at_the_moment() -> None:
    facts = facts_of(
        [
            described(NOON, segment="smb", plan="pro", country="JP", industry="retail", custom={"tier": 2}),
            described(NOON + DAY, plan="basic"),
            contract(
                NOON, status="active", mrr=Decimal("1200.50"), currency="USD", starts_on=date(2026, 1, 1), seats=9
            ),
        ]
    )

    found = fields_of(facts, NOON, UTC, Rates("USD"))

    assert found == {
        "segment": "smb", "plan": "pro", "country": "JP", "industry": "retail", "seats": 9, "mrr": Decimal("1200.50"),
        "custom": {"tier": 2},
    }  # fmt: skip
    assert found.keys() <= ACCOUNT_FIELDS.keys()


def test_a_condition_about_an_unknown_field_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidDocument, match=r"account\.seats") as refused:
        card("typo", "account.seat > 5")

    assert refused.value.where == "applies_to"


def known(*cards: Scorecard) -> Mapping[str, Scorecard]:
    return {each.name: each for each in cards}


def test_applying_keeps_all_others_but_for_the_default_that_is_replaced() -> None:
    large, mine, newer = card("large", LARGE), card("mine"), card("large", ENTERPRISE, version=2)
    cards = known(CARD, large, mine, newer)

    first = applying({CARD.id: 1}, large, cards)
    second = applying(first, mine, cards)
    third = applying(second, newer, cards)

    assert first == {CARD.id: 1, "large": 1}
    assert second == {"large": 1, "mine": 1}
    assert third == {"large": 2, "mine": 1}


def test_the_default_cannot_become_one_with_a_condition() -> None:
    with pytest.raises(NoDefault):
        applying({CARD.id: 1}, card(CARD.id, LARGE, version=2), known(CARD))


def test_facts_keep_the_key_features_of_all_scorecards_in_force() -> None:
    usage = {**DOCUMENT["usage"], "key_features": ["export", "share"]}
    named = card("named", LARGE, usage={**usage, "entitled": {}})

    rules = in_force(CARD, named).rules({CARD.id: 1, "named": 1}, UTC, Rates("USD"), {})

    assert rules.folding.actions.key_features == ("export", "share")
    assert rules.folding.actions.not_core == CARD.actions.not_core
    assert rules.card is CARD
