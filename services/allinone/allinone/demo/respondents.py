"""People who answer a survey as people do: the link, the page, the form."""

import asyncio
import time
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urljoin

import httpx

from allinone.demo.registration import SURVEY
from allinone.demo.tally import NotDone, checked

_KNOWN_WITHIN: Final = 10.0  # seconds
_LOOK_EVERY: Final = 0.2


class Respondents:
    """`browser` has no key: whoever has the link may answer. `people` are the ids of the directory by user."""

    def __init__(self, admin: httpx.AsyncClient, browser: httpx.AsyncClient, people: dict[str, str]) -> None:
        self._admin = admin
        self._browser = browser
        self._people = people

    async def answer(self, account: str, user: str, score: int) -> None:
        """Be invited, open the page, choose the score and send the form. Raises NotDone, httpx.HTTPError."""
        body = {"account": account, "person": await self._person(user)}
        invited = checked(await self._admin.post(f"/v1/surveys/{SURVEY}/invitations", json=body)).json()
        page = checked(await self._browser.get(invited["url"]))
        form = Form(page.text)
        if str(score) not in form.choices.get("score", ()):
            raise NotDone(f"The page offers no score {score}.")
        target = urljoin(str(page.url), form.action)
        checked(await self._browser.post(target, data={**form.hidden, "score": str(score)}))

    async def _person(self, user: str) -> str:
        """Their id in the directory. What makes somebody new known may still be on its way from the product."""
        deadline = time.monotonic() + _KNOWN_WITHIN
        while user not in self._people:
            found = checked(await self._admin.get("/v1/people", params={"user": user})).json()["items"]
            if found:
                self._people[user] = found[0]["id"]
            elif time.monotonic() > deadline:
                raise NotDone(f"The user {user} is not in the people directory.")
            else:
                await asyncio.sleep(_LOOK_EVERY)
        return self._people[user]


class Form(HTMLParser):
    """The first form of a page: where it goes, its hidden fields, and what can be chosen."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = said.get("action", "")
        elif tag == "input" and said.get("type") == "hidden":
            self.hidden[said["name"]] = said.get("value", "")
        elif tag == "input" and said.get("type") == "radio":
            self.choices.setdefault(said["name"], []).append(said.get("value", ""))
