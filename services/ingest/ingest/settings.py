"""What ingest does not let an operator change: conventions of the clients, and sizes chosen once."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MAX_BATCH_BYTES: Final = 500 * 1024  # unpacked; Segment's convention, and so is the next one
MAX_EVENT_BYTES: Final = 32 * 1024
MAX_EVENTS: Final = 10_000  # in one request of /v1/events
MAX_EVENTS_BYTES: Final = 10 * 1024 * 1024  # of such a request, packed and unpacked
BODY_BYTES: Final = 4 * 1024 * 1024  # up to here a batch that is too large is told so by 400; beyond by 413
MAX_TEXT: Final = 100_000  # characters
REPEATS_SAFE_FOR: Final = timedelta(hours=72)  # of the world clock: as long as the log's readers drop a repeat at least

# The sources of events made inside: an event of a client under such a name could pass for one of these, and take its
# place. "service" and "operator" are the sources of the keys that are in no key file.
RESERVED_SOURCES: Final = frozenset({"ingest", "scoring", "survey", "playbook", "console", "service", "operator"})


@dataclass(frozen=True, slots=True)
class CacheSize:
    """How many users are held in memory, and for how long what another replica wrote may go unseen.

    For so long an event of a user whom that replica has moved is told to the account before; after it, every event of
    a time since the move goes to the new account. A repeat of a batch with the move itself always reads the database.
    """

    users: int = 200_000
    trusted_for: timedelta = timedelta(seconds=5)
