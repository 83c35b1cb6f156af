"""What the alerts and the dashboard ask for is what the code tells, and what they advise exists.

Nothing here needs Prometheus or Grafana. Where promtool is installed, it also plays the scenarios of
alerts.promtool.yml.
"""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter as count
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import typer
import yaml
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from allinone.cli import app
from allinone.composition import SERVED
from cskit import observability
from csmodels.topics import PARTITIONS

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
SCENARIOS = Path(__file__).parent / "alerts.promtool.yml"
GUIDE = (ROOT / "docs" / "guides" / "monitoring.md").read_text()
CODE = {path: path.read_text() for part in ("libs", "services") for path in sorted((ROOT / part).rglob("*.py"))}
ALL_CODE = "\n".join(CODE.values())
CONFIGS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load((PROMETHEUS / name).read_text()) for name in ("prometheus.yml", "kubernetes.yml")
}
GROUPS: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
NAMES = [rule["alert"] for rule in RULES]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "kizashi.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = {f"{panel['title']}:{target['refId']}": target for panel in PANELS for target in panel["targets"]}
EXPRESSIONS = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{title: target["expr"].replace("$__rate_interval", "5m") for title, target in TARGETS.items()},
}
OF_TARGETS = {"job", "instance", "component"}  # labels that the configuration gives, whatever the metric
OF_PROCESSES = {
    f"process_{name}" for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds")
}


def metrics() -> dict[str, Counter | Gauge | Histogram]:
    """Every metric by the constant that holds it."""
    kinds = (Counter, Gauge, Histogram)
    return {name: each for name, each in vars(observability).items() if isinstance(each, kinds)}


def series_of(metric: Counter | Gauge | Histogram) -> dict[str, set[str]]:
    """The names under which Prometheus finds it, with their labels."""
    (family,) = metric.describe()
    labels = {*metric._labelnames, *OF_TARGETS}
    if isinstance(metric, Histogram):
        return {f"{family.name}_bucket": {*labels, "le"}, f"{family.name}_sum": labels, f"{family.name}_count": labels}
    return {f"{family.name}_total" if isinstance(metric, Counter) else family.name: labels}


@cache
def series() -> dict[str, set[str]]:
    """What can be asked for: series name -> labels."""
    ours = {name: labels for metric in metrics().values() for name, labels in series_of(metric).items()}
    return ours | dict.fromkeys({"up", *OF_PROCESSES}, OF_TARGETS)


def parts(expression: str) -> list[Any]:
    """Every part of an expression. Raises ValueError where it is no PromQL."""
    found: list[Any] = []
    promql.walk(promql.parse(expression), pre_visit=lambda part: found.append(part))
    return found


def selectors(expression: str) -> list[Any]:
    every = [getattr(part, "vector_selector", part) for part in parts(expression)]
    return [each for each in every if isinstance(each, promql.VectorSelector)]


def told(part: Any) -> set[str]:
    """The labels that every result of an expression has."""
    match part:
        case promql.VectorSelector():
            return set(series()[part.name])
        case promql.MatrixSelector():
            return told(part.vector_selector)
        case promql.AggregateExpr():
            if part.modifier is None:
                return told(part.expr) if str(part.op) == "topk" else set()
            return set(part.modifier.labels)
        case promql.Call() if part.func.name == "absent":
            (selector,) = part.args
            return {each.name for each in selector.matchers.matchers}
        case promql.Call():
            return next((told(each) for each in reversed(part.args) if not is_number(each)), set())
        case promql.BinaryExpr():
            if str(part.op) == "or":
                return told(part.lhs) & told(part.rhs)
            return told(part.rhs) if is_number(part.lhs) else told(part.lhs)
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            return told(part.expr)
        case _:
            return set()


def is_number(part: Any) -> bool:
    return isinstance(part, promql.NumberLiteral) or (isinstance(part, promql.Call) and part.func.name == "time")


def annotations(rule: dict[str, Any]) -> str:
    return f"{rule['annotations']['summary']} {rule['annotations']['description']}"


def in_backticks(text: str) -> list[str]:
    return [re.sub(r"\{\{.*?\}\}", "X", found) for found in re.findall(r"`([^`]+)`", text)]


def advice() -> list[tuple[str, str]]:
    """Where something is advised, and its words."""
    return [
        *((rule["alert"], annotations(rule)) for rule in RULES),
        *((panel["title"], panel["description"]) for panel in PANELS),
        ("the guide", GUIDE),
    ]


