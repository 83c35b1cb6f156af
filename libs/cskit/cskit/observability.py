"""Logs, metrics and trace context. Metrics are listed here and nowhere else."""

import logging
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

import structlog
from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_AGES: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)

# fmt: off
HTTP_REQUESTS: Final = Counter("kizashi_http_requests_total", "Requests answered", ("service", "method", "route", "status"))  # noqa: E501
HTTP_SECONDS: Final = Histogram("kizashi_http_request_seconds", "From the request's first byte to the answer's last", ("service", "method", "route"), buckets=_SECONDS)  # noqa: E501
RUNNER_EVENTS: Final = Counter("kizashi_runner_events_total", "Records folded and committed", ("group", "topic"))
RUNNER_DUPLICATES: Final = Counter("kizashi_runner_duplicates_total", "Records dropped as repeats", ("group", "topic"))
RUNNER_BATCH_SECONDS: Final = Histogram("kizashi_runner_batch_seconds", "One batch, from poll to commit", ("group",), buckets=_SECONDS)  # noqa: E501
RUNNER_AGE: Final = Histogram("kizashi_runner_age_seconds", "From the append of a batch's oldest record to the batch's commit", ("group",), buckets=_AGES)  # noqa: E501
RUNNER_LAG: Final = Gauge("kizashi_runner_lag_records", "Records between the committed offset and the log's end", ("group", "topic", "partition"))  # noqa: E501
RUNNER_CLAIMS: Final = Counter("kizashi_runner_claims_total", "Partitions claimed", ("group", "topic"))
RUNNER_FENCED: Final = Counter("kizashi_runner_fenced_total", "Batches rolled back because another owns the partition", ("group",))  # noqa: E501
RUNNER_RETRIES: Final = Counter("kizashi_runner_retries_total", "Batches that a handler asked to repeat", ("group",))
DEAD_LETTERS: Final = Counter("kizashi_dead_letters_total", "Records put aside as poison", ("group", "reason"))
ACCOUNT_DEFECTS: Final = Counter("kizashi_account_defects_total", "Accounts to which an hour or a scorecard could not be told: a defect")  # noqa: E501
RELAY_ROWS: Final = Counter("kizashi_relay_rows_total", "Outbox rows acknowledged by the log", ("service", "topic"))
RELAY_PENDING: Final = Gauge("kizashi_relay_pending_rows", "Outbox rows not sent yet, of all replicas", ("service",))
RELAY_FAILURES: Final = Counter("kizashi_relay_failures_total", "Lots of outbox rows that the log did not take", ("service", "topic", "partition"))  # noqa: E501
RELAY_SECONDS: Final = Histogram("kizashi_relay_batch_seconds", "One relay batch, from claim to delete", ("service",), buckets=_SECONDS)  # noqa: E501
EFFECTS: Final = Counter("kizashi_effects_total", "Attempts at an effect", ("kind", "outcome"))  # outcome: done, retry, failed, ambiguous  # noqa: E501
EFFECT_SECONDS: Final = Histogram("kizashi_effect_seconds", "One attempt at an effect", ("kind",), buckets=_SECONDS)
WEBHOOK_FAILING_SINCE: Final = Gauge("kizashi_webhook_failing_since_seconds", "Since when the active webhook endpoint that has failed longest fails, in seconds since 1970; 0: none fails")  # noqa: E501
TIMERS_FIRED: Final = Counter("kizashi_timers_fired_total", "Timers that came due", ("service",))
TIMER_DEFECTS: Final = Counter("kizashi_timer_defects_total", "Timers put aside until the next start, since the code fails for them")  # noqa: E501
INGEST_INFLIGHT: Final = Gauge("kizashi_ingest_inflight_bytes", "Bytes of events between their arrival and the log's answer")  # noqa: E501
SOURCE_ITEMS: Final = Counter("kizashi_source_items_total", "Items that came in from a source, by what became of them", ("source", "status"))  # noqa: E501
SOURCE_LAST_EVENT: Final = Gauge("kizashi_source_last_event_seconds", "When a source's newest accepted event came in, in seconds since 1970", ("source",))  # noqa: E501
TICKED: Final = Gauge("kizashi_ticked_hour_seconds", "The latest hour that every partition was told, in seconds since 1970")  # noqa: E501
FEED_STOPPED: Final = Gauge("kizashi_feed_stopped", "1 while a family of events stands still, else 0", ("family",))
CONDITION_ERRORS: Final = Counter("kizashi_condition_errors_total", "Conditions that failed on a value, and counted as false")  # noqa: E501
ARCHIVE_RECORDS: Final = Counter("kizashi_archive_records_total", "Records written to the archive and committed")
ARCHIVE_WAITING: Final = Gauge("kizashi_archive_waiting_seconds", "How long ago the oldest record was appended that is not archived yet", ("partition",))  # noqa: E501
# fmt: on

