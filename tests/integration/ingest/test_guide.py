"""The commands and the programs of docs/guides/send-events.md do what it says, as a new user would type them."""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.running import node

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "send-events.md"


def blocks(begin: str) -> list[str]:
    """The guide's indented blocks that begin so."""
    found = re.findall(r"(?:^ {4}.*\n)+", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    return [textwrap.dedent(block) for block in found if block.lstrip().startswith(begin)]


def counted(events: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """How many there are of each kind and account."""
    return Counter((event["type"], event["subject"]) for event in events)


def test_each_curl_line_of_the_guide_works_as_it_stands(server: Any) -> None:
    environment = {"URL": server.url, "KEY": server.key, "OPERATOR_KEY": server.key, "PATH": "/usr/bin:/bin"}
    asked = blocks("curl")

    answers = []
    for command in asked:
        text = command.replace("shop", "product")  # the test's key has that source
        done = subprocess.run(["bash", "-c", text.replace("curl", "curl -sf")], env=environment, capture_output=True)
        assert done.returncode == 0, (command, done.stderr)
        answers.append(json.loads(done.stdout))
    events = server.stop()

    assert len(asked) == 3
    assert [answer.get("accepted") for answer in answers] == [1, 1, None]
    assert answers[2]["keep"] == ["plan"]
    assert sorted(event["id"] for event in events) == ["e-1", "e-2"]
    assert {event["subject"] for event in events} == {"acme"}


def test_each_python_program_of_the_guide_sends_its_events(server: Any) -> None:
    environment = {**os.environ, "URL": server.url, "KEY": server.key}
    programs = blocks("import os")

    for program in programs:
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
    events = counted(server.stop())

    assert len(programs) == 3
    assert events["usage.tracked", "acme"] == 3
    assert events["account.described", "acme"] == 2


@pytest.mark.node
def test_each_node_program_of_the_guide_sends_its_events(server: Any) -> None:
    try:
        node.prepare()
    except node.Missing as reason:
        pytest.skip(str(reason))
    modules = str(node.HOME / "node_modules")
    environment = {**os.environ, "URL": server.url, "KEY": server.key, "NODE_PATH": modules}
    programs = blocks("const")

    for program in programs:
        done = subprocess.run(["node", "-e", program], env=environment, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
    events = counted(server.stop())

    assert len(programs) == 3
    assert events["usage.tracked", "acme"] == 3
    assert events["account.described", "acme"] == 2
