"""What was done in the demo, and what failed: counted for the summary, logged when it happens."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from cskit.observability import get_logger

log = get_logger()


class NotDone(Exception):
    """The server said no; the text is its own."""


@dataclass(slots=True)
class Tally:
    """How often each kind of act was done, and failed."""

    done: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def counting(self, kind: str, count: int = 1) -> Iterator[None]:
        """Count what the block does as done. What the server refused, or did not answer, is logged and counted."""
        with self.watching(kind, count) as failed:
            yield
        if not failed:
            self.done[kind] += count

    @contextmanager
    def watching(self, kind: str, count: int = 1) -> Iterator[list[Exception]]:
        """Count only what fails in the block; the yielded list then holds why."""
        failed: list[Exception] = []
        try:
            yield failed
        except (httpx.HTTPError, NotDone) as error:
            failed.append(error)
            self.fail(kind, str(error) or type(error).__name__, count)

    def fail(self, kind: str, reason: str, count: int = 1) -> None:
        """Count and log what was not done."""
        self.failed[kind] += count
        log.warning("demo.failed", act=kind, count=count, reason=reason)


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer. NotDone with what the server said unless it is a success or a redirect."""
    if not answer.is_error:
        return answer
    try:
        said = answer.json()
    except ValueError:
        said = None
    message = said.get("message") if isinstance(said, dict) else None
    raise NotDone(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {message or ''}".strip())
