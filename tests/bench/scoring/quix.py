"""Quix Streams counts the usage of 28 days per account: stateful apply, RocksDB with its changelog, at least once.

It runs in an environment of its own (it needs an older pydantic): python quix.py BOOTSTRAP TOPIC GROUP EVENTS FOLDER.
An account begins with 27 days of counts, as if it had been there all the time. Nothing is produced but the changelog,
and nothing is kept of duplicates. One line of JSON at the end.
"""

import json
import resource
import sys
import time
from pathlib import Path

from quixstreams import Application
from quixstreams.state import State

_DAYS = 28
_WARM = [3] * (_DAYS - 1)


def day_of(text: str) -> int:
    """Days since 1970 of an RFC 3339 time in UTC; the last one is at hand."""
    day = text[:10]
    if day not in _known:
        _known[day] = int(time.mktime(time.strptime(day + " UTC", "%Y-%m-%d %Z")) // 86_400)
    return _known[day]


_known: dict[str, int] = {}


def main(bootstrap: str, topic: str, group: str, events: int, folder: Path) -> None:
    application = Application(
        broker_address=bootstrap,
        consumer_group=group,
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
        processing_guarantee="at-least-once",
    )
    seen = 0
    warm_at = warm_cpu = 0.0
    early = events // 20

    def count(value: dict, state: State) -> int:
        nonlocal seen, warm_at, warm_cpu
        seen += 1
        if seen == early:
            warm_at, warm_cpu = time.perf_counter(), time.process_time()
        total = 0
        if value["type"] == "usage.tracked":
            today = day_of(value["time"])
            kept = state.get("counts")
            days = kept or [today, *_WARM, 0]
            if today > days[0]:
                passed = min(today - days[0], _DAYS)
                days = [today, *days[1 + passed :], *([0] * passed)]
            days[-1 - max(0, days[0] - today)] += value["data"].get("count", 1)
            state.set("counts", days)
            total = sum(days[1:])
        if seen == events:
            application.stop()
        return total

    frame = application.dataframe(application.topic(topic, value_deserializer="json", key_deserializer="str"))
    frame.apply(count, stateful=True)
    application.run(frame)  # it ends with a checkpoint: what was counted is as safe as ours then
    done_at, done_cpu = time.perf_counter(), time.process_time()
    if seen < events:
        raise SystemExit(f"Quix Streams stopped after {seen} of {events} events")
    stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    measured = {
        "events_per_s": (events - early) / (done_at - warm_at),
        "cpu_us": (done_cpu - warm_cpu) / (events - early) * 1e6,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "state_bytes": stored,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), Path(sys.argv[5]))