_SECRET_NAMES: Final = re.compile(
    r"(^|_)(key|secret|token|password|authorization|cookie|signature|database_url|smtp_url)s?$"
)
_HIDDEN: Final = "[hidden]"
_TRACEPARENT: Final = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")

# Without the local variables, which hold keys and names.
_TRACEBACKS: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def get_logger() -> Any:
    """The logger: `log.info("webhook.delivered", run_id=..., attempt=2)`. Bound to its configuration at first use."""
    return structlog.get_logger()


def configure_logging(*, level: str = "INFO", terminal: bool | None = None) -> None:
    """Send logs to stderr: JSON lines, or for people if `terminal` (None: whether stderr is one)."""
    people = sys.stderr.isatty() if terminal is None else terminal
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _with_trace,
        hide_secrets,
    ]
    ends: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if people
        else [_TRACEBACKS, structlog.processors.JSONRenderer(default=str)]
    )
    structlog.configure(
        processors=[*shared, *ends],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[
        structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ends,
    ]))  # fmt: skip
    handler.addFilter(_Throttle("aiokafka", seconds=30.0))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")


class _Throttle(logging.Filter):
    """Lets the same complaint of one library through once in a while: aiokafka writes dozens a second in an outage."""

    def __init__(self, library: str, seconds: float) -> None:
        super().__init__()
        self._library = library
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(self._library):
            return True
        if record.created - self._last.get(str(record.msg), 0.0) < self._seconds:
            return False
        self._last[str(record.msg)] = record.created
        return True


def hide_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field, at any depth, whose name is that of a secret."""
    return {name: _hidden(name, value) for name, value in event.items()}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAMES.search(name.lower().replace("-", "_")) is not None


def _hidden(name: object, value: Any) -> Any:
    if isinstance(name, str) and _is_secret(name):
        return _HIDDEN
    if isinstance(value, Mapping):
        return {inner: _hidden(inner, one) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", one) for one in value]
    return value


def _with_trace(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    current = _traceparent.get()
    if current is not None:
        event.setdefault("trace_id", current[3:35])
    return event


def new_traceparent() -> str:
    """A W3C traceparent of a new, sampled trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def is_traceparent(text: str) -> bool:
    """Whether this is a valid W3C traceparent."""
    return _TRACEPARENT.fullmatch(text) is not None


def child_of(header: str | None) -> str:
    """A traceparent in the same trace with a span of its own; of a new trace if `header` is absent or invalid."""
    if header is None or not is_traceparent(header):
        return new_traceparent()
    return f"00-{header[3:35]}-{secrets.token_hex(8)}-{header[53:55]}"


def current_traceparent() -> str | None:
    """The traceparent that messages and calls made here should carry."""
    return _traceparent.get()


@contextmanager
def bind_traceparent(header: str | None) -> Iterator[str]:
    """Work inside the trace of `header`: a child of it is current within, and is yielded."""
    child = child_of(header)
    token = _traceparent.set(child)
    try:
        yield child
    finally:
        _traceparent.reset(token)
