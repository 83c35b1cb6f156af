"""Webhooks out, as Standard Webhooks: signed on the wall clock, guarded, one attempt at a time."""

import asyncio
import base64
import secrets
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
from standardwebhooks import Webhook

from cskit.clock import Clocks
from cskit.guard import GuardedTransport
from cskit.observability import current_traceparent, get_logger

log = get_logger()

TIMEOUT: Final = 20.0  # seconds for the whole attempt
MAX_ANSWER: Final = 64 * 1024  # bytes of the receiver's answer that are read
SCHEDULE: Final = tuple(
    timedelta(seconds=seconds) for seconds in (0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
)  # before attempt 0, 1, ...; each with up to 20 % of jitter
JITTER: Final = 0.2
LONGEST_ERROR: Final = 1000  # characters
LONGEST_WAIT: Final = timedelta(hours=24)  # of a Retry-After that is honoured
_THROTTLED: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Attempt:
    """How one attempt ended. `status` is None without an answer, and `error` then says why in a sentence."""

    status: int | None
    ok: bool  # 2xx
    gone: bool  # 410: the endpoint wants no more
    retry_after: float | None  # seconds the receiver asked for, or None
    error: str | None
    seconds: float  # of the wall


def new_secret() -> str:
    """A secret for one endpoint: `whsec_` and 32 random bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def sign(secret_texts: Sequence[str], webhook_id: str, timestamp: datetime, body: bytes) -> dict[str, str]:
    """The three headers; one signature for each secret, so that a receiver may hold the old or the new one.

    ValueError if there is no secret, or the timestamp has no zone.
    """
    if not secret_texts or timestamp.tzinfo is None:
        raise ValueError("a webhook is signed with at least one secret, at a time that has a zone")
    at = timestamp.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(webhook_id, at, text) for secret in secret_texts),
    }


def next_attempt(attempt: int, retry_after: float | None, jitter: float) -> timedelta | None:
    """How long to wait before attempt number `attempt` (0 is the first), or None when there are no more.

    `jitter` in -1..1 moves it by up to 20 %. A Retry-After longer than that wins, up to a day.
    """
    if attempt >= len(SCHEDULE):
        return None
    wait = SCHEDULE[attempt] * (1 + JITTER * max(-1.0, min(1.0, jitter)))
    asked = min(timedelta(seconds=min(retry_after or 0.0, 1e6)), LONGEST_WAIT)
    return max(wait, asked)


class WebhookSender:
    """Sends to addresses that users entered. Never raises for what a receiver does; keeps connections open."""

    def __init__(
        self,
        clocks: Clocks,
        allow: Sequence[str] = (),
        *,
        timeout: float = TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clocks = clocks
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            transport=transport or GuardedTransport(allow),
            timeout=timeout,
            follow_redirects=False,
            trust_env=False,
            headers={"user-agent": "Kizashi-Webhooks/1"},
        )

    async def send(
        self,
        url: str,
        secret_texts: Sequence[str],
        webhook_id: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
    ) -> Attempt:
        """One signed POST of `body` (JSON, UTF-8). `webhook_id` is the same in every attempt and replay."""
        started = time.monotonic()
        try:
            return await self._attempt(url, secret_texts, webhook_id, body, headers or {}, started)
        except Exception as error:  # noqa: BLE001  one receiver, or one secret, never stops what goes to the others
            kind = type(error).__name__  # without its text, which may hold the address
            at = traceback.extract_tb(error.__traceback__)[-1]
            log.error("webhook.broke_off", webhook_id=webhook_id, kind=kind, at=f"{at.filename}:{at.lineno}")
            return _failed(f"The attempt broke off ({kind}).", started)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _attempt(
        self,
        url: str,
        secret_texts: Sequence[str],
        webhook_id: str,
        body: bytes,
        headers: Mapping[str, str],
        started: float,
    ) -> Attempt:
        signed = sign(secret_texts, webhook_id, self._clocks.wall.now(), body)
        trace = current_traceparent()
        traced = {"traceparent": trace} if trace else {}
        sent = {**headers, "content-type": "application/json", **traced, **signed}
        try:
            async with asyncio.timeout(self._timeout):
                status, answered = await self._post(url, sent, body)
        except (TimeoutError, httpx.TimeoutException):
            return _failed(f"No answer within {self._timeout:g} seconds.", started)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            return _failed(str(error) or type(error).__name__, started)
        ok = 200 <= status < 300
        return Attempt(
            status=status,
            ok=ok,
            gone=status == 410,
            retry_after=_retry_after(answered, self._clocks.wall.now()) if status in _THROTTLED else None,
            error=None if ok else _meaning(status),
            seconds=time.monotonic() - started,
        )

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, httpx.Headers]:
        async with self._client.stream("POST", url, content=body, headers=headers) as response:
            read = 0
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read >= MAX_ANSWER:
                    break
            return response.status_code, response.headers


def _failed(reason: str, started: float) -> Attempt:
    """`reason` may quote the receiver: it is cut, and without what no database takes."""
    error = "".join(letter if letter.isprintable() else " " for letter in reason[:LONGEST_ERROR])
    return Attempt(None, ok=False, gone=False, retry_after=None, error=error, seconds=time.monotonic() - started)


def _meaning(status: int) -> str:
    if 300 <= status < 400:
        return f"The receiver answered {status}; redirects are not followed. Enter the address it points to."
    if status == 410:
        return "The receiver answered 410 Gone: it wants no more of these."
    return f"The receiver answered {status}."


def _retry_after(headers: httpx.Headers, now: datetime) -> float | None:
    """Seconds of a Retry-After header, a number or a date; None if there is none that can be read."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None
