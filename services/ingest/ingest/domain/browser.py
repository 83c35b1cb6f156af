"""What a browser key may send. Whoever opens the page can read it, and say with it whatever they like."""

from collections.abc import Iterable
from typing import Final

from ingest.domain.drafts import Draft, Refusal

NOT_FROM_BROWSER: Final = "not_from_browser"
_USAGE: Final = "usage.tracked"
_WHY: Final = (
    "type is refused: a browser key sends usage (track, page, screen, usage.tracked). What says who somebody is, or "
    "what an account is, comes from a server."
)


def usage_only(results: Iterable[Draft | Refusal]) -> list[Draft | Refusal]:
    """The same results with a refusal for each draft of anything but usage."""
    return [
        one
        if isinstance(one, Refusal) or one.type == _USAGE
        else Refusal(one.index, one.client_id, NOT_FROM_BROWSER, "type", _WHY)
        for one in results
    ]
