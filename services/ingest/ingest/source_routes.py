"""/v1/sources: what is told of a source. A secret is shown once, if we made it, and never again."""

import json
import secrets as random
from base64 import b64decode
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from cskit.auth import OPERATE, Principal
from cskit.clock import Clocks
from cskit.db import Database
from cskit.errors import Invalid, NotFound
from cskit.http import Cursor, Limit, encode_cursor, requires
from cskit.messages import UnitOfWorks
from cskit.observability import get_logger
from cskit.webhooks import new_secret
from csmodels.api import Page
from csmodels.fields import PropertyName, UtcTime
from ingest import sources as told
from ingest.api import cursors
from ingest.domain.mapping import InvalidMapping, SourceMapping, parse
from ingest.settings import RESERVED_SOURCES
from ingest.store import sources as store
from ingest.webhooks.reading import built_in
from ingest.webhooks.routes import MOST_BYTES

DEFAULT_LIMIT: Final = 50
DEFAULT_OVERLAP: Final = timedelta(hours=24)
OURS: Final = frozenset({"json", "salesforce"})  # kinds whose secret we may choose; the others' products make theirs
OPTIONS: Final = {
    "product": frozenset[str](),
    "stripe": frozenset({"max_bytes"}),
    "zendesk": frozenset({"max_bytes"}),
    "zoho_desk": frozenset({"max_bytes", "public_key"}),
    "intercom": frozenset({"max_bytes"}),
    "hubspot": frozenset({"max_bytes"}),
    "salesforce": frozenset({"max_bytes", "organization_id"}),
    "json": frozenset({"max_bytes", "header", "prefix", "encoding"}),
}
Kind = Literal["product", "stripe", "zendesk", "zoho_desk", "intercom", "hubspot", "salesforce", "json"]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="As keys are named")]

log = get_logger()


