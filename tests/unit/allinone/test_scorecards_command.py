"""kizashi scorecards diff: when the answer is no."""

from decimal import Decimal

import pytest

from allinone.commands.scorecards import Limits, beyond

FOUND = {"changing": 3, "changing_mrr": "1200.50", "share": 0.3}


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(), []),
        (Limits(accounts=3, mrr=Decimal("1200.50"), share=0.3), []),
        (Limits(accounts=2), ["3 accounts change band; --max-accounts allows 2."]),
        (Limits(mrr=Decimal("1200.49")), ["MRR of 1200.50 changes band; --max-mrr allows 1200.49."]),
        (Limits(share=0.25), ["30.0% of the accounts change band; --max-share allows 25.0%."]),
    ],
)
def test_a_difference_is_beyond_a_limit_only_if_it_is_more(limits: Limits, said: list[str]) -> None:
    assert beyond(FOUND, limits) == said
