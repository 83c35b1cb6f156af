"""The scripts of the pages: few, small, and plain."""

import re
from importlib import resources

import pytest

_STATIC = resources.files("console").joinpath("static")
_SCRIPTS = sorted(entry.name for entry in _STATIC.iterdir() if entry.name.endswith(".js"))


@pytest.mark.parametrize("name", _SCRIPTS)
def test_a_script_is_small_and_plain(name: str) -> None:
    script = _STATIC.joinpath(name).read_text(encoding="utf-8")

    assert script.startswith('"use strict";')
    assert len(script.encode()) < 4096
    assert not re.search(r"\beval\b|new Function|\bimport\b|document\.write", script)


def test_every_page_loads_the_scripts_of_live_values() -> None:
    frame = resources.files("console").joinpath("templates", "frame.html").read_text(encoding="utf-8")

    loaded = set(re.findall(r"static\('([a-z]+\.js)'\)", frame))

    assert loaded == set(_SCRIPTS)
