"""The Ingress sends every path of the code's routers to the service that owns it, by Kubernetes' own rules."""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import yaml

from allinone.composition import CONSOLE, SERVED, build
from cskit.platform import open_platform
from cskit.settings import read_settings

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
TEXT = (FOLDER / "ingress.yaml").read_text()
INGRESS: dict[str, Any] = yaml.safe_load(TEXT)["spec"]
(RULE,) = INGRESS["rules"]
SETTINGS = {
    "KIZASHI_KAFKA": "kafka:9092",
    "KIZASHI_DATABASE_URL": "postgresql://kizashi@postgres/kizashi",
    "KIZASHI_SERVICE_KEY": "0123456789abcdef0123456789abcdef",
}


class Route(NamedTuple):
    """A path of the code, with its parameters in braces, and whose it is."""

    service: str
    path: str


SERVICES = {name: build(name, open_platform(read_settings(SETTINGS))) for name in SERVED}
ROUTES = sorted(
    {Route(name, route.path) for name, each in SERVICES.items() for router in each.routers for route in router.routes}
)


def elements(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def may_match(rule: str, path: str) -> bool:
    """Whether the rule, a Prefix, matches the path for some values of its parameters: element by element."""
    given = elements(path)
    for number, wanted in enumerate(elements(rule)):
        if number >= len(given):
            return False
        if given[number].endswith(":path}"):
            return True
        if not given[number].startswith("{") and given[number] != wanted:
            return False
    return True


def rule_of(path: str) -> tuple[str, str]:
    """The longest rule that may match, and the service that it leads to."""
    rules = {each["path"]: each["backend"]["service"]["name"] for each in RULE["http"]["paths"]}
    longest = max((rule for rule in rules if may_match(rule, path)), key=len)
    return longest, rules[longest]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.service}{route.path}")
def test_every_route_of_the_code_is_led_to_its_service(route: Route) -> None:
    rule, service = rule_of(route.path)

    assert service == route.service
    assert rule == "/" or service != CONSOLE


def test_every_rule_leads_to_a_route() -> None:
    paths = [each["path"] for each in RULE["http"]["paths"]]

    used = {rule_of(route.path)[0] for route in ROUTES}

    assert sorted(paths) == sorted(used)


def test_every_rule_is_a_prefix_and_leads_to_the_port_of_a_service() -> None:
    for each in RULE["http"]["paths"]:
        assert each["pathType"] == "Prefix"
        assert each["backend"]["service"]["port"] == {"name": "http"}


def test_its_host_is_where_people_and_links_reach_the_installation() -> None:
    made = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["configMapGenerator"]
    told = dict(line.split("=", 1) for each in made for line in each["literals"])

    public = urlsplit(told["KIZASHI_PUBLIC_URL"])

    assert (public.scheme, public.netloc) == ("https", RULE["host"])
    assert [each["hosts"] for each in INGRESS["tls"]] == [[RULE["host"]]]


def test_the_largest_body_and_the_streams_that_a_controller_must_let_through_are_named() -> None:
    largest = max(size for each in SERVICES.values() for size in each.body_limits.values())
    streams = {route.path for route in ROUTES if route.path.endswith(("/stream", "/live"))}

    assert f"bodies of {largest / 2**20:g} MiB" in TEXT.replace("\n#", "")
    assert {path for path in streams if path in TEXT.split("apiVersion")[0]} == streams