class SourceRequest(BaseModel):
    """All that is told of a source; what is left out is taken away, but for secrets: one is added, none is removed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Kind
    keep: Annotated[list[PropertyName], Field(max_length=100)] = Field(default_factory=list)
    options: dict[str, str | int] = Field(default_factory=dict)
    mapping: str | None = Field(None, description="YAML; the built-in one of the kind if left out")
    secret: Annotated[SecretStr, Field(min_length=8, max_length=512)] | None = None
    secret_overlap: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(days=30))] = DEFAULT_OVERLAP


class SecretTimes(BaseModel):
    """A secret that is valid, without it. until null: the present one."""

    until: UtcTime | None


class SourceDescription(BaseModel):
    """A source. secret is there once, in the answer to the request for which we made one."""

    name: str
    kind: str
    keep: list[str]
    options: dict[str, Any]
    mapping: str | None
    secrets: list[SecretTimes]
    created_at: UtcTime
    changed_at: UtcTime
    secret: str | None = None


def router(database: Database, unit_of_work: UnitOfWorks, clocks: Clocks, sources: told.Sources) -> APIRouter:
    """The routes on this database. A change is seen here at once, by other replicas within five seconds."""
    made = APIRouter(tags=["ingest"])

    @made.get("/v1/sources")
    async def get_sources(
        _: Annotated[Principal, requires(OPERATE)], cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT
    ) -> Page[SourceDescription]:
        """Sources by name, of which something is told."""
        (after,) = cursors.texts(cursor, 1) or ("",)
        async with database.read() as tx:
            rows = await store.page(tx, after=after, limit=limit + 1)
        more = encode_cursor(rows[limit - 1].name) if len(rows) > limit else None
        return Page(items=[_described(row, clocks) for row in rows[:limit]], next=more)

    @made.get("/v1/sources/{name}")
    async def get_source(name: Name, _: Annotated[Principal, requires(OPERATE)]) -> SourceDescription:
        """One source."""
        async with database.read() as tx:
            row = await store.one(tx, name)
        if row is None:
            raise NotFound("unknown_source", f"Nothing is told of a source {name} here: PUT /v1/sources/{name} does.")
        return _described(row, clocks)

    @made.put("/v1/sources/{name}")
    async def put_source(
        name: Name, body: SourceRequest, _: Annotated[Principal, requires(OPERATE)]
    ) -> SourceDescription:
        """Say what a source is. A new secret is added; older ones stay valid for `secret_overlap`."""
        if name in RESERVED_SOURCES:
            raise Invalid("reserved_source", f"{name} is the name of a part of Kizashi. Choose another.", field="name")
        _check(body)
        now = clocks.wall.now()
        async with unit_of_work() as uow:
            row = await store.locked(uow, name, now)
            chosen = _secret(name, body, row, now)
            values = {
                "kind": body.kind,
                "keep": json.dumps(sorted(set(body.keep))),
                "secrets": told.secrets_text(chosen.kept),
                "options": json.dumps(body.options),
                "mapping": body.mapping,
                "changed_at": now,
            }
            await store.change(uow, name, values)
        sources.forget(name)
        log.info("source.changed", source=name, kind=body.kind, secrets=len(chosen.kept))
        async with database.read() as tx:
            saved = await store.one(tx, name)
        return _described(saved, clocks).model_copy(update={"secret": chosen.shown})

    return made


@dataclass(frozen=True, slots=True)
class _Chosen:
    kept: list[told.Secret]
    shown: str | None


def _secret(name: str, body: SourceRequest, row: Any, now: Any) -> _Chosen:
    """The secrets to keep; those of another kind are no secrets of this one."""
    kept = told.secrets_of(row.secrets) if row.kind == body.kind else []
    if body.kind == "product":
        return _Chosen([], None)
    if body.secret is not None:
        return _Chosen(told.rotated(kept, body.secret.get_secret_value(), now, body.secret_overlap), None)
    if any(each.until is None for each in kept):
        return _Chosen(kept, None)
    if body.kind in OURS:
        shown = new_secret() if body.kind == "json" else random.token_urlsafe(32)
        return _Chosen(told.rotated(kept, shown, now, body.secret_overlap), shown)
    if body.kind == "zoho_desk" and "public_key" in body.options:
        return _Chosen([], None)  # checked by the key, and by nothing else
    raise Invalid("missing_secret", f"secret is missing: take it from {body.kind}, where {name} is set up.",
                  field="secret")  # fmt: skip


def _check(body: SourceRequest) -> None:
    """Invalid, naming the field, for options and mappings that cannot be used."""
    unknown = sorted(body.options.keys() - OPTIONS[body.kind])
    if unknown:
        known = ", ".join(sorted(OPTIONS[body.kind])) or "none"
        raise Invalid("unknown_option", f"There is no option {unknown[0]} for {body.kind}; there are: {known}.",
                      field=f"options.{unknown[0]}")  # fmt: skip
    size = body.options.get("max_bytes", 1)
    if not isinstance(size, int) or not 1 <= size <= MOST_BYTES:
        raise Invalid("invalid_option", f"max_bytes should be a number up to {MOST_BYTES}.", field="options.max_bytes")
    if body.kind == "salesforce" and not body.options.get("organization_id"):
        raise Invalid("missing_option", "organization_id is missing: Salesforce shows it under Company Information.",
                      field="options.organization_id")  # fmt: skip
    if body.options.get("encoding", "hex") not in ("hex", "base64"):
        raise Invalid("invalid_option", "encoding should be hex or base64.", field="options.encoding")
    _check_keys(body)
    _check_mapping(body)


def _check_keys(body: SourceRequest) -> None:
    if "public_key" in body.options:
        try:
            RSAKey.import_key(str(body.options["public_key"]))
        except (JoseError, ValueError, TypeError):
            raise Invalid("invalid_option", "public_key should be an RSA key in PEM.",
                          field="options.public_key") from None  # fmt: skip
    if body.secret is None:
        return
    secret = body.secret.get_secret_value()
    if body.kind == "json" and "header" not in body.options:
        try:
            if not 24 <= len(b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64:
                raise ValueError("too short or too long")
        except ValueError:
            raise Invalid("invalid_secret", "secret should be `whsec_` and base64 of 24 to 64 bytes. Leave "
                          "it out to get one.", field="secret") from None  # fmt: skip
    if body.kind in OURS and len(secret) < 16:
        raise Invalid("invalid_secret", "secret should have 16 characters at least.", field="secret")


def _check_mapping(body: SourceRequest) -> SourceMapping | None:
    if body.mapping is None:
        if body.kind == "json":
            raise Invalid("missing_mapping", "mapping is missing: only you know what this source sends.",
                          field="mapping")  # fmt: skip
        return built_in(body.kind)
    if body.kind == "product":
        raise Invalid("invalid_mapping", "mapping is refused: a product sends our own events.", field="mapping")
    try:
        mapping = parse(body.mapping)
    except InvalidMapping as error:
        raise Invalid("invalid_mapping", f"mapping is refused: {error}", field="mapping",
                      extra={"line": error.line}) from None  # fmt: skip
    if mapping.kind != body.kind:
        raise Invalid("invalid_mapping", f"mapping is refused: its kind is {mapping.kind}, not {body.kind}.",
                      field="mapping")  # fmt: skip
    return mapping


def _described(row: Any, clocks: Clocks) -> SourceDescription:
    now = clocks.wall.now()
    valid = [each for each in told.secrets_of(row.secrets) if each.until is None or now < each.until]
    return SourceDescription(
        name=row.name,
        kind=row.kind,
        keep=json.loads(row.keep),
        options=json.loads(row.options),
        mapping=row.mapping,
        secrets=[SecretTimes(until=each.until) for each in valid],
        created_at=row.created_at,
        changed_at=row.changed_at,
    )
