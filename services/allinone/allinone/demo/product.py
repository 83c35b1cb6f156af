"""The customers' product: its backend speaks through the unmodified Segment SDK, which sends from its own thread."""

import asyncio
import os
import time
from typing import Any, Final

from segment.analytics.client import Client

from allinone.demo.tally import Tally

UPLOAD_INTERVAL: Final = 0.05  # seconds that the SDK waits for more before it sends
_RETRIES: Final = 3
_STOP_WITHIN: Final = 1.5  # seconds


class Product:
    """Calls return at once. What could not be sent is counted as failed; `waiting` calls have not been sent yet."""

    def __init__(self, url: str, key: str, tally: Tally) -> None:
        self._tally = tally
        # The SDK obeys a proxy of the environment, also for this very machine.
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
        sdk: Any = Client  # it has no types
        self._client = sdk(
            key,
            host=url,
            gzip=True,
            upload_interval=UPLOAD_INTERVAL,
            max_retries=_RETRIES,
            timeout=10,
            on_error=self._on_error,
        )

    @property
    def waiting(self) -> int:
        """Calls that have not been answered yet."""
        return int(self._client.queue.unfinished_tasks)

    def track(self, account: str, user: str, event: str, properties: dict[str, Any]) -> None:
        """Somebody used a feature just now."""
        self._count("track", self._client.track(user, event, properties, context={"groupId": account}))

    def identify(self, user: str, traits: dict[str, Any]) -> None:
        """Who somebody is."""
        self._count("identify", self._client.identify(user, traits))

    def group(self, account: str, user: str, traits: dict[str, Any]) -> None:
        """Where somebody belongs, and what that account is."""
        self._count("group", self._client.group(user, account, traits))

    async def close(self) -> None:
        """Send what waits, for a moment at most; the rest is counted as failed."""
        deadline = time.monotonic() + _STOP_WITHIN
        while self.waiting and time.monotonic() < deadline:  # noqa: ASYNC110  the SDK offers no event for this
            await asyncio.sleep(0.02)
        for consumer in self._client.consumers:
            consumer.pause()  # ends its thread after the batch in hand; the SDK's own exit handler joins it
        if left := self.waiting:
            self._tally.fail("track", "the demo has ended before the SDK could send them", left)

    def _count(self, kind: str, queued: tuple[bool, object]) -> None:
        if queued[0]:
            self._tally.done[kind] += 1
        else:
            self._tally.fail(kind, "the SDK's queue is full: the machine cannot keep up with this speed")

    def _on_error(self, error: Exception, batch: list[object]) -> None:
        self._tally.fail("track", str(error), len(batch))
