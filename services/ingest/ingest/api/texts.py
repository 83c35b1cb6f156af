"""/v1/texts: what people wrote. Events carry a reference."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from cskit.auth import PEOPLE, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Invalid, NotFound
from cskit.http import WriteId, requires
from cskit.messages import UnitOfWorks
from csmodels.fields import Account, Person, UtcTime
from ingest.settings import MAX_TEXT
from ingest.store import reading


class TextRequest(BaseModel):
    """A text to keep: a note, a quote, a ticket's words. `person` is whose words they are, or whom they are about: the
    text is erased with that person. `account` is whom it is about as a company: it is erased with that account, too.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT, pattern=r"^[^\x00]*$")]
    person: Person | None = None
    account: Account | None = None


class TextRef(BaseModel):
    """What an event carries instead of the text."""

    text_ref: str


class StoredText(BaseModel):
    """A text as it was written."""

    id: str
    text: str
    person: str | None
    created_at: UtcTime


def router(database: Database, unit_of_work: UnitOfWorks, clocks: Clocks) -> APIRouter:
    """The routes on this database."""
    made = APIRouter(prefix="/v1/texts", tags=["ingest"])

    @made.post("", status_code=201)
    async def post_text(body: TextRequest, _: Annotated[Principal, requires(PEOPLE)], ids: WriteId) -> TextRef:
        """Keep a text; events refer to it."""
        text_id = ids("text")
        async with unit_of_work() as uow:
            person = None
            if body.person is not None:
                person = await reading.held(uow, body.person)
                if person is None:
                    message = f"There is no person {body.person} here; they may have been erased. GET /v1/people lists."
                    raise Invalid("unknown_person", message, field="person")
            reading.add_text(uow, text_id, body.text, clocks.world.now(), person=person, account=body.account)
        return TextRef(text_ref=f"ingest/{text_id}")

    @made.get("/{id}")
    async def get_text(id: UUID, _: Annotated[Principal, requires(PEOPLE)]) -> StoredText:
        """A text by the id in its reference."""
        async with database.read() as tx:
            found = await reading.text(tx, str(id))
        if found is None:
            raise _unknown(id)
        return StoredText(id=found.id, text=found.text, person=found.person_id, created_at=found.created_at)

    @made.delete("/{id}", status_code=204)
    async def delete_text(id: UUID, _: Annotated[Principal, requires(PEOPLE)], ids: WriteId) -> None:
        """Forget a text. Events that refer to it stay, and whoever follows them finds nothing."""
        async with unit_of_work() as uow:
            if not await reading.forget_text(uow, str(id)):
                raise _unknown(id)

    return made


def _unknown(id: UUID) -> NotFound:
    return NotFound("unknown_text", f"There is no text {id} here; it may have been erased.")
