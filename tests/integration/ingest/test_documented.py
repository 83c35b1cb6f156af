"""The OpenAPI document names every hot route, and its examples are taken as they stand."""

from typing import Any

import pytest

from ingest.documented import EXAMPLES
from ingest.hot import SDK_PATHS


async def test_every_hot_route_is_documented(ingest: Any) -> None:
    document = (await ingest.client.get("/openapi.json")).json()

    documented = {path for path, operations in document["paths"].items() if "post" in operations}
    assert documented >= {*SDK_PATHS, "/v1/events"} - {"/batch"}  # without its slash it is a courtesy


@pytest.mark.parametrize("path", EXAMPLES)
async def test_the_example_of_a_route_is_taken(ingest: Any, path: str) -> None:
    document = (await ingest.client.get("/openapi.json")).json()
    operation = document["paths"][path]["post"]
    body = operation["requestBody"]["content"]["application/json"]["example"]

    answer = await ingest.client.post(path, json=body)

    assert answer.status_code == 200
    said = answer.json()
    assert said.get("refused", 0) == 0
    if "results" in said:
        assert [one["result"] for one in said["results"].values()] == ["ok"]
    else:
        assert said["accepted"] == 1
