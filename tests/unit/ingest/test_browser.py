"""What a browser key may send."""

from datetime import UTC, datetime

import pytest

from csmodels.ids import EventId
from ingest.domain.browser import usage_only
from ingest.domain.drafts import Draft, Refusal

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


def draft(type_: str | None) -> Draft:
    return Draft(0, "e-1", EventId("e-1"), type_, NOW, NOW, clamped=False, backfill=False)


def test_usage_passes_and_what_was_refused_keeps_its_reason() -> None:
    given: list[Draft | Refusal] = [
        draft("usage.tracked"),
        Refusal(1, None, "missing_field", "account", "account is missing."),
    ]

    assert usage_only(given) == given


@pytest.mark.parametrize("type_", ["contact.described", "account.described", "contract.changed", None])
def test_all_else_is_refused_with_its_id(type_: str | None) -> None:
    (found,) = usage_only([draft(type_)])

    assert isinstance(found, Refusal)
    assert (found.index, found.id, found.code, found.field) == (0, "e-1", "not_from_browser", "type")
