"""POST /v1/webhooks/{source}: checked by its signature, answered as its source wants it."""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cskit.clock import Clocks
from cskit.db import DatabaseUnavailable
from cskit.errors import DomainError, TooLarge, Unauthorized, Unavailable
from cskit.messages import UnitOfWorks
from cskit.observability import get_logger
from csmodels.ids import AccountId, is_account_id
from ingest.domain import native, signatures
from ingest.domain.drafts import Arrival, Refusal
from ingest.domain.functions import MappingFailed
from ingest.domain.mapping import Made, made_of, ordered_item
from ingest.domain.ordering import Change, arrived
from ingest.intake import Intake
from ingest.settings import MAX_TEXT
from ingest.sources import Source, Sources
from ingest.store import erasing
from ingest.store import reading as texts
from ingest.store import sources as store
from ingest.webhooks import reading

DEFAULT_BYTES: Final = 1024 * 1024
MOST_BYTES: Final = 4 * 1024 * 1024  # what the option max_bytes may allow
_NO_KEY: Final = b"look only"  # nothing that is made with it travels

log = get_logger()


def router(intake: Intake, sources: Sources, unit_of_work: UnitOfWorks, clocks: Clocks, public_url: str) -> APIRouter:
    """The route. public_url is what HubSpot signs in front of the path."""

    async def post(request: Request) -> Response:
        body = await request.body()
        name: str = request.path_params["source"]
        try:
            source = await sources.get(name)
        except DatabaseUnavailable as error:
            raise _again(str(error), name) from error
        if source is None or not _is_genuine(source, request, body, clocks, public_url):
            raise _unknown()
        if len(body) > (most := source.options.get("max_bytes", DEFAULT_BYTES)):
            raise TooLarge("body_too_large", f"The body is larger than {most} bytes.")
        made = _made(source, body)
        try:
            items = await _prepared(source, made, unit_of_work, clocks)
            answer = await intake.native(name, [one.encoded for one in items]) if items else _NOTHING
            await _settle_texts(source, made, _refused_texts(items, answer), unit_of_work)
        except DatabaseUnavailable as error:
            raise _again(str(error), name) from error
        return _answered(source, answer, [one.problem for one in made if one.problem])

    made = APIRouter()
    made.add_route("/v1/webhooks/{source}", post, methods=["POST"])
    return made


@dataclass(frozen=True, slots=True)
class _Item:
    """An item to take, and the text that was kept for it."""

    encoded: bytes
    text_id: str | None = None


_NOTHING: Final[Mapping[str, Any]] = {"accepted": 0, "waiting": 0, "refused": 0, "dropped": 0, "items": []}


def _is_genuine(source: Source, request: Request, body: bytes, clocks: Clocks, public_url: str) -> bool:
    path = quote(request.scope["path"], safe="/:@!$&'()*+,;=-._~")
    query = request.scope["query_string"].decode("latin-1")
    uri = f"{public_url.rstrip('/')}{path}{'?' if query else ''}{query}"
    now = clocks.wall.now()
    headers = {key.lower(): value for key, value in request.headers.items()}
    seen = signatures.Request("POST", uri, headers, body, source.options)
    return signatures.is_genuine(source.kind, seen, source.secrets_at(now), now)


def _made(source: Source, body: bytes) -> list[Made]:
    """What the body makes. DomainError 400 if it cannot be read, Unauthorized if it is another organization's."""
    mapping = source.mapping or reading.built_in(source.kind)
    if mapping is None:
        raise DomainError("no_mapping", "This source has no mapping. Give it one: PUT /v1/sources/{name}.", status=400)
    try:
        values = reading.values_of(source.kind, body)
        if source.kind == "salesforce":
            wanted = str(source.options.get("organization_id", ""))
            if not hmac.compare_digest(str(values["organization"]).encode(), wanted.encode()):
                raise _unknown()
        return list(made_of(mapping, values, source.name))
    except reading.Unreadable as error:
        raise DomainError("malformed_body", str(error), status=400) from None
    except MappingFailed as error:
        raise DomainError("mapping_failed", f"The mapping does not fit the body: {error}", status=400) from None


