"""/v1/staff and /v1/audit/playbook."""

from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Response

from cskit.auth import Principal
from cskit.errors import Conflict, Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, encode_cursor, requires
from csmodels.api import Model, Page, Staff
from csmodels.fields import UtcTime
from csmodels.ids import StaffId, is_wire_id
from playbook.api.edge import Edge, after_of, check_text, name_after, page_of
from playbook.domain.calendar import has_calendar
from playbook.store import people, records
from playbook.store.people import Member

# Of the columns; a country of more letters than its column's two has no calendar, which says more.
_LONGEST: Final = {
    "id": 128,
    "name": 256,
    "email": 320,
    "role": 64,
    "leader": 128,
    "country": 64,
    "time_zone": 64,
}
_MOST: Final = 2**31 - 1


class AuditEntry(Model):
    """Somebody did something."""

    id: str
    at: UtcTime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]


def routes(edge: Edge) -> APIRouter:
    """The endpoints."""
    router = APIRouter(tags=["staff"])
    reader = Annotated[Principal, requires("read")]
    editor = Annotated[Principal, requires("configure")]
    operator = Annotated[Principal, requires("operate")]

    @router.get("/v1/staff")
    async def list_staff(_: reader, limit: Limit = 50, cursor: Cursor = None) -> Page[Staff]:
        """Members by id."""
        async with edge.database.read() as tx:
            found = await people.page(tx, name_after(cursor), limit + 1)
        more = encode_cursor(found[limit - 1].id) if len(found) > limit else None
        return Page(items=[_answer(member) for member in found[:limit]], next=more)

    @router.get("/v1/staff/{id}")
    async def show_staff(id: str, _: reader) -> Staff:
        """A member."""
        async with edge.database.read() as tx:
            found = await people.members(tx, [StaffId(id)])
        if not found:
            raise _unknown(id)
        return _answer(found[StaffId(id)])

    @router.post("/v1/staff", status_code=201)
    async def add_staff(body: Staff, principal: editor, ids: WriteId, response: Response) -> Staff:
        """Add a member: 201, or 200 if that very member is there; 409 if the id is somebody else's."""
        member = _member(body)
        async with edge.units() as uow:
            known = (await people.members(uow.tx, [member.id])).get(member.id)
            if known is not None and known != member:
                raise Conflict(
                    "staff_exists", f"There is a member “{member.id}”. PUT /v1/staff/{member.id} changes it."
                )
            if known is None:
                people.put(uow.tx, member)
                edge.record(uow, ids, principal, "staff.added", member.id)
        response.status_code = 201 if known is None else 200
        return _answer(member)

    @router.put("/v1/staff/{id}")
    async def put_staff(id: str, body: Staff, principal: editor, ids: WriteId) -> Staff:
        """Add or replace a member. Tasks that are open keep their moments."""
        member = _member(body)
        if body.id != id:
            raise Invalid("other_id", f"The id in the body is “{body.id}”, in the path “{id}”.", field="id")
        async with edge.units() as uow:
            if await edge.repeated(uow, ids):
                known = (await people.members(uow.tx, [member.id])).get(member.id)
                if known is None:
                    raise _unknown(id)
                return _answer(known)
            people.put(uow.tx, member)
            edge.record(uow, ids, principal, "staff.changed", member.id)
        return _answer(member)

    @router.delete("/v1/staff/{id}", status_code=204)
    async def remove_staff(id: str, principal: editor, ids: WriteId) -> None:
        """Remove a member. Their tasks keep the id until they are given to somebody else."""
        async with edge.units() as uow:
            if await edge.repeated(uow, ids):
                return
            if not await people.remove(uow.tx, id):
                raise _unknown(id)
            edge.record(uow, ids, principal, "staff.removed", id)

    @router.get("/v1/audit/playbook", tags=["operation"])
    async def list_playbook_audit(_: operator, limit: Limit = 50, cursor: Cursor = None) -> Page[AuditEntry]:
        """What people changed here, the newest first."""
        async with edge.database.read() as tx:
            found = await records.entries(tx, after_of(cursor), limit + 1)
        shown, more = page_of(found, limit, lambda entry: (entry.at, entry.id))
        items = [
            AuditEntry(
                id=each.id, at=each.at, actor=each.actor, action=each.action, subject=each.subject, details=each.details
            )
            for each in shown
        ]
        return Page(items=items, next=more)

    return router


def _member(body: Staff) -> Member:
    """The member that the body describes. Invalid for what nothing can be done with, or what cannot be stored."""
    for field, longest in _LONGEST.items():
        check_text(field, getattr(body, field), longest)
    if not is_wire_id(body.id):
        raise Invalid("invalid_staff_id", "A staff id has 1 to 128 characters and no “@”; it travels.", field="id")
    if body.capacity is not None and body.capacity > _MOST:
        raise Invalid("invalid_capacity", f"A capacity is at most {_MOST}.", field="capacity")
    try:
        ZoneInfo(body.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            "unknown_zone", f"“{body.time_zone}” is no time zone; write Asia/Tokyo.", field="time_zone"
        ) from None
    if body.country is not None and not has_calendar(body.country):
        raise Invalid(
            "unknown_country", f"There is no calendar of “{body.country}”; write JP, or leave it out.", field="country"
        )
    leader = StaffId(body.leader) if body.leader is not None else None
    return Member(
        StaffId(body.id), body.name, body.email, body.role, leader, body.country, body.time_zone, body.locale,
        body.capacity, body.away_from, body.away_until,
    )  # fmt: skip


def _answer(member: Member) -> Staff:
    return Staff(
        id=member.id, name=member.name, email=member.email, role=member.role, leader=member.leader,
        country=member.country, time_zone=member.time_zone, locale=member.locale, capacity=member.capacity,
        away_from=member.away_from, away_until=member.away_until,
    )  # fmt: skip


def _unknown(id_: str) -> NotFound:
    return NotFound("unknown_staff", f"There is no member of staff “{id_}”. GET /v1/staff lists them.")
