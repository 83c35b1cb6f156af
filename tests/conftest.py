"""What ran on which engine, said at the end; and no engine missing where KIZASHI_TEST_REQUIRE asks for it."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import structlog
from _pytest.reports import TestReport
from _pytest.terminal import TerminalReporter
from hypothesis import HealthCheck, settings
from tests.running import browser, node, stores

_ENGINES = {"kafka": "KIZASHI_TEST_KAFKA", "postgres": "KIZASHI_TEST_DATABASE_URL"}
_FETCHED = {"node": node, "s3": stores}
_NAMES = {
    "kafka": "Apache Kafka",
    "postgres": "PostgreSQL",
    "chromium": "Chromium",
    "node": "Node.js",
    "s3": "S3 store",
}

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    # structlog draws the locals of every frame by default: seconds on a busy machine, in the middle of what is tested
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    wanted = [name.strip() for name in os.environ.get("KIZASHI_TEST_REQUIRE", "").split(",") if name.strip()]
    unknown = [name for name in wanted if name not in _NAMES]
    if unknown:
        raise pytest.UsageError(f"KIZASHI_TEST_REQUIRE names {unknown[0]!r}; there are: {', '.join(_NAMES)}.")
    for name in wanted:
        if (why := _why_missing(name)) is not None:
            raise pytest.UsageError(f"KIZASHI_TEST_REQUIRE asks for {name}, but it could not be started: {why}")


def _why_missing(name: str) -> str | None:
    if name == "chromium":
        return browser.MISSING
    if name in _FETCHED:
        return _why_not_fetched(_FETCHED[name])
    return None if os.environ.get(_ENGINES[name]) else _why(name)


def _why_not_fetched(what: ModuleType) -> str | None:
    try:
        what.prepare()
    except what.Missing as reason:
        return str(reason)
    return None


def _why(name: str) -> str:
    variable = {"kafka": "KIZASHI_TEST_KAFKA_MISSING", "postgres": "KIZASHI_TEST_DATABASE_MISSING"}[name]
    return os.environ.get(variable) or f"{_ENGINES[name]} is not set; `make test` starts it."


def _engine(report: TestReport) -> str:
    marks = [told for name, told in _NAMES.items() if name in report.keywords]
    return " and ".join(marks) or "embedded (SQLite)"


def _area(report: TestReport) -> str:
    parts = report.nodeid.split("/")
    return parts[1] if len(parts) > 2 else "tests"


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    if hasattr(terminalreporter.config, "workerinput"):
        return  # the controller counts for its workers
    counts: Counter[tuple[str, str, str]] = Counter()
    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for report in terminalreporter.stats.get(outcome, []):
            if isinstance(report, TestReport):
                counts[_area(report), _engine(report), outcome] += 1
                if outcome == "skipped" and isinstance(report.longrepr, tuple):
                    counts["", _engine(report), report.longrepr[2].removeprefix("Skipped: ")] += 1
    _add_earlier(counts)
    for line in _table(counts):
        terminalreporter.write_line(line)


def _add_earlier(counts: Counter[tuple[str, str, str]]) -> None:
    """`make test` runs pytest twice: the second table holds both."""
    path = os.environ.get("KIZASHI_TEST_TABLE")
    if not path:
        return
    table = Path(path)
    if table.exists():
        counts.update({tuple(key): count for key, count in json.loads(table.read_text())})
    table.write_text(json.dumps([[list(key), count] for key, count in counts.items()]))


def _table(counts: Counter[tuple[str, str, str]]) -> list[str]:
    rows = sorted({(area, engine) for area, engine, _ in counts if area})
    if not rows:
        return []
    lines = ["", f"{'tests':<14}{'engine':<40}{'passed':>8}{'failed':>8}{'skipped':>9}"]
    for area, engine in rows:
        failed = counts[area, engine, "failed"] + counts[area, engine, "error"] + counts[area, engine, "xpassed"]
        skipped = counts[area, engine, "skipped"] + counts[area, engine, "xfailed"]
        lines.append(f"{area:<14}{engine:<40}{counts[area, engine, 'passed']:>8}{failed:>8}{skipped:>9}")
    for area, engine, reason in sorted(counts):
        if not area:
            lines.append(f"could not run: {counts[area, engine, reason]} on {engine}: {reason}")
    return [*lines, ""]


@pytest.fixture(scope="session")
def store_that_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Store]:
    """One S3-compatible store for all tests of a process that ask for it; skips where there can be none."""
    try:
        with stores.running_store(tmp_path_factory.mktemp("s3")) as store:
            yield store
    except stores.Missing as reason:
        pytest.skip(f"no S3-compatible store: {reason}")


@pytest.fixture
def store(store_that_runs: stores.Store) -> Iterator[stores.Store]:
    """A store that answers at the beginning of the test, whatever the one before did to it."""
    yield store_that_runs
    store_that_runs.start()
