"""The commands of docs/guides/send-events.md do what it says, as a new user would type them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "send-events.md"


def commands() -> list[str]:
    """The guide's indented blocks that call curl."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    return [block for block in blocks if block.lstrip().startswith("curl")]


def test_each_curl_line_of_the_guide_works_as_it_stands(server: Any) -> None:
    environment = {"URL": server.url, "KEY": server.key, "OPERATOR_KEY": server.key, "PATH": "/usr/bin:/bin"}
    asked = commands()

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
