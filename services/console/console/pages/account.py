"""/accounts/{id}: one account, why it is as it is, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from console.account_acts import forms_of
from console.account_blocks import (
    Mark,
    change_block,
    health_block,
    lead_of,
    marks_of,
    people_of,
    runs_of,
    timeline_filters,
)
from console.account_view import Account, Asked, asked_of, read_account
from console.contributions import lines_of
from console.doors import Unfit
from console.events_in_words import Named
from console.line_of_scores import Scores
from console.parts import Fragments, Frame, account_url, with_query
from console.progress_block import progress_block
from console.task_cards import card_of
from console.timeline import days_of
from console.upstream import Refused
from console.visits import Visit

BLOCKS: Final = ("head", "health", "tasks", "runs", "progress", "why", "changed", "timeline", "people")


@dataclass(slots=True)
class Watching:
    """What a stream remembers between two looks: computed scores, and since when entries count as new."""

    since: datetime
    scores: Scores | None = None


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The page, its blocks as fragments."""

    frame: Frame

    async def show(self, request: Request, visit: Visit) -> Response:
        """The page."""
        id_ = request.path_params["id"]
        asked = asked_of(request.query_params, visit.formats.today)
        values = self._values(visit, id_, asked, await self._read(visit, id_, asked))
        return self.frame.page("account.html", visit, menu="accounts", **values)

    async def fragments(self, visit: Visit, id_: str, query: QueryParams, watching: Watching) -> Fragments:
        """Every block."""
        asked = asked_of(query, visit.formats.today)
        account = await self._read(visit, id_, asked, watching.scores)
        watching.scores = account.scores
        values = self._values(visit, id_, asked, account, watching.since)
        return Fragments({
            f"acc-{block}": self.frame.fragment(f"parts/account_{block}.html", visit, **values) for block in BLOCKS
        })  # fmt: skip

    async def newest(self, visit: Visit, id_: str) -> str:
        """The id of the timeline's newest entry, "" if it has none: so is seen what moved no score."""
        page = await visit.calls.timeline(id_, limit=1)
        return page.items[0].id if page.items else ""

    async def _read(self, visit: Visit, id_: str, asked: Asked, kept: Scores | None = None) -> Account:
        try:
            return await read_account(visit, id_, asked, kept)
        except Refused as error:
            if error.status != 404:
                raise
            title, how = visit.say("frame.error_account", id=id_), visit.say("frame.error_account_how")
            raise Unfit(404, title, how) from error

    def _values(
        self, visit: Visit, id_: str, asked: Asked, account: Account, new_since: datetime | None = None
    ) -> Mapping[str, Any]:
        names = {id_: account.summary.name or id_}
        cards = [card_of(visit, task, account.playbooks, names) for task in account.open_tasks]
        people = {person.id: person.name for person in account.people if person.name}
        marks: Sequence[Mark] = marks_of(visit, account)
        here = account_url(id_)
        return {
            "summary": account.summary,
            "name": account.summary.name or id_,
            "lead": lead_of(visit, account, cards),
            "band": account.health.band,
            "health": health_block(visit, account, marks),
            "cards": cards,
            "runs": runs_of(visit, account),
            "progress": progress_block(visit, account.progress),
            "lines": lines_of(visit.formats, account.health),
            "changed": change_block(visit, account, asked),
            "days": days_of(
                visit,
                account.entries,
                account.tasks,
                Named(people, account.words, account.playbooks),
                show=asked.show,
                new_since=new_since,
                until=asked.until if asked.before else None,
            ),
            "filters": timeline_filters(visit, here, asked),
            "older": _older(here, asked, account),
            "newest": with_query(here, {**asked.days, "show": asked.show}) + "#timeline" if asked.before else None,
            "show": asked.show,
            "people": people_of(visit, account),
            "notes": account.missing.notes(visit),
            "forms": forms_of(visit, account),
            "here": here,
            "back": here,
            "live": with_query(
                "/live",
                {
                    "view": "account", "id": id_, **asked.days, "show": asked.show, "before": asked.before,
                    "until": asked.until.isoformat() if asked.until else None,
                },
            ),
        }  # fmt: skip


def _older(here: str, asked: Asked, account: Account) -> str | None:
    """Where the timeline goes on, and from which moment on its tasks are to be shown."""
    if not account.older:
        return None
    until = account.entries[-1].at.isoformat() if account.entries else None
    query = {**asked.days, "show": asked.show, "before": account.older, "until": until}
    return with_query(here, query) + "#timeline"
