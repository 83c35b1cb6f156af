"""What a request was, for the tails of sources."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csmodels.ids import AccountId, EventId
from ingest.domain.drafts import Draft
from ingest.domain.identity import Placed
from ingest.tails import Tails

ACCOUNT = AccountId("acme")


def saw(
    tails: Tails,
    source: str,
    items: Sequence[Mapping[str, Any]],
    types: Sequence[str | None],
    at: datetime,
    *,
    backfill: bool = False,
) -> None:
    """Tell the tails of a request whose items were answered so, of events of these types and of ACCOUNT."""
    drafts = [
        (Draft(one["index"], one["id"], EventId(one["id"]), kind, at, at, False, backfill), one["status"])
        for one, kind in zip(items, types, strict=True)
        if one["status"] in ("accepted", "waiting")
    ]
    placed = [Placed(draft, ACCOUNT if status == "accepted" else None, None) for draft, status in drafts]
    tails.took(source, items, placed, at)
