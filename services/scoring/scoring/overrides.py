"""A person's override goes onto the log like everything else; the answer waits until the fold has seen it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import BaseModel

from cskit.auth import Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Invalid, Unavailable
from cskit.http import WriteIds
from cskit.log import Log, LogError
from cskit.messages import event_record
from cskit.observability import current_traceparent, get_logger
from csmodels.api import OverrideRequest
from csmodels.envelope import Event
from csmodels.fields import TextRef
from csmodels.ids import AccountId, EventId, StaffId
from csmodels.internal import EndedOverride, Override, OverrideEnded, OverrideSet
from csmodels.topics import CUSTOMER_EVENTS
from scoring.settings import ScoringSettings
from scoring.store import reading

log = get_logger()

GROUP: Final = "scoring"
_LOOK_EVERY: Final = 0.02  # seconds

Ingest = Callable[[str], httpx.AsyncClient]  # a client of ingest that acts for someone


class _StoredText(BaseModel):
    text_ref: TextRef


@dataclass(frozen=True, slots=True)
class Done:
    """What a write made, and whether the score already knows it."""

    override: str
    text_ref: str | None
    folded: bool


class Overrides:
    """Sets and ends overrides by events on cs.customer-events."""

    def __init__(
        self, *, log: Log, ingest: Ingest, database: Database, settings: ScoringSettings, clocks: Clocks
    ) -> None:
        self._log = log
        self._ingest = ingest
        self._database = database
        self._settings = settings
        self._clocks = clocks

    async def set(self, account: str, request: OverrideRequest, by: Principal, ids: WriteIds) -> Done:
        """Keep the note with ingest, append override.set, and wait for the fold, at most two seconds.

        A repeat with the same Idempotency-Key is the same override. Invalid if it would have expired already;
        Unavailable if ingest or the log cannot take it.
        """
        now = self._clocks.world.now()
        if request.expires_at <= now:
            raise Invalid("expired_override", "expires_at has passed already. Name a later time.", field="expires_at")
        author = _author(by)
        text_ref = await self._keep_text(request.note, author, ids("note"))
        override = ids("override")
        event = OverrideSet(
            id=EventId(ids()),
            source=by.source,
            subject=AccountId(account),
            time=now,
            receivedtime=now,
            data=Override(
                override=override,
                points=request.points,
                expires_at=request.expires_at,
                author=StaffId(author),
                text_ref=text_ref,
            ),
        )
        return Done(override, text_ref, await self._append(event))

    async def end(self, account: str, override: str, by: Principal, ids: WriteIds) -> Done:
        """Append override.ended, and wait for the fold, at most two seconds. Unavailable if the log cannot take it."""
        now = self._clocks.world.now()
        event = OverrideEnded(
            id=EventId(ids()),
            source=by.source,
            subject=AccountId(account),
            time=now,
            receivedtime=now,
            data=EndedOverride(override=override, author=StaffId(_author(by))),
        )
        return Done(override, None, await self._append(event))

    async def _keep_text(self, note: str, author: str, key: str) -> str:
        try:
            async with self._ingest(author) as client:
                answer = await client.post("/v1/texts", json={"text": note}, headers={"Idempotency-Key": key})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("override.note_not_kept", reason=str(error) or type(error).__name__)
            raise Unavailable(
                "note_not_kept",
                "The note could not be stored with ingest, so nothing was changed. Try again.",
                retry_after=2,
            ) from error
        return _StoredText.model_validate_json(answer.content).text_ref

    async def _append(self, event: Event) -> bool:
        record = event_record(CUSTOMER_EVENTS, event, traceparent=current_traceparent())
        try:
            (offset,) = await self._log.append([record])
        except LogError as error:
            raise Unavailable(
                "log_unavailable",
                "The log did not confirm it: it may or may not be there. Repeat with the same Idempotency-Key.",
            ) from error
        return await self._folded(record.partition, offset)

    async def _folded(self, partition: int, offset: int) -> bool:
        """Whether the fold has passed this record within the time that a write waits."""
        try:
            async with asyncio.timeout(self._settings.fold_within):
                while True:
                    async with self._database.read() as tx:
                        if await reading.next_offset(tx, GROUP, CUSTOMER_EVENTS, partition) > offset:
                            return True
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            return False


def _author(by: Principal) -> str:
    return by.actor or by.name
