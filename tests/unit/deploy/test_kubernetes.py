"""What deploy/kubernetes applies is what docker-compose.yml runs, and what the code can do with it.

Nothing here needs a cluster: the files are validated by Kubernetes' schemas and compared with the code.
"""

import inspect
import re
from collections import Counter
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import kubernetes_validate
import pytest
import yaml
from fastapi import FastAPI
from pydantic import SecretStr

from allinone.cli import serve
from allinone.composition import CONSOLE, SERVED, SERVICES, build, service_app
from cskit.auth import KeyFile, new_key
from cskit.clock import RealClock
from cskit.http.app import READY_WITHIN
from cskit.log.kafka_connection import TOPIC_BYTES
from cskit.platform import Platform, open_platform
from cskit.service import Service
from cskit.settings import Settings, read_settings
from csmodels.topics import PARTITIONS

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
OLDEST, NEWEST = "1.30", "1.37"  # Kubernetes
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
HEAD = (FOLDER / "kustomization.yaml").read_text()
KUSTOMIZATION: dict[str, Any] = yaml.safe_load(HEAD)
FILES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.yaml")) if path.name != "kustomization.yaml"}
DOCUMENTS: list[dict[str, Any]] = [each for text in FILES.values() for each in yaml.safe_load_all(text)]
COMPONENT = "app.kubernetes.io/component"
SECRET = "0123456789abcdef0123456789abcdef"
SECRET_SETTINGS = {
    f"KIZASHI_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
}
OPTIONAL = {"KIZASHI_KAFKA_PASSWORD", "KIZASHI_ARCHIVE_ACCESS_KEY", "KIZASHI_ARCHIVE_SECRET_KEY"}


def found(kind: str, name: str) -> dict[str, Any]:
    (one,) = (each for each in DOCUMENTS if each["kind"] == kind and each["metadata"]["name"] == name)
    return one


def pod(service: str) -> dict[str, Any]:
    spec: dict[str, Any] = found("Deployment", service)["spec"]["template"]["spec"]
    return spec


def container(service: str) -> dict[str, Any]:
    (one,) = pod(service)["containers"]
    return dict(one)


def containers(service: str) -> list[dict[str, Any]]:
    return [*pod(service).get("initContainers", ()), container(service)]


def config_maps() -> dict[str, dict[str, str]]:
    made = KUSTOMIZATION["configMapGenerator"]
    return {each["name"]: dict(line.split("=", 1) for line in each["literals"]) for each in made}


def environment(one: dict[str, Any]) -> dict[str, str]:
    """What a container is told, where the Secret holds everything."""
    maps = [config_maps()[each["configMapRef"]["name"]] for each in one["envFrom"]]
    given = {name: value for each in maps for name, value in each.items()}
    for each in one["env"]:
        name = each["name"]
        is_url = name.endswith("_DATABASE_URL")
        given[name] = f"postgresql://{name}:{SECRET}@postgres/kizashi" if is_url else SECRET
    return given


def built(service: str) -> tuple[Service, Platform]:
    platform = open_platform(read_settings(environment(container(service))))
    return build(service, platform), platform


@pytest.fixture
async def app(service: str) -> AsyncIterator[FastAPI]:
    """The app of a service, made from no more than its pod is told."""
    made, platform = built(service)
    yield service_app(made, platform)
    await platform.close()


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_every_file_is_applied() -> None:
    assert sorted(KUSTOMIZATION["resources"]) == sorted(FILES)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_every_document_is_valid_for_kubernetes(document: dict[str, Any], version: str) -> None:
    assert kubernetes_validate.validate(document, version, strict=True) == version


def test_the_guide_and_the_first_line_name_the_oldest_version_that_is_validated() -> None:
    guide = (ROOT / "docs" / "guides" / "kubernetes.md").read_text()

    assert f"Kubernetes {OLDEST} or newer" in HEAD.splitlines()[0]
    assert f"Kubernetes {OLDEST} or newer" in guide


def test_it_has_all_parts_of_every_service_and_nothing_else() -> None:
    kinds = ("Deployment", "Service", "PodDisruptionBudget")

    there = Counter((each["kind"], each["metadata"]["name"]) for each in DOCUMENTS)

    others = [("Namespace", "kizashi"), ("Ingress", "kizashi")]
    assert there == Counter([*((kind, name) for kind in kinds for name in SERVED), *others])
    assert KUSTOMIZATION["namespace"] == "kizashi"


@pytest.mark.parametrize("service", SERVED)
def test_a_service_is_started_by_the_command_of_compose(service: str) -> None:
    one = container(service)

    assert one["args"] == COMPOSE[service]["command"]
    assert "command" not in one  # the image's: kizashi
    assert [one["image"]] == [each["name"] for each in KUSTOMIZATION["images"]]


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_migrates_before_it_serves_told_and_confined_as_its_service(service: str) -> None:
    (migration,) = pod(service)["initContainers"]
    serving = container(service)

    assert migration["args"] == COMPOSE[f"migrate-{service}"]["command"]
    for part in ("image", "env", "envFrom", "resources", "securityContext", "volumeMounts"):
        assert migration[part] == serving[part], part


