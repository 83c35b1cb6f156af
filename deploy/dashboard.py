"""The Grafana dashboard: rows of panels, as deploy/grafana/kizashi.json. `make docs` writes it."""

import json
from dataclasses import dataclass
from typing import Any

_PER_ROW = 3
_WIDTH, _HEIGHT = 24 // _PER_ROW, 7
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}

# A stream lasts as long as somebody listens, and says nothing of how soon a request is answered.
_ANSWERS = 'route!~"/healthz|/readyz|/metrics|.*/stream"'


@dataclass(frozen=True)
class Panel:
    """Curves over time. `curves` is legend -> PromQL; `unit` is one of Grafana's; `about` says how to read it."""

    title: str
    unit: str
    curves: dict[str, str]
    about: str = ""


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def _quantiles(histogram: str, by: str, labels: str = "") -> dict[str, str]:
    buckets = f"sum by ({by}, le) (rate({histogram}_bucket{{{labels}}}[$__rate_interval]))"
    return {f"{{{{{by}}}}} {name}": f"histogram_quantile({q}, {buckets})" for name, q in (("p50", 0.5), ("p99", 0.99))}


def _topmost(expression: str) -> str:
    return f"topk(10, {expression})"


_LAG = "sum by (group, topic) (kizashi_runner_lag_records)"
_HANDLED = _rate("kizashi_runner_events_total", "group, topic")
_READ = "count by (group, topic) (count by (group, topic, partition) (kizashi_runner_lag_records))"
_FAILED = 'kizashi_http_requests_total{status=~"5..", route!="/readyz"}'
_SECONDS_BY_ROUTE = _rate(f"kizashi_http_request_seconds_bucket{{{_ANSWERS}}}", "service, route, le")
_INSTANCE = "{{component}} {{instance}}"
_CPU = 'rate(process_cpu_seconds_total{job="kizashi"}[$__rate_interval])'

