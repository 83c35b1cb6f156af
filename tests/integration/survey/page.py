"""A page as a browser takes it apart."""

from html.parser import HTMLParser
from typing import Final

VOID: Final = frozenset({"meta", "input", "br", "!doctype"})


class Page(HTMLParser):
    """A page's tags with their attributes; raises AssertionError if they do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(html)
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def language(self) -> str | None:
        return self.all("html")[0]["lang"]

    @property
    def checked(self) -> list[str | None]:
        return [each["value"] for each in self.all("input") if "checked" in each]
