"""What the routes of scorecards take and answer."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field

from csmodels.api import Body, Model
from csmodels.fields import Band, UtcTime


class ScorecardVersion(Model):
    """A version of a scorecard: its name as scores carry it, the hash of its content, who stored it.

    in_force: whether it was applied last; where several are in force, applies_to (null: the default) and precedence say
    for which accounts each counts.
    """

    name: str
    scorecard: str
    version: int
    sha256: str
    created_at: UtcTime
    author: str
    note: str | None
    in_force: bool
    applies_to: str | None
    precedence: int


class ScorecardDocument(ScorecardVersion):
    """A version with its document, and in how many partitions it is in force already, of how many."""

    document: dict[str, Any]
    partitions: int
    of_partitions: int


class FieldChange(Model):
    """A field that differs from the version before; null where it is missing."""

    field: str
    before: Any
    after: Any


class StoredScorecard(ScorecardDocument):
    """The answer to a document: its version; `new` is false if that very document was stored already."""

    new: bool
    changes: list[FieldChange]


class ApplyRequest(Body):
    """Why it is applied, for the history."""

    note: Annotated[str, Field(max_length=500)] | None = None


class RollbackRequest(ApplyRequest):
    """The version to go back to; the one before if left out."""

    to: int | None = None


class AppliedScorecard(Model):
    """What is in force now. key_features are those that were written into the version because it named none.

    changed: false if that was in force already. folded: every account is scored by it; else that follows.
    """

    name: str
    sha256: str
    changed: bool
    in_force: list[str]
    key_features: list[str]
    folded: bool


class ApplicationAnswer(Model):
    """What was applied, when, by whom, and what was in force from then on."""

    number: int
    kind: Literal["shipped", "apply", "rollback"]
    name: str
    sha256: str
    in_force: list[str]
    at: UtcTime
    actor: str
    note: str | None


class SideAnswer(Model):
    """A score, by which scorecard, and its band by the plain boundaries."""

    scorecard: str
    score: float
    band: Band


class MovedAccount(Model):
    """An account that would change band. MRR is in the portfolio's currency, null if it is not known."""

    account: str
    name: str | None
    segment: str | None
    owner: str | None
    mrr: Decimal | None
    before: SideAnswer
    after: SideAnswer


class MoveAnswer(Model):
    """How many accounts go from one band to another."""

    from_band: Band
    to_band: Band
    accounts: int
    mrr: Decimal


class Difference(Model):
    """What a scorecard would change. changing and its MRR are about accounts that change band, share is theirs of all.

    rescored accounts get another score; unpriced change band, and their MRR is not known.
    """

    name: str
    accounts: int
    mrr: Decimal
    rescored: int
    changing: int
    changing_mrr: Decimal
    share: float
    unpriced: int
    moves: list[MoveAnswer]
    changes: list[FieldChange]
    key_features: list[str]


class DifferenceAnswer(Difference):
    """With the accounts that change band, the first 500 of them; as NDJSON all are told."""

    items: list[MovedAccount]
