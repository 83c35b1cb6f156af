"""Webhooks go to real local servers, signed on the wall clock, and every end of an attempt is told apart."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from cskit.clock import Clocks, FrozenClock, RealClock, ScaledClock
from cskit.guard import GuardedTransport
from cskit.webhooks import SCHEDULE, WebhookSender, new_secret, next_attempt, sign

BODY = '{"type": "task.created", "data": {"name": "兆し"}}'.encode()
Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """A server of its own making: it answers what it is told and keeps what it got."""

    def __init__(self, answer: bytes | Handler) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.port = 0
        self.server_names: list[str | None] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)  # noqa: E501  # fmt: skip
            self.requests.append(head + await reader.readexactly(length))
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(self.requests[-1], writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def headers(self) -> dict[str, str]:
        lines = self.requests[-1].split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


@asynccontextmanager
async def serving(answer: bytes | Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers])
    return head.encode() + b"\r\n\r\n" + body


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(Clocks.real(), ["127.0.0.1", "localhost"], timeout=0.5)
    yield sender
    await sender.close()


async def test_a_receiver_verifies_the_signature_with_the_old_and_the_new_secret(sender: WebhookSender) -> None:
    old, new, other = new_secret(), new_secret(), new_secret()

    async with serving(answer("204 No Content")) as server:
        attempt = await sender.send(f"http://127.0.0.1:{server.port}/hook", [new, old], "msg_1", BODY)

    headers, body = server.headers(), server.requests[0].split(b"\r\n\r\n")[1]
    assert attempt.ok
    assert attempt.status == 204
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == "msg_1"
    assert body == BODY
    for secret in (old, new):
        assert Webhook(secret).verify(body, headers)["type"] == "task.created"
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)


async def test_signatures_are_made_on_the_wall_clock_while_the_world_is_scaled() -> None:
    wall = RealClock()
    clocks = Clocks(ScaledClock(3600, datetime(2020, 1, 1, tzinfo=UTC), wall), wall)
    sender = WebhookSender(clocks, ["127.0.0.1"])
    secret = new_secret()

    async with serving(answer("200 OK")) as server:
        await sender.send(f"http://127.0.0.1:{server.port}", [secret], "msg_1", BODY)
    await sender.close()

    Webhook(secret).verify(BODY, server.headers())


@pytest.mark.parametrize(
    ("reply", "status", "gone", "retry_after", "says"),
    [
        (answer("410 Gone"), 410, True, None, "410"),
        (answer("500 Oops"), 500, False, None, "500"),
        (answer("429 Slow", "Retry-After: 120"), 429, False, 120.0, "429"),
        (answer("503 Busy", "Retry-After: soon"), 503, False, None, "503"),
        (answer("503 Busy", "Retry-After: Mon, 01 Jan 99999999999999999999 00:00:00 GMT"), 503, False, None, "503"),
        (answer("503 Busy", "Retry-After: Mon, 01 Jan 0001 00:00:00 +2359"), 503, False, 0.0, "503"),
        (answer("503 Busy", "Retry-After: Mon, 01 Jan 2026 00:00:00 +9999"), 503, False, None, "503"),
        (answer("400 Bad", "Retry-After: 120"), 400, False, None, "400"),
        (answer("302 Found", "Location: http://127.0.0.1:1/"), 302, False, None, "redirects are not followed"),
    ],
)
async def test_an_answer_that_is_not_a_success_says_what_it_was(
    sender: WebhookSender, reply: bytes, status: int, gone: bool, retry_after: float | None, says: str
) -> None:
    async with serving(reply) as server:
        attempt = await sender.send(f"http://127.0.0.1:{server.port}/", [new_secret()], "msg_1", BODY)

    assert (attempt.status, attempt.ok, attempt.gone, attempt.retry_after) == (status, False, gone, retry_after)
    assert says in (attempt.error or "")
    assert len(server.requests) == 1


async def test_a_retry_after_date_is_read_on_the_wall_clock() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    sender = WebhookSender(Clocks(FrozenClock(now), FrozenClock(now)), ["127.0.0.1"])

    async with serving(answer("429 Slow", "Retry-After: Sun, 01 Mar 2026 00:01:30 GMT")) as server:
        attempt = await sender.send(f"http://127.0.0.1:{server.port}/", [new_secret()], "msg_1", BODY)
    await sender.close()

    assert attempt.retry_after == 90.0


async def test_an_error_that_nobody_foresaw_is_a_failed_attempt_and_says_its_type() -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise OverflowError("https://user:secret@receiver")

    sender = WebhookSender(Clocks.real(), transport=Broken())

    with structlog.testing.capture_logs() as logs:
        attempt = await sender.send("https://receiver.test/", [new_secret()], "msg_1", BODY)
        unsigned = await sender.send("https://receiver.test/", ["whsec_="], "msg_2", BODY)
    await sender.close()

    assert (attempt.status, attempt.ok, attempt.error) == (None, False, "The attempt broke off (OverflowError).")
    assert (unsigned.status, unsigned.ok) == (None, False)
    assert (logs[0]["event"], logs[0]["kind"], logs[0]["webhook_id"]) == ("webhook.broke_off", "OverflowError", "msg_1")
    assert "secret" not in repr(logs)


async def test_what_a_receiver_makes_an_error_say_can_be_stored() -> None:
    class Rude(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.RemoteProtocolError("bad\x00\ud800" + "x" * 100_000)

    sender = WebhookSender(Clocks.real(), transport=Rude())
    attempt = await sender.send("https://receiver.test/", [new_secret()], "msg_1", BODY)
    await sender.close()

    assert (attempt.error or "").startswith("bad  xxx")
    assert len(attempt.error or "") <= 1000


async def test_a_receiver_that_never_ends_is_cut_off_in_time(sender: WebhookSender) -> None:
    async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(drip) as server:
        attempt = await sender.send(f"http://127.0.0.1:{server.port}/", [new_secret()], "msg_1", BODY)

    assert (attempt.status, attempt.ok) == (None, False)
    assert attempt.error == "No answer within 0.5 seconds."
    assert attempt.seconds < 2


async def test_no_more_than_64_kilobytes_of_an_answer_are_read(sender: WebhookSender) -> None:
    async def flood(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"." * 65536)
            await writer.drain()

    async with serving(flood) as server:
        attempt = await sender.send(f"http://127.0.0.1:{server.port}/", [new_secret()], "msg_1", BODY)

    assert attempt.ok


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://10.255.255.1:1/",
        "ftp://127.0.0.1/",
        "not a url",
        "http://",
        "http://a.invalid/",
        "/x",
    ],
)
async def test_what_cannot_be_reached_is_a_sentence_and_not_an_exception(sender: WebhookSender, url: str) -> None:
    attempt = await sender.send(url, [new_secret()], "msg_1", BODY)

    assert (attempt.status, attempt.ok) == (None, False)
    assert attempt.error


async def test_a_private_address_is_not_connected_to_unless_it_is_allowed() -> None:
    sender = WebhookSender(Clocks.real())

    async with serving(answer("200 OK")) as server:
        attempts = [
            await sender.send(f"http://{host}:{server.port}/", [new_secret()], "m", BODY)
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433")
        ]
    await sender.close()

    assert not any(attempt.ok for attempt in attempts)
    assert "KIZASHI_WEBHOOK_ALLOW" in (attempts[0].error or "")
    assert server.requests == []


async def test_a_redirect_into_the_private_network_is_not_followed() -> None:
    async with serving(answer("200 OK")) as inside:
        reply = answer("307 Temporary", f"Location: http://127.0.0.1:{inside.port}/")
        async with serving(reply) as outside:
            sender = WebhookSender(Clocks.real(), [f"127.0.0.1:{outside.port}"])
            attempt = await sender.send(f"http://127.0.0.1:{outside.port}/", [new_secret()], "m", BODY)
            await sender.close()

    assert attempt.status == 307
    assert inside.requests == []


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for `name`, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday).not_valid_after(yesterday + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), ("other.example", False)])
async def test_tls_is_verified_and_named_for_the_host_though_the_address_was_pinned(
    tmp_path: Path, name: str, trusted: bool
) -> None:
    pem = certificate(tmp_path, name)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, server_name, _context: names.append(server_name)
    inner = httpx.AsyncHTTPTransport(verify=ssl.create_default_context(cafile=str(pem)), trust_env=False)
    sender = WebhookSender(Clocks.real(), transport=GuardedTransport(["localhost"], inner))

    async with serving(answer("200 OK"), tls) as server:
        attempt = await sender.send(f"https://localhost:{server.port}/", [new_secret()], "m", BODY)
    await sender.close()

    assert attempt.ok is trusted
    assert names == ["localhost"]
    if trusted:
        assert server.headers()["host"] == f"localhost:{server.port}"
    else:
        assert "certificate" in (attempt.error or "")


def test_a_secret_is_32_random_bytes_behind_its_prefix() -> None:
    assert new_secret().startswith("whsec_")
    assert len({new_secret() for _ in range(20)}) == 20


def test_signing_needs_a_secret_and_a_time_with_a_zone() -> None:
    tokyo = datetime.fromisoformat("2026-03-01T09:00:00+09:00")

    assert sign([new_secret()], "m", tokyo, b"{}")["webhook-timestamp"] == "1772323200"
    with pytest.raises(ValueError):
        sign([], "m", tokyo, b"{}")
    with pytest.raises(ValueError):
        sign([new_secret()], "m", datetime(2026, 3, 1), b"{}")  # noqa: DTZ001


def test_the_schedule_is_the_one_of_standard_webhooks() -> None:
    hours = [wait.total_seconds() for wait in SCHEDULE]

    assert hours == [0, 5, 300, 1800, 7200, 18000, 36000, 36000]
    assert next_attempt(len(SCHEDULE), None, 0.0) is None
    assert next_attempt(1, 60.0, 0.0) == timedelta(seconds=60)
    assert next_attempt(2, 60.0, 0.0) == timedelta(minutes=5)


@given(st.integers(0, 7), st.none() | st.floats(0, 1e12), st.floats(-5, 5))
def test_a_wait_is_within_a_fifth_of_the_schedule_or_what_was_asked_up_to_a_day(
    attempt: int, asked: float | None, jitter: float
) -> None:
    wait = next_attempt(attempt, asked, jitter)

    assert wait is not None
    assert wait >= SCHEDULE[attempt] * 0.799
    assert wait <= max(SCHEDULE[attempt] * 1.201, timedelta(seconds=min(asked or 0, 86400)))
