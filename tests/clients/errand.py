"""What a driver is asked to do, and how it tells what it has done.

Each line of a driver's input is a number: so many events it hands to its client, those before included, then it reads
on. It prints the id of each as it does so. At the end of its input it ends: with status 0 only if the client says that
all was delivered. Event n is of account `NAME-m` and of its user `user-m`, with m = n modulo 5.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

ACCOUNTS = 5
EVENT = "report.exported"


@dataclass(frozen=True, slots=True)
class Errand:
    """Where to send, as whom, and how many seconds to rest after each event."""

    url: str
    key: str
    name: str
    pause: float

    @property
    def members(self) -> list[tuple[str, str]]:
        """Each user with the account that they belong to."""
        return [(f"user-{place}", f"{self.name}-{place}") for place in range(ACCOUNTS)]

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """The id, user and account of each event, as many as are asked for."""
        members = self.members
        done = 0
        for line in sys.stdin:
            for number in range(done, done := int(line)):
                event_id = str(uuid4())
                print(event_id, flush=True)
                yield (event_id, *members[number % ACCOUNTS])
                time.sleep(self.pause)


def errand() -> Errand:
    """The errand that the command line tells."""
    parser = argparse.ArgumentParser()
    for word, kind in (("url", str), ("key", str), ("name", str), ("pause", float)):
        parser.add_argument(word, type=kind)
    return Errand(**vars(parser.parse_args()))


def ended(errors: list[Any]) -> None:
    """End the driver, with what the client said went wrong."""
    for error in errors:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.exit(1 if errors else 0)