async def _prepared(source: Source, made: list[Made], unit_of_work: UnitOfWorks, clocks: Clocks) -> list[_Item]:
    """The items to take. Texts and the order are committed first, so that no event refers to what is not there.

    A change that is to be refused has no place in the order: what is not taken in is not remembered either.
    """
    items: list[_Item] = []
    told = [one for one in made if one.problem is None]
    if not any(one.text_id or one.change for one in told):
        return [_encoded(one) for one in told]
    now = clocks.world.now()
    ordered: list[Made] = []
    plain: list[Made] = []
    for one in told:
        (ordered if one.change is not None and _fits(one.change, source, now) else plain).append(one)
    objects = sorted({one.object for one in ordered if one.object is not None})  # one order of locks, so no deadlock
    async with unit_of_work() as uow:
        for one in told:
            if one.text_id is not None and one.text is not None:
                words = one.text[:MAX_TEXT].replace("\x00", "")
                texts.add_text(uow, one.text_id, words, now, person=None, account=_account(one))
        for named in objects:
            mine = [one.change for one in ordered if one.object == named and one.change is not None]
            kept = await store.changes(uow, source.name, named, mine[0].time, now)
            for change in mine:
                kept, sent = arrived(kept, change)
                items += [_Item(ordered_item(each)) for each in sent]
            store.remember(uow, source.name, named, kept, now)
        if objects:
            await store.forget_objects(uow, now)
    return items + [_encoded(one) for one in plain]


def _fits(change: Change, source: Source, now: datetime) -> bool:
    arrival = Arrival(source.name, now, _NO_KEY, keep=source.keep)
    return not isinstance(native.draft(ordered_item(change), 0, arrival), Refusal)


def _refused_texts(items: Sequence[_Item], answer: Mapping[str, Any]) -> list[str]:
    """The texts of items that were not taken: nobody refers to them, and they would belong to nobody."""
    refused = [items[each["index"]] for each in answer["items"] if each["status"] == "refused"]
    return [one.text_id for one in refused if one.text_id is not None]


async def _settle_texts(source: Source, made: list[Made], refused: Sequence[str], unit_of_work: UnitOfWorks) -> None:
    """Texts that were taken are their user's from now on; the others go."""
    by_user: dict[str, list[str]] = {}
    for one in made:
        if one.text_id is not None and one.text_id not in refused and one.item.get("user") is not None:
            by_user.setdefault(one.item["user"], []).append(one.text_id)
    if by_user or refused:
        async with unit_of_work() as uow:
            await store.own_texts(uow, source.name, by_user)
            await erasing.forget_unowned_texts(uow, refused)


def _account(one: Made) -> AccountId | None:
    named = one.item.get("account")
    return AccountId(named) if isinstance(named, str) and is_account_id(named) else None


def _encoded(one: Made) -> _Item:
    return _Item(json.dumps(one.item, ensure_ascii=False).encode("utf-8", "surrogatepass"), one.text_id)


def _answered(source: Source, answer: Mapping[str, Any], problems: list[str]) -> Response:
    """200, for what is refused now is refused the next time, too; what could not be mapped is told with the rest."""
    items = list(answer["items"])
    for problem in problems:
        index = len(items)
        items.append(
            {"index": index, "id": None, "status": "refused", "code": "mapping_failed", "field": "", "message": problem}
        )
    if problems:
        # only where in the mapping: the rest of a problem quotes what came in
        lines = sorted({problem.partition(":")[0] for problem in problems})[:10]
        log.warning("webhook.not_mapped", source=source.name, items=len(problems), mapping=lines)
    if source.kind == "salesforce":
        return Response(reading.SALESFORCE_ACK, media_type="text/xml")
    told = {**answer, "refused": answer["refused"] + len(problems), "items": items}
    return Response(json.dumps(told).encode(), media_type="application/json")


def _unknown() -> Unauthorized:
    """One answer for all, so that nobody learns which sources there are."""
    return Unauthorized(
        "invalid_signature",
        "There is no such source, or the signature is not right or too old. Check the address, the secret and the "
        "clock of who sends this.",
    )


def _again(reason: str, source: str) -> Unavailable:
    log.warning("webhook.unavailable", source=source, reason=reason)
    return Unavailable("database_unavailable", "Webhooks cannot be taken now. Send this again in a moment.")
