"""POST and GET /v1/imports: files of rows, sent in slices by whoever reads them."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter

from cskit.auth import INGEST, OPERATE, Principal
from cskit.errors import Forbidden
from cskit.http import DEFAULT_LIMIT, Cursor, Limit, encode_cursor, moment_of, requires
from csmodels.api import Page
from ingest.api import cursors
from ingest.imports.models import Import, NewImport, Slice, SliceAnswer, Trial, TrialAnswer
from ingest.imports.taking import Imports, Visible, told
from ingest.settings import RESERVED_SOURCES
from ingest.store import imports as store

USUAL_SOURCE: Final = "import"  # of keys whose own source is a part of Kizashi, such as the operator's

Caller = Annotated[Principal, requires(INGEST)]


def router(imports: Imports) -> APIRouter:
    """The routes on these imports. A key sees those of its source; one that may operate sees all."""
    made = APIRouter(tags=["imports"])

    @made.post("/v1/imports")
    async def post_import(body: NewImport, caller: Caller) -> Import:
        """Begin an import, or find where the same file stopped."""
        return await imports.begin(_source(caller, body.source), body)

    @made.post("/v1/imports/preview")
    async def post_preview(body: Trial, _: Caller) -> TrialAnswer:
        """What would become of these rows; nothing is written."""
        return imports.preview(body)

    @made.post("/v1/imports/{id}/rows")
    async def post_rows(id: UUID, body: Slice, caller: Caller) -> SliceAnswer:
        """Take the next rows, answered after the log has them. The same rows again change nothing."""
        return await imports.take(str(id), body, _visible(caller))

    @made.post("/v1/imports/{id}/done")
    async def post_done(id: UUID, caller: Caller) -> Import:
        """End the import: the same file is refused from now on."""
        return await imports.end(str(id), _visible(caller))

    @made.get("/v1/imports/{id}")
    async def get_import(id: UUID, caller: Caller) -> Import:
        """An import and how far it is."""
        return await imports.show(str(id), _visible(caller))

    @made.get("/v1/imports")
    async def get_imports(caller: Caller, cursor: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> Page[Import]:
        """Imports, the newest first."""
        before = _place(cursor)
        source = None if caller.has(OPERATE) else _own(caller)
        async with imports.database.read() as tx:
            rows = await store.listed(tx, source=source, before=before, limit=limit + 1)
        more = None
        if len(rows) > limit:
            more = encode_cursor(rows[limit - 1].created_at.isoformat(), rows[limit - 1].id)
        return Page(items=[told(row) for row in rows[:limit]], next=more)

    return made


def _own(caller: Principal) -> str:
    return USUAL_SOURCE if caller.source in RESERVED_SOURCES else caller.source


def _source(caller: Principal, asked: str | None) -> str:
    own = _own(caller)
    if asked is None or asked == own:
        return own
    if not caller.has(OPERATE):
        raise Forbidden(
            "foreign_source",
            f"The key “{caller.name}” imports for its own source, {own}. Another one needs the scope operate.",
            field="source",
        )
    if asked in RESERVED_SOURCES:
        raise Forbidden("reserved_source", f"“{asked}” is the name of a part of Kizashi.", field="source")
    return asked


def _visible(caller: Principal) -> Visible:
    own, all_of_them = _own(caller), caller.has(OPERATE)
    return lambda source: all_of_them or source == own


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    found = cursors.texts(cursor, 2)
    if found is None:
        return None
    at, import_id = found
    try:
        return moment_of(at), str(UUID(import_id))
    except ValueError:
        raise cursors.foreign() from None
