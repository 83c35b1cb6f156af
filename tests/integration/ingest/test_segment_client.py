"""The real Segment client for Python, unmodified, against a real server."""

from typing import Any

import pytest
from segment.analytics import client as segment

Client: Any = segment.Client


@pytest.mark.parametrize("gzip", [False, True])
def test_the_unmodified_client_streams_usage_and_is_never_told_to_retry(server: Any, gzip: bool) -> None:
    errors: list[Any] = []
    client = Client(
        server.key,
        host=server.url,
        gzip=gzip,
        upload_interval=0.05,
        max_retries=1,
        on_error=lambda error, items: errors.append((error, items)),
    )

    client.identify("u-1", {"email": "taro@example.com", "name": "Taro", "locale": "ja"})
    client.group("u-1", "acme", {"name": "Acme", "plan": "gold", "employees": 50})
    client.track("u-1", "Report exported", {"pages": 3, "file": "secret.pdf"})
    client.page("u-1", "docs", "pricing", {"width": 800})
    client.screen("u-1", "home")
    client.flush()
    client.join()
    events = server.stop()

    assert errors == []
    assert {event["subject"] for event in events} == {"acme"}
    assert sorted(event["type"] for event in events) == [
        "account.described", "contact.described", "usage.tracked", "usage.tracked", "usage.tracked"
    ]  # fmt: skip
    usage = {event["data"]["name"]: event for event in events if event["type"] == "usage.tracked"}
    assert usage.keys() == {"Report exported", "page_view", "screen_view"}
    assert usage["Report exported"]["data"]["properties"] == {"pages": 3}
    assert len({event["personid"] for event in usage.values()}) == 1
    assert "taro" not in repr(events).lower()
    assert "u-1" not in repr(events)


def test_a_wrong_key_is_an_error_that_the_client_understands_and_does_not_retry(server: Any) -> None:
    errors: list[Any] = []
    client = Client(
        "kz_wrong_key", host=server.url, upload_interval=0.05, max_retries=3, on_error=lambda e, i: errors.append(e)
    )

    client.track("u-1", "Report exported")
    client.flush()
    client.join()

    assert [(error.status, error.code) for error in errors] == [(401, "invalid_key")]
