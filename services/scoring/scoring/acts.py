"""What a person does to an account goes onto the log like everything else; the answer waits until the fold has seen it.

A text goes to ingest first, and only its reference onto the log: should that fail, nothing was changed.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

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
from csmodels.customer import Touch, TouchRecorded
from csmodels.envelope import Event
from csmodels.fields import Direction, TextRef, TouchKind
from csmodels.ids import AccountId, EventId, PersonId, StaffId
from csmodels.internal import (
    AccountErased,
    AccountErasure,
    EndedOverride,
    Handover,
    Note,
    NoteRecorded,
    Override,
    OverrideEnded,
    OverrideSet,
    OwnerChanged,
)
from csmodels.topics import CUSTOMER_EVENTS
from scoring.settings import ScoringSettings
from scoring.store import reading

log = get_logger()

GROUP: Final = "scoring"
_LOOK_EVERY: Final = 0.02  # seconds
_LONGEST_OVERRIDE: Final = timedelta(days=400)
_BACKFILL_AFTER: Final = timedelta(days=3)  # as ingest has it: older news starts no playbook
_OURS: Final = "ingest/"
_TEXTS_AT_ONCE: Final = 8

Ingest = Callable[[str], httpx.AsyncClient]  # a client of ingest that acts for someone
E = TypeVar("E", bound=Event)


class _StoredText(BaseModel):
    text_ref: TextRef


class _Parted(BaseModel):
    people: int
    unlinked: int
    users: int
    waiting: int
    texts: int
    more: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What an act made: the id of the event (or override), the reference of its text, whether the fold has seen it."""

    id: str
    text_ref: str | None
    folded: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What ingest no longer has of an account: people of it alone, what sources called them, their events that waited,
    texts. unlinked people stay without the account.
    """

    people: int = 0
    unlinked: int = 0
    users: int = 0
    waiting: int = 0
    texts: int = 0


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that somebody tells of: with whom, what came of it, in which words, and when (None: just now)."""

    kind: TouchKind
    direction: Direction
    person: PersonId | None = None
    outcome: str | None = None
    text: str | None = None
    at: datetime | None = None


