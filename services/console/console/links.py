"""POST /v1/sign-in-links: a link that signs a person in, for the command that prints it."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from console.doors import Place
from console.sessions import LINK_FOR, Role, sign_in_link
from cskit.auth import ADMIN, Principal
from cskit.http import requires
from csmodels.api import Model
from csmodels.fields import Staff


class NewLink(Model):
    """For whom: a member of the staff, or nobody in particular; and what they may do."""

    staff: Staff | None = None
    role: Annotated[Role, Field(description="csm, leader, operator or read_only")] = "operator"


class Link(Model):
    """The link; it works for a day, as often as it is opened, until the services' shared key is changed."""

    url: str


def link_routes(place: Place) -> APIRouter:
    """The route, for keys with the scope admin: who has a link may do what its role may."""
    router = APIRouter(tags=["console"])

    @router.post("/v1/sign-in-links", status_code=201)
    async def make_link(body: NewLink, _: Annotated[Principal, requires(ADMIN)]) -> Link:
        """Make a link."""
        now = place.clocks.wall.now()
        url = sign_in_link(place.public_url, place.secret, staff=body.staff, role=body.role, now=now, valid=LINK_FOR)
        return Link(url=url)

    return router
