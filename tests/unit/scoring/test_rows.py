"""Rows of live and history hold the JSON that the models of the domain stand for."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct, structs
from pydantic_core import to_jsonable_python

from scoring.account import Account, Cut, Evaluation, Standing
from scoring.causes import Causes
from scoring.domain.score import Adjustment, Contribution, Score
from scoring.domain.verdict import Published, Verdict
from scoring.domain.watch import Sign
from scoring.engine.facts import Facts
from scoring.engine.profile import Profile
from scoring.store.rows import STANDING, account_of, history_row, live_row

AT = datetime(2026, 7, 1, 12, 0, 0, 120_000, tzinfo=UTC)
PUBLISHED = Published(3, 51.25, "yellow", "adoption", "low", 0.75, 1, ("declining",), ("no_active_person",))
SIGNS = (Sign("declining", AT - timedelta(days=3), {"centre": 4.5}),)
VERDICTS = [
    Verdict(),
    Verdict("red", AT, "yellow", 2, ("declining",), PUBLISHED, SIGNS),
    Verdict("green", datetime.min.replace(tzinfo=UTC), published=structs.replace(PUBLISHED, watch=(), score=1e-7)),
]
CAUSES = [Causes(), Causes(("e1", '"\u2028日本'), 7, True, "default@2", "o1")]
CONTRIBUTIONS = (
    Contribution("active_share", "fresh", 0.1, 100.0, 1 / 3, 1e22, AT, estimate=True, frozen=False),
    Contribution("nps", "not_connected", None, None, 0.0, -0.0, None, estimate=False, frozen=True),
)
SCORE = Score(
    at=AT, scorecard="default@1", reference=75.0, value=51.25, contributions=CONTRIBUTIONS,
    adjustments=(Adjustment("cap", -3.5, "no_active_person"),), coverage=0.75, coverage_class=1, grey=False,
    stage="adoption", adoption_level="low", caps=("no_active_person",), override=None,
)  # fmt: skip
PROFILE = Profile(
    name="雪", plan=None, segment=None, owner="kim", mrr=Decimal("1E+3"), seats=4, country="JP", time_zone=None,
    locale=None, renewal_on=AT.date(), last_contact_at=None,
)  # fmt: skip


def evaluation(verdict: Verdict, causes: Causes, score: Score = SCORE) -> Evaluation:
    return Evaluation("acme", Cut(1, 9, AT), "closing", score, verdict, None, 5, causes, PROFILE, AT, AT)


def plain(value: object) -> Any:
    """The fields of a value by their names, moments as pydantic says them."""
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return to_jsonable_python(value)


@pytest.mark.parametrize("causes", CAUSES)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_json_in_rows_is_what_the_domain_says_field_by_field(verdict: Verdict, causes: Causes) -> None:
    account = Account(Facts("acme"), verdict, 5, None, causes)

    row = live_row(account, evaluation(verdict, causes), AT)
    old = history_row(evaluation(verdict, causes), AT)

    assert json.loads(row["contributions"]) == plain(CONTRIBUTIONS)
    assert json.loads(row["adjustments"]) == json.loads(old["adjustments"]) == [
        {"kind": "cap", "points": -3.5, "reason": "no_active_person"}
    ]  # fmt: skip
    assert json.loads(row["verdict"]) == plain(verdict)
    assert json.loads(row["causes"]) == json.loads(old["cause"]) == plain(causes)
    assert json.loads(row["watch"]) == json.loads(old["watch"]) == list(verdict.watch)
    assert json.loads(old["contributions"]) == {"active_share": [1e22, 100.0, 1 / 3], "nps": [-0.0, None, 0.0]}
    assert (row["mrr"], row["renewal_on"]) == ("1000", "2026-07-01")


@pytest.mark.parametrize("causes", CAUSES)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_an_account_comes_back_from_its_live_row(verdict: Verdict, causes: Causes) -> None:
    account = Account(Facts("acme"), verdict, 5, Standing(AT, 51.25, "default@1", None, AT, AT), causes)

    row = live_row(account, evaluation(verdict, causes), AT)

    assert account_of(read(row), account.facts) == account


def test_a_row_as_pydantic_wrote_it_and_postgresql_kept_it_is_read() -> None:
    account = Account(Facts("acme"), VERDICTS[1], 5, Standing(AT, 51.25, "default@1", "o1", AT, AT), CAUSES[1])
    row = live_row(account, evaluation(account.verdict, account.causes, structs.replace(SCORE, override="o1")), AT)
    verdict = plain(account.verdict)
    verdict["band_since"] = verdict["band_since"].replace("Z", "+00:00")
    row |= {"verdict": json.dumps(verdict, sort_keys=True), "causes": json.dumps(plain(account.causes))}

    assert account_of(read(row), account.facts) == account


def read(row: dict[str, Any]) -> Sequence[Any]:
    """What a look-up gives of it."""
    return [str(value) if isinstance(value, str) else value for value in (row[column.name] for column in STANDING)]
