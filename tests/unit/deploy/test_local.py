"""What deploy/local starts is what its poms pin."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

LOCAL = Path(__file__).resolve().parents[3] / "deploy" / "local"


@pytest.fixture
def local_s3(monkeypatch: pytest.MonkeyPatch) -> Any:
    """deploy/local/s3_engine.py: a script beside others, no package."""
    monkeypatch.syspath_prepend(str(LOCAL))
    return import_module("s3_engine")


def test_the_store_is_the_version_that_its_pom_names(local_s3: Any) -> None:
    pom = (LOCAL / "s3.pom.xml").read_text()

    in_pom = re.search(r"<artifactId>s3proxy</artifactId>\s*<version>(.*)</version>", pom)

    assert in_pom is not None
    assert in_pom[1] == local_s3.VERSION


def test_a_port_that_is_taken_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LOCAL))
    process: Any = import_module("engine_process")
    first = process.free_port()
    drawn = iter([first, first])
    monkeypatch.setattr(process.random, "randrange", lambda low, high: next(drawn, low + 1))

    assert process.free_port(taken=first) != first
