"""Named places where a crash test kills or stops the process. Free when off: one comparison with None."""

import os
import signal
from typing import Final

RUNNER_AFTER_POLL: Final = "runner.after_poll"  # records are in hand, nothing is written
RUNNER_BEFORE_COMMIT: Final = "runner.before_commit"  # all is written, the transaction is open
RUNNER_AFTER_COMMIT: Final = "runner.after_commit"  # the transaction is done, the log knows nothing yet
RELAY_BEFORE_SEND: Final = "relay.before_send"  # outbox rows are in hand, nothing is sent
RELAY_AFTER_ACK: Final = "relay.after_ack"  # the log has the records, the rows are still there
EFFECTS_AFTER_SEND: Final = "effects.after_send"  # the receiver has answered, the row does not say so
ARCHIVE_AFTER_PUT: Final = "archive.after_put"  # the file is whole in its place, the offset does not say so
NAMES: Final = (
    RUNNER_AFTER_POLL,
    RUNNER_BEFORE_COMMIT,
    RUNNER_AFTER_COMMIT,
    RELAY_BEFORE_SEND,
    RELAY_AFTER_ACK,
    EFFECTS_AFTER_SEND,
    ARCHIVE_AFTER_PUT,
)


class _Armed:
    def __init__(self, name: str, hits: int, number: signal.Signals) -> None:
        if name not in NAMES:
            raise ValueError(f"KIZASHI_TEST_FAILPOINT names {name!r}; there are: {', '.join(NAMES)}")
        self.name = name
        self.left = hits
        self.signal = number


def _armed(text: str | None) -> _Armed | None:
    """`NAME[:HITS[:stop]]`: killed, or stopped as by SIGSTOP, at the hit of that number (1: the first)."""
    if not text:
        return None
    name, hits, how, *_ = [*text.split(":"), "", ""]
    return _Armed(name, int(hits or "1"), signal.SIGSTOP if how == "stop" else signal.SIGKILL)


_ARMED = _armed(os.environ.get("KIZASHI_TEST_FAILPOINT"))


def armed(name: str) -> bool:
    """Whether this failpoint is the one that is armed."""
    return _ARMED is not None and _ARMED.name == name


def hit(name: str) -> None:
    """Kill (or stop) this process if this failpoint is armed and it is its turn."""
    if _ARMED is None or _ARMED.name != name:
        return
    _ARMED.left -= 1
    if _ARMED.left == 0:
        os.kill(os.getpid(), _ARMED.signal)
