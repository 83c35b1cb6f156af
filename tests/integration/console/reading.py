"""Reading pages as people and browsers do."""

import re
from html.parser import HTMLParser

_ALONE = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """The text that is shown, the links, and the forms with their fields."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "a":
            self.links.append(found.get("href", ""))
        if tag == "form":
            self.forms.append({"action": found.get("action", "")})
        if tag in ("input", "select", "button") and self.forms and "name" in found:
            self.forms[-1].setdefault(found["name"], found.get("value", ""))
        if tag not in _ALONE:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            self.words.append(data)

    @property
    def text(self) -> str:
        """The text, with single spaces."""
        return re.sub(r"[ \t\n]+", " ", "".join(self.words))

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form that sends there."""
        (found,) = [form for form in self.forms if form["action"] == action]
        return {name: value for name, value in found.items() if name != "action"}
