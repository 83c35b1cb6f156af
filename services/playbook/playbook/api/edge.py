"""What the endpoints share: their means, who acts, and pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from cskit.auth import Principal
from cskit.clock import Clock
from cskit.db import Database
from cskit.errors import Invalid
from cskit.http import decode_cursor, encode_cursor, moment_of
from cskit.http.writes import WriteIds
from cskit.messages import UnitOfWork, UnitOfWorks
from playbook.catalogue import Playbooks
from playbook.domain.document import UNFIT
from playbook.ledger import Means
from playbook.store import records
from playbook.store.lists import After
from playbook.store.records import Entry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edge:
    """What an endpoint needs."""

    database: Database
    units: UnitOfWorks
    playbooks: Playbooks
    means: Means
    world: Clock

    def record(
        self, uow: UnitOfWork, ids: WriteIds, principal: Principal, action: str, subject: str, **details: Any
    ) -> None:
        """Put what a person did into the audit, in the transaction in which it was done."""
        entry = Entry(ids("audit"), self.world.now(), actor_of(principal), action, subject, details)
        records.record(uow.tx, entry)

    async def repeated(self, uow: UnitOfWork, ids: WriteIds) -> bool:
        """Whether this write was done already, under its Idempotency-Key: then it is to change nothing.

        Ask after locking what it would change, so that two that come at once are not both the first.
        """
        return await repeated(uow, ids)


async def repeated(uow: UnitOfWork, ids: WriteIds) -> bool:
    """See Edge.repeated: what was done is in the audit."""
    return ids.repeatable and await records.recorded(uow.tx, ids("audit"))


def actor_of(principal: Principal) -> str:
    """The member of the staff, else the key's name."""
    return principal.actor or principal.name


def page_of(items: Sequence[T], limit: int, key: Callable[[T], tuple[datetime, str]]) -> tuple[Sequence[T], str | None]:
    """The first `limit` of the items, and the cursor of the next page if there are more."""
    if len(items) <= limit:
        return items, None
    moment, id_ = key(items[limit - 1])
    return items[:limit], encode_cursor(moment.isoformat(), id_)


def after_of(cursor: str | None) -> After | None:
    """Where the page before ended. Invalid for a cursor of another list."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case (str(moment), str(id_)) if not UNFIT.search(id_):
            return After(moment_of(moment), id_)
    raise _foreign()


def name_after(cursor: str | None) -> str | None:
    """The same for lists in the order of ids."""
    if cursor is None:
        return None
    match decode_cursor(cursor):
        case (str(id_),) if not UNFIT.search(id_):
            return id_
    raise _foreign()


def check_text(field: str, text: str | None, longest: int) -> None:
    """Invalid for a text that is longer, or holds what no database takes. Tabs and line breaks may stand in it."""
    if text is not None and len(text) > longest:
        raise Invalid("too_long", f"{field} has at most {longest} characters.", field=field)
    if text is not None and UNFIT.search(text):
        raise Invalid("invalid_text", f"{field} holds a control character; take it out.", field=field)


def _foreign() -> Invalid:
    return Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")