ROWS: dict[str, list[Panel]] = {
    "The road of an event": [
        Panel(
            "Items that came in",
            "ops",
            {"{{status}}": _rate("kizashi_source_items_total", "status")},
            "waiting: in quarantine, until the person's account is known. duplicate: sent again.",
        ),
        Panel(
            "Refused, by source",
            "ops",
            {"{{source}}": _topmost(_rate('kizashi_source_items_total{status="refused"}', "source"))},
        ),
        Panel(
            "Bytes between arrival and the log's answer",
            "bytes",
            {"{{instance}}": "sum by (instance) (kizashi_ingest_inflight_bytes)"},
        ),
        Panel("Records handled", "ops", {"{{group}} {{topic}}": _HANDLED}),
        Panel(
            "Records that wait (lag)",
            "short",
            {"{{group}} {{topic}}": _LAG},
            "From the committed offset to the log's end. A group without a curve has no reader.",
        ),
        Panel(
            "From the log's append to the commit",
            "s",
            _quantiles("kizashi_runner_age_seconds", "group", 'group!="scoring-shadow"'),
            "Of the oldest record of each batch. Group scoring: how late an event is in its score.",
        ),
        Panel(
            "Until what waits is handled",
            "s",
            {"{{group}} {{topic}}": f"{_LAG} / ({_HANDLED} > 0)"},
            "Lag by records handled a second.",
        ),
        Panel(
            "One batch, from poll to commit",
            "s",
            _quantiles("kizashi_runner_batch_seconds", "group"),
        ),
        Panel(
            "Batches rolled back, and repeats dropped",
            "ops",
            {
                "{{group}} fenced": _rate("kizashi_runner_fenced_total", "group"),
                "{{group}} to be repeated": _rate("kizashi_runner_retries_total", "group"),
                "{{group}} repeats": _rate("kizashi_runner_duplicates_total", "group"),
            },
            "Repeats are usual where senders try again.",
        ),
        Panel(
            "Partitions that are read",
            "short",
            {"{{group}} {{topic}}": _READ},
            "Sixteen of each topic, but for seconds after a replica has come or gone.",
        ),
    ],
    "Reading": [
        Panel("Requests", "reqps", {"{{service}}": _rate(f"kizashi_http_requests_total{{{_ANSWERS}}}", "service")}),
        Panel("Time to answer", "s", _quantiles("kizashi_http_request_seconds", "service", _ANSWERS)),
        Panel(
            "Failures",
            "reqps",
            {"{{service}} {{status}}": _rate(_FAILED, "service, status")},
            "503: the log, the database or another service is away. 500: a defect.",
        ),
        Panel(
            "The slowest routes (p99)",
            "s",
            {"{{service}} {{route}}": _topmost(f"histogram_quantile(0.99, {_SECONDS_BY_ROUTE})")},
        ),
        Panel(
            "Refused requests",
            "reqps",
            {"{{service}} {{status}}": _rate('kizashi_http_requests_total{status=~"4.."}', "service, status")},
        ),
        Panel(
            "Probes that were told: not ready",
            "reqps",
            {"{{instance}}": _rate('kizashi_http_requests_total{status="503",route="/readyz"}', "instance")},
        ),
    ],
    "What waits": [
        Panel(
            "Outbox: rows that wait",
            "short",
            {"{{service}}": "max by (service) (kizashi_relay_pending_rows)"},
        ),
        Panel(
            "Outbox: sent, and refused",
            "ops",
            {
                "{{service}} rows sent": _rate("kizashi_relay_rows_total", "service"),
                "{{service}} {{topic}} {{partition}} refused": _rate(
                    "kizashi_relay_failures_total", "service, topic, partition"
                ),
            },
            "Refused lots: a partition of the log takes nothing. `kizashi doctor` counts what waits.",
        ),
        Panel(
            "Dead letters since the start",
            "short",
            {"{{group}} {{reason}}": "sum by (group, reason) (kizashi_dead_letters_total)"},
            "defect: the code failed for an event. All else: a message that cannot be read. `kizashi dlq list`.",
        ),
        Panel(
            "Defects within an hour",
            "short",
            {
                "accounts not told an hour": "sum(increase(kizashi_account_defects_total[1h]))",
                "timers put aside": "sum(increase(kizashi_timer_defects_total[1h]))",
                "conditions that failed": "sum(increase(kizashi_condition_errors_total[1h]))",
            },
        ),
        Panel(
            "Archive: age of the oldest record that waits",
            "s",
            {"oldest": "max(kizashi_archive_waiting_seconds)"},
            "Up to a quarter of an hour is usual. The log keeps all that is not archived.",
        ),
        Panel("Records archived", "ops", {"records": "sum(rate(kizashi_archive_records_total[$__rate_interval]))"}),
        Panel(
            "Since the hour that was told last",
            "s",
            {"seconds": "time() - max(kizashi_ticked_hour_seconds > 0)"},
            "Up to an hour is usual.",
        ),
        Panel(
            "Feeds that stand still",
            "short",
            {"{{family}}": "max by (family) (kizashi_feed_stopped)"},
            "1: declared dead, over all sources.",
        ),
    ],
    "Playbooks and webhooks": [
        Panel("Timers that came due", "ops", {"{{service}}": _rate("kizashi_timers_fired_total", "service")}),
        Panel(
            "Events of runs and tasks",
            "ops",
            {"{{topic}}": _rate('kizashi_relay_rows_total{service="playbook"}', "topic")},
        ),
        Panel("Changes of health", "ops", {"{{topic}}": _rate('kizashi_relay_rows_total{service="scoring"}', "topic")}),
        Panel(
            "Attempts at webhooks",
            "ops",
            {"{{outcome}}": _rate('kizashi_effects_total{kind="webhook"}', "outcome")},
            "retry: it failed and comes again. failed: given up.",
        ),
        Panel(
            "The endpoint that has failed longest, for",
            "s",
            {"failing": "time() - min(kizashi_webhook_failing_since_seconds > 0)"},
        ),
        Panel("One attempt at a webhook", "s", _quantiles("kizashi_effect_seconds", "kind")),
    ],
    "Surveys": [
        Panel(
            "A customer's page: shown (GET) and answered (POST)",
            "reqps",
            {"{{method}} {{status}}": _rate('kizashi_http_requests_total{route="/s/{token}"}', "method, status")},
        ),
        Panel(
            "Surveys, invitations, responses",
            "reqps",
            {"{{method}} {{route}}": _rate('kizashi_http_requests_total{route=~"/v1/surveys.*"}', "method, route")},
        ),
        Panel(
            "Answers sent to the bus",
            "ops",
            {"{{topic}}": _rate('kizashi_relay_rows_total{service="survey"}', "topic")},
        ),
    ],
    "Processes": [
        Panel("Processor", "percentunit", {_INSTANCE: _CPU}),
        Panel("Memory", "bytes", {_INSTANCE: 'process_resident_memory_bytes{job="kizashi"}'}),
        Panel("Open files and connections", "short", {_INSTANCE: 'process_open_fds{job="kizashi"}'}),
        Panel("Since its start", "s", {_INSTANCE: 'time() - process_start_time_seconds{job="kizashi"}'}),
        Panel("Answers to Prometheus", "short", {_INSTANCE: 'up{job="kizashi"}'}),
        Panel("Partitions claimed", "ops", {"{{group}}": _rate("kizashi_runner_claims_total", "group")}),
    ],
}


def rendered() -> str:
    """The dashboard as Grafana imports it (its classic model, version 39: Grafana 10.4 and newer)."""
    dashboard: dict[str, Any] = {
        "uid": "kizashi",
        "title": "Kizashi",
        "description": "Made by deploy/dashboard.py. What to do about what it shows: docs/guides/monitoring.md.",
        "tags": ["kizashi"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_DATASOURCE]},
        "annotations": {"list": []},
        "panels": _panels(),
    }
    return json.dumps(dashboard, indent=1) + "\n"


_DATASOURCE = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    top = 0
    for title, panels in ROWS.items():
        place = {"x": 0, "y": top, "w": 24, "h": 1}
        made.append(
            {"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        )
        top += 1
        for number, panel in enumerate(panels):
            line, column = divmod(number, _PER_ROW)
            place = {"x": column * _WIDTH, "y": top + line * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            made.append({"id": len(made) + 1, "gridPos": place, **_curves(panel)})
        top += -(-len(panels) // _PER_ROW) * _HEIGHT
    return made


def _curves(panel: Panel) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
        for number, (legend, expression) in enumerate(panel.curves.items())
    ]
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": targets,
    }