def prometheus_asks(config: dict[str, Any]) -> dict[str, Any]:
    (job,) = config["scrape_configs"]
    return dict(job)


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_an_expression_is_promql_and_asks_for_series_and_labels_that_there_are(title: str) -> None:
    chosen = selectors(EXPRESSIONS[title])

    assert chosen
    for each in chosen:
        assert each.name in series()
        assert {matcher.name for matcher in each.matchers.matchers} <= series()[each.name]


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_what_is_grouped_by_is_a_label_of_all_that_is_grouped(title: str) -> None:
    grouped = [part for part in parts(EXPRESSIONS[title]) if isinstance(part, promql.AggregateExpr) and part.modifier]

    for part in grouped:
        assert set(part.modifier.labels) <= told(part.expr)


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_a_value_that_is_asked_for_stands_in_the_code(title: str) -> None:
    asked = {
        (matcher.name, matcher.value)
        for each in selectors(EXPRESSIONS[title])
        for matcher in each.matchers.matchers
        if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual)
    }

    for name, value in asked:
        if name == "status" and value.isdecimal():
            assert f"status = {value}" in ALL_CODE or f"status_code={value}" in ALL_CODE
        elif name == "job":
            assert {prometheus_asks(each)["job_name"] for each in CONFIGS.values()} == {value}
        else:
            assert f'"{value}"' in ALL_CODE, f"{name}={value}"


@pytest.mark.parametrize("constant", metrics())
def test_every_metric_is_measured_somewhere(constant: str) -> None:
    used = re.compile(rf"\b{constant}\.(labels|inc|set|observe)\(")

    assert any(used.search(text) for path, text in CODE.items() if path.name != "observability.py")


@pytest.mark.skipif(sys.platform != "linux", reason="prometheus_client measures processes on Linux alone")
def test_what_is_asked_of_processes_is_collected() -> None:
    collected = {sample.name for family in REGISTRY.collect() for sample in family.samples}

    assert collected >= OF_PROCESSES


def test_the_alerts_are_in_the_shape_that_prometheus_reads() -> None:
    assert max(count(NAMES).values()) == 1
    assert max(count(group["name"] for group in GROUPS).values()) == 1
    for rule in RULES:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"Kizashi[A-Za-z]+", rule["alert"])
        assert re.fullmatch(r"[1-9]\d*[mh]", rule.get("for", "1m"))
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
        assert set(rule["annotations"]) == {"summary", "description"}


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_names_only_what_its_result_tells(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", annotations(rule)))

    assert named <= told(promql.parse(rule["expr"]))
    assert not re.search(r"\{\{(?! \$(labels|value)| reReplaceAll \"-\.\*\" \"\" \$labels)", annotations(rule))


@pytest.mark.parametrize("title", TARGETS)
def test_a_legend_names_only_what_its_curve_tells(title: str) -> None:
    named = set(re.findall(r"\{\{(\w+)\}\}", TARGETS[title]["legendFormat"]))

    assert named <= told(promql.parse(EXPRESSIONS[title]))


@pytest.mark.parametrize(("place", "text"), advice())
def test_a_command_that_is_advised_exists(place: str, text: str) -> None:
    commands = [each.split()[1:] for each in in_backticks(text) if each.split()[:1] == ["kizashi"]]

    for words in commands:
        command: Any = typer.main.get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]
        assert not hasattr(command, "commands"), f"{place}: {words}"
        options = {option for each in command.params for option in each.opts}
        assert {word for word in words if word.startswith("--")} <= options
        assert bool(words) <= bool(command.params)


@pytest.mark.parametrize(("place", "text"), advice())
def test_a_line_of_the_log_that_is_named_is_written_by_the_code(place: str, text: str) -> None:
    lines = [
        each
        for each in in_backticks(text)
        if re.fullmatch(r"[a-z]+\.[a-z_]+", each) and not each.endswith((".json", ".yml"))
    ]

    assert [line for line in lines if f'"{line}"' not in ALL_CODE] == []


@pytest.mark.parametrize("rule", RULES, ids=NAMES)
def test_an_alert_says_what_to_do_next_and_the_pages_it_names_exist(rule: dict[str, Any]) -> None:
    text = annotations(rule)

    assert in_backticks(text) or "docs/" in text
    for page, section in re.findall(r'(docs/[\w./-]*\w)(?:, "([^"]+)")?', text):
        (file,) = [ROOT / page] if page.endswith(".md") else ROOT.glob(f"{page}-*.md")
        assert file.exists()
        assert not section or f"## {section}\n" in file.read_text()


