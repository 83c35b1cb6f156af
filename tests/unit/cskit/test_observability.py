"""Logs hide secrets and carry the trace; traceparents follow W3C."""

import json
import logging
import re
from collections.abc import Iterator

import pytest
import structlog

from cskit.observability import (
    bind_traceparent,
    child_of,
    configure_logging,
    current_traceparent,
    get_logger,
    hide_secrets,
    new_traceparent,
)

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_a_log_line_is_json_on_stderr_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(terminal=False)

    with bind_traceparent(PARENT):
        get_logger().info("webhook.delivered", attempt=2)
    logging.getLogger("aiokafka").warning("lost %s", "broker")

    out, err = capsys.readouterr()
    ours, theirs = [json.loads(line) for line in err.splitlines()]
    assert out == ""
    assert (ours["event"], ours["attempt"], ours["level"]) == ("webhook.delivered", 2, "info")
    assert ours["trace_id"] == PARENT[3:35]
    assert theirs["event"] == "lost broker"


@pytest.mark.parametrize("terminal", [True, False])
def test_an_exception_is_logged_without_the_local_variables(capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    configure_logging(terminal=terminal)
    hush = "hu" + "sh"

    try:
        raise ValueError(f"broken {len(hush)}")
    except ValueError:
        get_logger().exception("it.failed")

    err = capsys.readouterr().err
    assert "broken 4" in err
    assert "hush" not in err.replace("len(hush)", "").replace('hush = "hu', "")
    assert terminal or json.loads(err)["event"] == "it.failed"


def test_secrets_are_hidden_by_the_name_of_their_field() -> None:
    event = {
        "key": "a", "api_key": "b", "Authorization": "c", "headers": {"Cookie": "d", "accept": "e"}, "password": "f",
        "webhook-signature": "g", "items": [{"token": "h"}], "keyboard": "i", "monkey": "j",
    }  # fmt: skip

    hidden = json.dumps(hide_secrets(None, "info", event))

    assert not re.search(r'"[abcdfgh]"', hidden)
    assert all(f'"{letter}"' in hidden for letter in "eij")


def test_a_child_stays_in_the_trace_with_a_span_of_its_own() -> None:
    child = child_of(PARENT)

    assert child[:36] == PARENT[:36]
    assert child[36:52] != PARENT[36:52]
    assert child.endswith("-00")


@pytest.mark.parametrize(
    "wrong",
    [None, "", "x", "ff" + PARENT[2:], PARENT.upper(), "00-" + "0" * 32 + PARENT[35:], PARENT + "-x", PARENT + "\n"],
)
def test_an_invalid_traceparent_is_replaced(wrong: str | None) -> None:
    child = child_of(wrong)

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", child)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", new_traceparent())


def test_a_trace_ends_with_its_block() -> None:
    with bind_traceparent(PARENT) as child:
        assert current_traceparent() == child

    assert current_traceparent() is None