def test_the_console_has_nothing_to_migrate() -> None:
    assert "initContainers" not in pod(CONSOLE)


@pytest.mark.parametrize("service", SERVED)
def test_every_variable_is_a_setting_and_every_value_is_accepted(service: str) -> None:
    settings = read_settings(environment(container(service)))

    assert settings.clustered


def test_the_settings_that_are_left_out_are_settings_too() -> None:
    left_out = dict(re.findall(r"^ +# - (KIZASHI_[A-Z_]+)=(\S+)", HEAD, re.MULTILINE))

    read_settings(left_out)

    assert {"KIZASHI_KAFKA_SECURITY", "KIZASHI_ARCHIVE_ENDPOINT"} <= set(left_out)


@pytest.mark.parametrize("service", SERVED)
def test_a_service_is_told_what_compose_tells_it(service: str) -> None:
    in_compose = COMPOSE[service]["environment"]
    here = environment(container(service))

    assert here.keys() - in_compose.keys() <= OPTIONAL
    assert in_compose.keys() <= here.keys()
    same = {f"KIZASHI_{name.upper()}_URL" for name in SERVED} | {"KIZASHI_KEYS"}
    assert {name: here[name] for name in same} == {name: in_compose[name] for name in same}


@pytest.mark.parametrize("service", SERVED)
def test_what_a_pod_is_told_is_enough_to_build_its_service(service: str, app: FastAPI) -> None:
    assert app.title == f"Kizashi {service}"


@pytest.mark.parametrize("service", SERVED)
def test_a_pod_has_the_secrets_that_its_service_needs_and_no_more(service: str) -> None:
    refs = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container(service)["env"]}

    databases = {f"KIZASHI_{service.upper()}_DATABASE_URL", "KIZASHI_KAFKA_PASSWORD"} if service in SERVICES else set()
    of_archive = OPTIONAL - {"KIZASHI_KAFKA_PASSWORD"} if service == "scoring" else set()
    assert set(refs) == {"KIZASHI_SERVICE_KEY"} | databases | of_archive
    for name, ref in refs.items():
        expected = {"name": "kizashi", "key": name}
        assert ref == (expected | {"optional": True} if name in OPTIONAL else expected)


def test_no_secret_is_in_the_files_and_the_first_lines_name_all_of_them() -> None:
    given = {name for literals in config_maps().values() for name in literals}
    asked = {each["name"] for service in SERVED for one in containers(service) for each in one["env"]}
    first_lines = HEAD.split("\napiVersion", 1)[0]

    assert not given & SECRET_SETTINGS
    assert asked <= SECRET_SETTINGS
    for text in (HEAD, *FILES.values()):
        assert not re.search(r"://[^/\s]*:[^/\s]*@|\bkzb?_[a-z0-9]|kind: Secret|secretGenerator", text)
    named = set(re.findall(r"KIZASHI_[A-Z_]+(?=[ ,:])", first_lines))
    assert {name for name in asked if not name.endswith("_DATABASE_URL")} <= named
    assert "KIZASHI_<SERVICE>_DATABASE_URL of ingest, scoring, playbook and survey" in first_lines


def test_only_scoring_archives_and_into_a_bucket() -> None:
    told = {name: read_settings(environment(container(name))).archive for name in SERVED}

    archive = told.pop("scoring")

    assert archive is not None
    assert archive.startswith("s3://")
    assert set(told.values()) == {None}


def what_all_have(service: str) -> str:
    """A Deployment without what is its service's own."""
    spec = deepcopy(found("Deployment", service)["spec"])
    inner = spec["template"]["spec"]
    inner.pop("initContainers", None)
    inner.pop("terminationGracePeriodSeconds")
    for own in ("args", "env", "envFrom", "resources"):
        inner["containers"][0].pop(own)
    return re.sub(rf"\b{service}\b", "SERVICE", yaml.safe_dump(spec))


@pytest.mark.parametrize("service", SERVED)
def test_services_differ_in_nothing_but_what_is_theirs(service: str) -> None:
    assert what_all_have(service) == what_all_have("ingest")