def test_the_guide_explains_every_alert_and_no_other() -> None:
    explained = re.findall(r"^\| `(Kizashi\w+)` \| (page|ticket) \|", GUIDE, re.MULTILINE)

    assert explained == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_partitions_and_services_are_those_of_the_code() -> None:
    by_name = {rule["alert"]: rule["expr"] for rule in RULES}

    assert by_name["KizashiPartitionsUnread"].rstrip().endswith(f"< {PARTITIONS}")
    absent = re.findall(r'absent\(up\{job="kizashi", component="(\w+)"\}\)', by_name["KizashiServiceDown"])
    assert sorted(absent) == sorted(SERVED)


def test_prometheus_finds_the_services_where_compose_serves_them() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    job = prometheus_asks(CONFIGS["prometheus.yml"])

    targets = {one["labels"]["component"]: one["targets"] for one in job["static_configs"]}
    ports = {name: services[name]["ports"][0].rsplit(":", 1)[1] for name in SERVED}
    assert targets == {name: [f"{name}:{port}"] for name, port in ports.items()}
    assert [PROMETHEUS / name for name in CONFIGS["prometheus.yml"]["rule_files"]] == [PROMETHEUS / "alerts.yml"]


def test_prometheus_finds_pods_by_the_labels_that_they_have() -> None:
    folder = ROOT / "deploy" / "kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    (common,) = kustomization["labels"]
    job = prometheus_asks(CONFIGS["kubernetes.yml"])
    (discovery,) = job["kubernetes_sd_configs"]
    kept = {each["source_labels"][0]: each["regex"] for each in job["relabel_configs"] if each.get("action") == "keep"}
    named = {each["target_label"]: each["source_labels"][0] for each in job["relabel_configs"] if "action" not in each}

    def meta(label: str) -> str:
        return "__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", label)

    assert discovery == {"role": "pod", "namespaces": {"names": [kustomization["namespace"]]}}
    assert common["includeTemplates"]
    assert {meta(label): value for label, value in common["pairs"].items()}.items() <= kept.items()
    assert named["component"] == meta("app.kubernetes.io/component")
    for name in SERVED:
        deployment, *_ = yaml.safe_load_all((folder / f"{name}.yaml").read_text())
        template = deployment["spec"]["template"]
        assert template["metadata"]["labels"] == {"app.kubernetes.io/component": name}
        ports = [port["name"] for each in template["spec"]["containers"] for port in each["ports"]]
        assert ports == [kept["__meta_kubernetes_pod_container_port_name"]]
    assert CONFIGS["kubernetes.yml"]["rule_files"] == CONFIGS["prometheus.yml"]["rule_files"]


def test_the_dashboard_is_in_the_shape_that_grafana_imports() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    source = {"type": "prometheus", "uid": f"${{{variable['name']}}}"}

    assert (DASHBOARD["uid"], DASHBOARD["schemaVersion"]) == ("kizashi", 39)
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert [panel["id"] for panel in DASHBOARD["panels"]] == list(range(1, len(DASHBOARD["panels"]) + 1))
    for panel in PANELS:
        assert panel["type"] == "timeseries"
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert {json.dumps(each["datasource"]) for each in (panel, *panel["targets"])} == {json.dumps(source)}
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEF"[: len(panel["targets"])])


def test_panels_lie_beside_each_other_and_below_the_title_of_their_row() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    squares = count(
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )

    assert max(squares.values()) == 1
    assert max(x for x, _ in squares) == 23
    titles = ["The road of an event", "Reading", "What waits", "Playbooks and webhooks", "Surveys", "Processes"]
    assert rows == titles
    heights = [panel["gridPos"]["y"] for panel in DASHBOARD["panels"]]
    assert heights == sorted(heights)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool of Prometheus is not installed")
def test_the_alerts_speak_when_they_should_and_else_are_silent() -> None:
    checked = [
        subprocess.run(["promtool", *words], cwd=PROMETHEUS, capture_output=True, text=True)
        for words in (
            ("check", "rules", "alerts.yml"),
            ("check", "config", "prometheus.yml"),
            ("test", "rules", str(SCENARIOS)),
        )
    ]

    assert [each.returncode for each in checked] == [0, 0, 0], [each.stdout + each.stderr for each in checked]
