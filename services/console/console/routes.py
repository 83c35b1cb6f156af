"""The addresses of the pages."""

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.doors import Doors, Page, Plain
from console.listening import News
from console.names import AccountNames
from console.pages.account import AccountPage
from console.pages.account_acts import AccountActs
from console.pages.accounts import AccountsPage
from console.pages.live import LiveStream
from console.pages.personal import PersonalPages
from console.pages.sign_in import SignIn
from console.pages.sources import SourcesPage
from console.pages.tasks import TasksPage, with_said
from console.parts import Frame
from console.rendering import HEADERS
from console.visits import Visit
from cskit.http.assets import StaticFiles


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages share."""

    doors: Doors
    frame: Frame
    static: StaticFiles
    news: News
    closing: asyncio.Event


def page_routes(pages: Pages) -> APIRouter:
    """Plain routes: pages are no part of the API's description. HEAD answers as GET does."""
    doors, frame = pages.doors, pages.frame
    names = AccountNames(doors.place.clocks.wall)
    accounts, account, tasks = AccountsPage(frame), AccountPage(frame), TasksPage(frame, names)
    sources = SourcesPage(frame, doors.place.public_url)
    acts = AccountActs()
    sign_in, personal = SignIn(doors), PersonalPages(frame, doors)
    live = LiveStream(doors, pages.news, pages.closing, accounts, account, tasks, sources)
    router = APIRouter()

    def shown(path: str, handler: Page) -> None:
        router.add_route(path, doors.page(_told(handler)), methods=["GET"])

    def taken(path: str, handler: Page) -> None:
        router.add_route(path, doors.page(handler), methods=["POST"])

    def plain(path: str, handler: Plain, method: str = "GET") -> None:
        router.add_route(path, doors.open(handler), methods=[method])

    shown("/", _home)
    shown("/accounts", accounts.show)
    shown("/accounts/{id:path}", account.show)
    taken("/accounts/{id:path}/note", acts.note)
    taken("/accounts/{id:path}/touch", acts.touch)
    taken("/accounts/{id:path}/override", acts.override)
    taken("/accounts/{id:path}/overrides/{override}/end", acts.end_override)
    taken("/accounts/{id:path}/owner", acts.hand_over)
    shown("/tasks", tasks.show)
    taken("/tasks/{task:path}/complete", tasks.complete)
    taken("/tasks/{task:path}/snooze", tasks.snooze)
    taken("/tasks/{task:path}/reopen", tasks.reopen)
    shown("/sources", sources.show)
    shown("/sources/{name:path}", sources.show_one)
    shown("/search", personal.search)
    shown("/settings", personal.settings)
    taken("/settings", personal.save)
    taken("/settings/language", personal.switch_language)
    shown("/help/keys", personal.keys)
    plain("/sign-in", sign_in.show)
    plain("/sign-in", sign_in.take, "POST")
    plain("/sign-out", sign_in.leave, "POST")
    router.add_route("/live", doors.stream(live.open), methods=["GET"])
    router.add_route("/static/{name}", pages.static.serve, methods=["GET"])
    return router


async def _home(request: Request, visit: Visit) -> Response:
    return RedirectResponse("/accounts", 303, HEADERS)


def _told(handler: Page) -> Page:
    """The page, with what a form that sent here has done."""

    async def page(request: Request, visit: Visit) -> Response:
        return await handler(request, with_said(visit, request))

    return page
