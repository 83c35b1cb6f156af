"""Accounts and evaluations as rows of live and history, and live rows as accounts. JSON is made and read as text."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from cskit.db import JsonText
from scoring.account import Account, Evaluation, Standing
from scoring.causes import Causes
from scoring.domain.verdict import Verdict
from scoring.engine.facts import Facts
from scoring.tables import live

STANDING: Final = tuple(
    live.c[name]
    for name in (
        "account", "verdict", "version_base", "causes", "at", "score", "scorecard", "override", "occurred_at",
        "received_at",
    )
)  # fmt: skip
_URGENCY: Final = {"red": 0.0, "yellow": 1000.0, "grey": 2000.0, "green": 3000.0}

_encode: Final = msgspec.json.Encoder().encode
_verdict: Final = msgspec.json.Decoder(Verdict).decode
_causes: Final = msgspec.json.Decoder(Causes).decode


def account_of(row: Sequence[Any], facts: Facts) -> Account:
    """An account whose live row has these columns (STANDING)."""
    _, verdict, base, causes, *standing = row
    return Account(
        facts=facts, verdict=_verdict(verdict), base=base, standing=Standing(*standing), causes=_causes(causes)
    )


def live_row(account: Account, last: Evaluation, scored_at: datetime) -> dict[str, Any]:
    """The live row of an account whose newest evaluation this is."""
    profile, score, verdict, cut = last.profile, last.score, account.verdict, last.cut
    return {
        "account": account.id,
        "partition": cut.partition,
        "offset": cut.offset,
        "at": cut.at,
        "score": score.value,
        "band": verdict.band,
        "stage": score.stage,
        "adoption_level": score.adoption_level,
        "coverage": score.coverage,
        "watch": _few(verdict.watch),
        "version": account.version,
        "scorecard": score.scorecard,
        "reference": score.reference,
        "contributions": _text(score.contributions),
        "adjustments": _text(score.adjustments) if score.adjustments else _NONE,
        "override": score.override,
        "verdict": _text(verdict),
        "version_base": account.base,
        "causes": _text(account.causes),
        "occurred_at": last.occurred_at,
        "received_at": last.received_at,
        "scored_at": scored_at,
        "name": profile.name,
        "plan": profile.plan,
        "segment": profile.segment,
        "owner": profile.owner,
        "mrr": format(profile.mrr, "f") if profile.mrr is not None else None,
        "seats": profile.seats,
        "country": profile.country,
        "renewal_on": profile.renewal_on.isoformat() if profile.renewal_on else None,
        "last_contact_at": profile.last_contact_at,
        "urgency": _URGENCY[verdict.band] + score.value,
    }


def history_row(evaluation: Evaluation, scored_at: datetime) -> dict[str, Any]:
    """The row of history of an evaluation that is published or a closing."""
    score, verdict, cut = evaluation.score, evaluation.verdict, evaluation.cut
    parts = {one.measure: (one.contribution, one.points, one.weight) for one in score.contributions}
    return {
        "account": evaluation.account,
        "partition": cut.partition,
        "offset": cut.offset,
        "at": cut.at,
        "kind": evaluation.kind,
        "version": evaluation.version,
        "score": score.value,
        "band": verdict.band,
        "stage": score.stage,
        "adoption_level": score.adoption_level,
        "coverage": score.coverage,
        "watch": _few(verdict.watch),
        "contributions": _text(parts),
        "adjustments": _text(score.adjustments) if score.adjustments else _NONE,
        "scorecard": score.scorecard,
        "cause": _text(evaluation.causes),
        "occurred_at": evaluation.occurred_at,
        "received_at": evaluation.received_at,
        "scored_at": scored_at,
    }


def _text(value: object) -> JsonText:
    return JsonText(_encode(value), "utf-8")


_NONE: Final = JsonText("[]")


@lru_cache(maxsize=64)
def _few(names: tuple[str, ...]) -> JsonText:
    return _text(names)
