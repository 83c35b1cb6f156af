"""kizashi sources test: what a mapping makes of a body, without a server."""

import json
from pathlib import Path

import pytest

from allinone.commands.sources import as_row, try_mapping
from cskit.errors import Invalid

TICKET = {"id": "1", "type": "zen:event-type:ticket.created", "detail": {"id": "7", "organization_id": "a"}}


def test_the_items_of_a_body_are_shown(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps(TICKET))

    tried = try_mapping(body, None, "zendesk")

    assert tried["problems"] == []
    assert tried["items"][0]["data"] == {"ticket": "7"}


def test_what_ingest_would_refuse_is_a_problem(tmp_path: Path) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({**TICKET, "detail": {"id": "7", "organization_id": "a@b"}}))

    (problem,) = try_mapping(body, None, "zendesk")["problems"]

    assert problem.startswith("item 0 (1): account is refused")


@pytest.mark.parametrize("mapping", ["kind: json\nitems: a\nrules: 1\n", "kind: ["])
def test_a_broken_mapping_is_told_with_its_line(tmp_path: Path, mapping: str) -> None:
    (tmp_path / "body.json").write_text("{}")
    (tmp_path / "mine.yaml").write_text(mapping + "\n" * 3)

    (problem,) = try_mapping(tmp_path / "body.json", tmp_path / "mine.yaml", None)["problems"]

    assert "mine.yaml: line" in problem


def test_a_broken_body_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text('{\n"a": \n}')

    (problem,) = try_mapping(tmp_path / "body.json", None, "zendesk")["problems"]

    assert "line 3" in problem


def test_without_a_mapping_or_a_kind_there_is_nothing_to_try(tmp_path: Path) -> None:
    (tmp_path / "body.json").write_text("{}")

    with pytest.raises(Invalid):
        try_mapping(tmp_path / "body.json", None, "product")


def test_a_source_is_listed_with_how_many_secrets_are_good() -> None:
    row = as_row({"name": "desk", "kind": "zendesk", "mapping": None, "secrets": [{"until": None}]})

    assert (row["secrets"], row["mapping"]) == (1, "built-in")
