"""kizashi sources: list them over HTTP; try a mapping without a server."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allinone.commands.calls import call, server_client
from allinone.commands.output import say
from cskit.errors import Invalid
from cskit.settings import Settings
from ingest.domain import native
from ingest.domain.drafts import Arrival, Refusal
from ingest.domain.functions import MappingFailed
from ingest.domain.mapping import InvalidMapping, Made, SourceMapping, made_of, parse
from ingest.webhooks.reading import Unreadable, built_in, values_of


def list_sources(settings: Settings) -> list[dict[str, Any]]:
    """All sources, as the server describes them."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    with server_client(settings, "ingest") as client:
        while True:
            params = {"limit": 500} | ({} if cursor is None else {"cursor": cursor})
            page = call(client, "GET", "/v1/sources", params=params)
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found


def as_row(source: Mapping[str, Any]) -> dict[str, Any]:
    """A source in a line: how many secrets are valid, and whose mapping is used."""
    mapping = "own" if source["mapping"] else "" if source["kind"] == "product" else "built-in"
    return {**source, "secrets": len(source["secrets"]), "mapping": mapping}


def try_mapping(file: Path, mapping_file: Path | None, kind: str | None) -> dict[str, Any]:
    """The items that a body makes, and what is wrong with the body, the mapping or an item, with its line.

    Invalid if there is no such file, or neither a mapping nor a kind that has one.
    """
    body = _bytes(file)
    try:
        mapping = _mapping(mapping_file, kind)
    except InvalidMapping as error:
        return {"items": [], "problems": [f"{mapping_file}: {error}"]}
    try:
        made = list(made_of(mapping, values_of(mapping.kind, body), "test"))
    except Unreadable as error:
        return {"items": [], "problems": [f"{file}: {error}"]}
    except MappingFailed as error:
        return {"items": [], "problems": [str(error)]}
    problems = [problem for number, one in enumerate(made) if (problem := _problem(one, number)) is not None]
    return {"items": [_shown(one) for one in made if one.problem is None], "problems": problems}


def tell(tried: Mapping[str, Any]) -> None:
    """The items as JSON, one after the other, then what is wrong."""
    for item in tried["items"]:
        say(json.dumps(item, ensure_ascii=False, indent=2))
    for problem in tried["problems"]:
        say(f"Wrong: {problem}")
    if not tried["items"] and not tried["problems"]:
        say("Nothing: no rule of the mapping holds for this body. It would be answered 200 with no items.")


def _mapping(mapping_file: Path | None, kind: str | None) -> SourceMapping:
    if mapping_file is not None:
        mapping = parse(_bytes(mapping_file).decode("utf-8", "replace"))
        if kind not in (None, mapping.kind):
            raise Invalid("wrong_kind", f"{mapping_file} is a mapping for {mapping.kind}, not for {kind}.")
        return mapping
    found = None if kind is None else built_in(kind)
    if found is None:
        raise Invalid("missing_mapping", "Name a mapping with --mapping FILE, or a kind that has one with --kind: "
                      "stripe, zendesk, zoho_desk, intercom, hubspot or salesforce.")  # fmt: skip
    return found


def _problem(one: Made, number: int) -> str | None:
    """What ingest would say of this item."""
    if one.problem is not None:
        return one.problem
    arrival = Arrival("test", datetime.now(UTC), b"test")
    raw = json.dumps(one.item, ensure_ascii=False).encode("utf-8", "surrogatepass")
    said = native.draft(raw, number, arrival)
    return f"item {number} ({one.item['id']}): {said.message}" if isinstance(said, Refusal) else None


def _shown(one: Made) -> dict[str, Any]:
    return {**one.item, **({} if one.text is None else {"(text kept aside)": one.text})}


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid("unreadable_file", f"{file} cannot be read: {error.strerror}.") from None