class Acts:
    """Appends what people do as events of cs.customer-events, in the name of whoever calls.

    Every method answers once the log has the event and, at most `fold_within` seconds later, the fold has seen it. A
    repeat with the same Idempotency-Key is the same event. Unavailable if ingest or the log cannot take it.
    """

    def __init__(
        self, *, log: Log, ingest: Ingest, database: Database, settings: ScoringSettings, clocks: Clocks
    ) -> None:
        self._log = log
        self._ingest = ingest
        self._database = database
        self._settings = settings
        self._clocks = clocks

    async def note(self, account: str, text: str, by: Principal, ids: WriteIds) -> Done:
        """note.recorded."""
        ref = await self._keep(account, text, by, ids("text"))
        data = Note(author=StaffId(_author(by)), text_ref=ref)
        return await self._done(NoteRecorded, account, data, by, ids(), text_ref=ref)

    async def touch(self, account: str, contact: Contact, by: Principal, ids: WriteIds) -> Done:
        """touch.recorded, of now or of a moment that has passed; one of more than three days ago is backfill.

        Invalid if it lies in the future. Its text is erased together with the person.
        """
        now = self._clocks.world.now()
        at = contact.at or now
        if at > now:
            raise Invalid(
                "future_touch", "at lies in the future. Record a contact once it has taken place.", field="at"
            )
        text = contact.text
        ref = await self._keep(account, text, by, ids("text"), contact.person) if text else None
        data = Touch(kind=contact.kind, direction=contact.direction, outcome=contact.outcome, text_ref=ref)
        late = now - at > _BACKFILL_AFTER
        return await self._done(
            TouchRecorded, account, data, by, ids(), text_ref=ref, time=at, personid=contact.person, backfill=late
        )

    async def hand_over(
        self, account: str, before: str | None, to: str | None, text: str | None, by: Principal, ids: WriteIds
    ) -> Done:
        """owner.changed, from the owner of now to another, or to nobody."""
        ref = await self._keep(account, text, by, ids("text")) if text else None
        data = Handover.model_validate({"from": before, "to": to, "text_ref": ref})
        return await self._done(OwnerChanged, account, data, by, ids(), text_ref=ref)

    async def override(self, account: str, request: OverrideRequest, by: Principal, ids: WriteIds) -> Done:
        """override.set. Invalid if it would have expired already, or end more than 400 days from now."""
        now = self._clocks.world.now()
        if request.expires_at <= now:
            raise Invalid("expired_override", "expires_at has passed already. Name a later time.", field="expires_at")
        if request.expires_at - now > _LONGEST_OVERRIDE:
            raise Invalid(
                "override_too_long",
                f"expires_at lies more than {_LONGEST_OVERRIDE.days} days ahead. Name an earlier time, and set another "
                "override then if need be.",
                field="expires_at",
            )
        ref = await self._keep(account, request.note, by, ids("note"))
        override = ids("override")
        data = Override(
            override=override,
            points=request.points,
            expires_at=request.expires_at,
            author=StaffId(_author(by)),
            text_ref=ref,
        )
        done = await self._done(OverrideSet, account, data, by, ids(), text_ref=ref)
        return Done(override, ref, done.folded)

    async def end_override(self, account: str, override: str, by: Principal, ids: WriteIds) -> Done:
        """override.ended."""
        data = EndedOverride(override=override, author=StaffId(_author(by)))
        done = await self._done(OverrideEnded, account, data, by, ids())
        return Done(override, None, done.folded)

    async def erase(
        self, account: str, text_refs: Collection[str], by: Principal, ids: WriteIds
    ) -> tuple[Forgotten, Done]:
        """account.erased, after ingest has forgotten these texts, those that it has of the account, and its people.

        Whoever repeats it, since one of these steps failed, finds gone already what went before.
        """
        texts = await self._forget([ref.removeprefix(_OURS) for ref in text_refs if ref.startswith(_OURS)], by)
        gone = await self._part(account, by)
        done = await self._done(AccountErased, account, AccountErasure(account=AccountId(account)), by, ids())
        return replace(gone, texts=gone.texts + texts), done

    # Ingest

    async def _part(self, account: str, by: Principal) -> Forgotten:
        """Have ingest forget who belongs to this account alone, and its texts; until it says that there is no more."""
        gone, more = Forgotten(), True
        try:
            async with self._ingest(_author(by)) as client:
                while more:
                    answer = await client.delete("/v1/contacts", params={"account": account})
                    answer.raise_for_status()
                    said = _Parted.model_validate_json(answer.content)
                    gone = Forgotten(
                        people=gone.people + said.people,
                        unlinked=gone.unlinked + said.unlinked,
                        users=gone.users + said.users,
                        waiting=gone.waiting + said.waiting,
                        texts=gone.texts + said.texts,
                    )
                    more = said.more
        except httpx.HTTPError as error:
            log.warning("act.people_not_forgotten", reason=str(error) or type(error).__name__)
            raise Unavailable(
                "people_not_erased",
                "Ingest could not erase all of the account's people, so the account is still there. Try again.",
                retry_after=2,
            ) from error
        return gone

    async def _keep(self, account: str, text: str, by: Principal, key: str, person: PersonId | None = None) -> str:
        """The reference under which ingest keeps a text. Invalid if the person it is about is not known there."""
        body = {"text": text, "account": account} | ({"person": person} if person else {})
        try:
            async with self._ingest(_author(by)) as client:
                answer = await client.post("/v1/texts", json=body, headers={"Idempotency-Key": key})
            if answer.status_code == 422 and person:
                raise Invalid(
                    "unknown_person",
                    f"There is no person {person}; they may have been erased. GET /v1/people?account= lists them.",
                    field="person",
                )
            if answer.status_code == 422:
                raise Invalid("text_refused", "Ingest does not keep this text. Write it otherwise.", field="text")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("act.text_not_kept", reason=str(error) or type(error).__name__)
            raise Unavailable(
                "note_not_kept",
                "The text could not be stored with ingest, so nothing was changed. Try again.",
                retry_after=2,
            ) from error
        return _StoredText.model_validate_json(answer.content).text_ref

    async def _forget(self, texts: Collection[str], by: Principal) -> int:
        """Have ingest forget texts; one that it does not know is forgotten already. How many it knew."""
        at_once = asyncio.Semaphore(_TEXTS_AT_ONCE)
        async with self._ingest(_author(by)) as client:

            async def forget(text: str) -> int:
                async with at_once:
                    answer = await client.delete(f"/v1/texts/{text}")
                if answer.status_code == httpx.codes.NOT_FOUND:
                    return 0
                answer.raise_for_status()
                return 1

            try:
                return sum(await asyncio.gather(*(forget(text) for text in texts)))
            except httpx.HTTPError as error:
                log.warning("act.texts_not_forgotten", reason=str(error) or type(error).__name__)
                raise Unavailable(
                    "texts_not_erased",
                    "Ingest could not erase the account's texts, so the account is still there. Try again.",
                    retry_after=2,
                ) from error

    # The log

    async def _done(
        self,
        kind: type[E],
        account: str,
        data: BaseModel,
        by: Principal,
        id_: str,
        *,
        text_ref: str | None = None,
        time: datetime | None = None,
        **envelope: Any,
    ) -> Done:
        """The event on the log, and whether the fold has passed it within the time that a write waits."""
        now = self._clocks.world.now()
        said: Mapping[str, Any] = {
            "id": EventId(id_),
            "source": by.source,
            "subject": AccountId(account),
            "time": time or now,
            "receivedtime": now,
            "data": data,
            **envelope,
        }
        record = event_record(CUSTOMER_EVENTS, kind(**said), traceparent=current_traceparent())
        try:
            (offset,) = await self._log.append([record])
        except LogError as error:
            raise Unavailable(
                "log_unavailable",
                "The log did not confirm it: it may or may not be there. Repeat with the same Idempotency-Key.",
            ) from error
        return Done(id_, text_ref, await self._folded(record.partition, offset))

    async def _folded(self, partition: int, offset: int) -> bool:
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