def test_the_namespace_takes_only_pods_that_are_confined() -> None:
    labels = found("Namespace", "kizashi")["metadata"]["labels"]

    assert labels == {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.mark.parametrize("service", SERVED)
def test_a_pod_is_confined(service: str) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    whole = pod(service)

    assert user is not None
    assert whole["enableServiceLinks"] is False
    assert whole["automountServiceAccountToken"] is False
    assert whole["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user[1]),
        "runAsGroup": int(user[2]),
        "fsGroup": int(user[2]),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for one in containers(service):
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"name": "tmp", "mountPath": "/tmp"} in one["volumeMounts"]
    assert {each["name"]: set(each) - {"name"} for each in whole["volumes"]} == {
        "tmp": {"emptyDir"},
        "keys": {"secret"},
    }


@pytest.mark.parametrize("service", SERVED)
def test_memory_is_limited_and_the_processor_is_not(service: str) -> None:
    resources = container(service)["resources"]

    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


@pytest.mark.parametrize("service", SERVED)
def test_probes_ask_for_what_the_service_answers(service: str, app: FastAPI) -> None:
    probes = {name: container(service)[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}
    paths = {name: probe["httpGet"]["path"] for name, probe in probes.items()}

    # a database that is away must not restart the pods: only readiness asks for it
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert {probe["httpGet"]["port"] for probe in probes.values()} == {"http"}
    assert set(paths.values()) <= app.openapi()["paths"].keys()
    assert probes["readiness"]["timeoutSeconds"] > READY_WITHIN  # so that its answer, which names the cause, is heard


@pytest.mark.parametrize("service", SERVED)
def test_prometheus_is_led_to_the_metrics(service: str, app: FastAPI) -> None:
    notes = found("Deployment", service)["spec"]["template"]["metadata"]["annotations"]

    (port,) = container(service)["ports"]
    assert notes["prometheus.io/path"] in app.openapi()["paths"]
    assert notes["prometheus.io/port"] == str(port["containerPort"])


@pytest.mark.parametrize("service", SERVED)
def test_a_service_has_as_long_to_end_as_under_compose_after_nobody_sends_to_it(service: str) -> None:
    pause = container(service)["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod(service)["terminationGracePeriodSeconds"] - pause == seconds(COMPOSE[service]["stop_grace_period"])


@pytest.mark.parametrize("service", SERVED)
def test_every_service_is_found_where_the_others_look(service: str) -> None:
    listens = inspect.signature(serve).parameters["port"].default
    (port,) = found("Service", service)["spec"]["ports"]

    assert read_settings(environment(container(CONSOLE))).url_of(service) == f"http://{service}:{port['port']}"
    assert port["targetPort"] == "http"
    assert container(service)["ports"] == [{"name": "http", "containerPort": listens}]


@pytest.mark.parametrize("service", SERVED)
def test_two_replicas_stand_apart_and_leave_one_at_a_time(service: str) -> None:
    deployment = found("Deployment", service)["spec"]
    budget = found("PodDisruptionBudget", service)["spec"]
    (spread,) = pod(service)["topologySpreadConstraints"]
    labels = {COMPONENT: service}

    assert 2 <= deployment["replicas"] <= PARTITIONS
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert budget["maxUnavailable"] == 1
    assert deployment["template"]["metadata"]["labels"] == labels
    assert {"matchLabels": labels} == deployment["selector"] == budget["selector"] == spread["labelSelector"]
    assert found("Service", service)["spec"]["selector"] == labels


@pytest.mark.parametrize("service", SERVED)
def test_the_key_file_is_mounted_so_that_its_user_reads_it_and_sees_it_change(service: str) -> None:
    (volume,) = (each["secret"] for each in pod(service)["volumes"] if each["name"] == "keys")

    assert volume == {"secretName": "kizashi-keys", "defaultMode": 0o440}  # by the group, which is fsGroup
    for one in containers(service):
        (mount,) = (each for each in one["volumeMounts"] if each["name"] == "keys")
        assert mount == {"name": "keys", "mountPath": "/keys", "readOnly": True}  # a subPath would never change
    assert environment(container(service))["KIZASHI_KEYS"] == "/keys/keys.json"


def test_a_key_file_that_is_changed_as_the_kubelet_does_it_is_read_again(tmp_path: Path) -> None:
    now = RealClock().now()
    written, mounted = tmp_path / "keys.json", tmp_path / "mounted"
    old, old_entry = new_key("old", ["read"], None, None, now)
    new, new_entry = new_key("new", ["read"], None, None, now)
    KeyFile(written, RealClock()).add(old_entry)
    project(mounted, written.read_bytes(), "..1")
    keys = KeyFile(mounted / "keys.json", RealClock())
    before = keys.verify(old), keys.verify(new)

    KeyFile(written, RealClock()).revoke("old")
    KeyFile(written, RealClock()).add(new_entry)
    project(mounted, written.read_bytes(), "..2")

    after = keys.verify(old), keys.verify(new)
    assert [principal is not None for principal in (*before, *after)] == [True, False, False, True]
    assert {path.name for path in mounted.iterdir()} == {"..1", "..2", "..data", "keys.json"}  # it writes nothing there


def project(mounted: Path, content: bytes, version: str) -> None:
    """A Secret's file as the kubelet writes it: a folder per version, and a link that is swapped."""
    folder = mounted / version
    folder.mkdir(parents=True)
    (folder / "keys.json").write_bytes(content)
    (folder / "keys.json").chmod(0o440)
    (mounted / "..data_tmp").symlink_to(version)
    (mounted / "..data_tmp").rename(mounted / "..data")
    if not (mounted / "keys.json").is_symlink():
        (mounted / "keys.json").symlink_to("..data/keys.json")


def test_kafka_is_asked_for_messages_as_large_as_the_topics_take() -> None:
    assert f"of at least {TOPIC_BYTES}" in HEAD
    assert f"of {PARTITIONS} partitions" in HEAD
