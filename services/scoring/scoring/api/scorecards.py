"""The HTTP edge of scorecards: versions, what is in force, comparing, applying, rolling back."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query, Request, Response
from starlette.responses import StreamingResponse

from cskit.auth import CONFIGURE, READ, Principal
from cskit.db import Database
from cskit.errors import JSON, Invalid
from cskit.http import Cursor, Limit, WriteId, decode_cursor, encode_cursor, requires
from cskit.http.pages import DEFAULT_LIMIT
from cskit.http.queries import KNOWN_ONLY
from csmodels.api import Page
from csmodels.fields import Band
from csmodels.topics import PARTITIONS
from scoring.api.scorecard_answers import (
    ApplicationAnswer,
    AppliedScorecard,
    ApplyRequest,
    Difference,
    DifferenceAnswer,
    FieldChange,
    MoveAnswer,
    MovedAccount,
    RollbackRequest,
    ScorecardDocument,
    ScorecardVersion,
    SideAnswer,
    StoredScorecard,
)
from scoring.applying import Done, Scorecards, unknown
from scoring.catalogue import Catalogue, names_of
from scoring.comparing import Compared, Comparing, Lot, Move, Totals
from scoring.documents import read_scorecard
from scoring.scorecards.reading import MisplacedDocument
from scoring.store import scorecards as store
from scoring.store.scorecards import Application, Version

NDJSON: Final = "application/x-ndjson"
_LISTED: Final = 500  # accounts that change band, in an answer that is one document
_DOCUMENT: Final = {"requestBody": {"required": True, "content": {
    "application/yaml": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}},
}}}  # fmt: skip

Note = Annotated[str | None, Query(max_length=500, description="Why, for the history")]


def router(*, database: Database, scorecards: Scorecards, catalogue: Catalogue, comparing: Comparing) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["scorecards"])

    @routes.get("/v1/scorecards")
    async def list_scorecards(_: Annotated[Principal, requires(READ)]) -> Page[ScorecardVersion]:
        """All versions of scorecards, by name and version."""
        async with database.read() as tx:
            in_force = set(names_of(await catalogue.applied(tx)))
            found = await store.versions(tx)
        return Page(items=[ScorecardVersion(**_fields(each, each.name in in_force)) for each in found])

    @routes.get("/v1/scorecards/history", dependencies=[KNOWN_ONLY])
    async def list_applications(
        _: Annotated[Principal, requires(READ)],
        scorecard: Annotated[str | None, Query(max_length=64, description="Only of this id")] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Page[ApplicationAnswer]:
        """What was applied and rolled back, by whom; the newest first."""
        before = _number_of(cursor) if cursor else None
        async with database.read() as tx:
            done = await store.applications(tx)
        wanted = [
            each
            for each in reversed(done)
            if scorecard in (None, each.scorecard) and (before is None or each.number < before)
        ]
        following = encode_cursor(wanted[limit - 1].number) if len(wanted) > limit else None
        return Page(items=[_application(each) for each in wanted[:limit]], next=following)

    @routes.post("/v1/scorecards", openapi_extra=_DOCUMENT)
    async def store_scorecard(
        request: Request,
        response: Response,
        by: Annotated[Principal, requires(CONFIGURE)],
        _: WriteId,
        note: Note = None,
    ) -> StoredScorecard:
        """Store a scorecard, YAML or JSON, as the next version of its id: 201, or 200 if it was stored already.

        Nothing is scored by it until it is applied.
        """
        document, _card = _read(await request.body())
        stored = await scorecards.store(document, by, note)
        response.status_code = 201 if stored.new else 200
        told = await _document(database, catalogue, stored.version)
        return StoredScorecard(**told, new=stored.new, changes=[_change(each) for each in stored.changes])

    @routes.post("/v1/scorecards/diff", openapi_extra=_DOCUMENT, response_model=DifferenceAnswer)
    async def compare_scorecard(request: Request, _: Annotated[Principal, requires(CONFIGURE)]) -> Any:
        """Score every account under what is in force and under this document, by today's facts; nothing is changed.

        With Accept: application/x-ndjson a line `{"progress": {"done", "of"}}` per lot, a line per account that changes
        band, and at the end `{"totals": {...}}`; without that line it broke off. Else one document at the end.
        """
        document, _card = _read(await request.body())
        draft = await scorecards.draft(document)
        totals = Totals()
        lots = comparing.compare(draft.card, totals)

        def difference() -> Difference:
            changing = totals.changing
            return Difference(
                name=draft.card.name,
                accounts=totals.accounts,
                mrr=totals.mrr,
                rescored=totals.rescored,
                changing=changing.accounts,
                changing_mrr=changing.mrr,
                share=changing.accounts / totals.accounts if totals.accounts else 0.0,
                unpriced=totals.unpriced,
                moves=[_move(bands, move) for bands, move in sorted(totals.moves.items())],
                changes=[_change(each) for each in draft.changes],
                key_features=list(draft.key_features),
            )

        first = await anext(lots, None)  # what is refused is refused before the answer begins
        if NDJSON in request.headers.get("accept", ""):
            return StreamingResponse(_lines(first, lots, difference), media_type=NDJSON)
        items = [_moved(each) for each in first.moved] if first else []
        async for lot in lots:
            items += [_moved(each) for each in lot.moved[: _LISTED - len(items)]]
        return DifferenceAnswer(**dict(difference()), items=items[:_LISTED])

    @routes.get("/v1/scorecards/{version}")
    async def get_scorecard(version: str, _: Annotated[Principal, requires(READ)]) -> ScorecardDocument:
        """One version (like default@3) with its document."""
        async with database.read() as tx:
            found = (await store.named(tx, [version])).get(version)
        if found is None:
            raise unknown(version)
        return ScorecardDocument(**await _document(database, catalogue, found))

    @routes.post("/v1/scorecards/{version}/apply")
    async def apply_scorecard(
        version: str,
        by: Annotated[Principal, requires(CONFIGURE)],
        ids: WriteId,
        body: Annotated[ApplyRequest | None, Body()] = None,
    ) -> AppliedScorecard:
        """Put a version in force: every account is scored by it at one place of its partition's log."""
        return _applied(await scorecards.apply(version, by, ids, body.note if body else None))

    @routes.post("/v1/scorecards/{scorecard}/rollback")
    async def roll_back_scorecard(
        scorecard: str,
        by: Annotated[Principal, requires(CONFIGURE)],
        ids: WriteId,
        body: Annotated[RollbackRequest | None, Body()] = None,
    ) -> AppliedScorecard:
        """Put back in force what was before (scorecard is an id), or the version that is named (like default@3)."""
        id_, _, named = scorecard.partition("@")
        to = body.to if body and body.to is not None else _version_of(scorecard, named)
        return _applied(await scorecards.roll_back(id_, to, by, ids, body.note if body else None))

    return routes


def _read(body: bytes) -> Any:
    try:
        return read_scorecard(body.decode())
    except UnicodeDecodeError as error:
        raise Invalid("invalid_scorecard", f"The scorecard is not UTF-8: an error at byte {error.start}.") from None
    except MisplacedDocument as error:
        mistake: JSON = {"line": error.line, "column": error.column, "field": error.where, "message": str(error)}
        raise Invalid("invalid_scorecard", str(error), field=error.where, extra={"mistakes": [mistake]}) from None


async def _lines(first: Lot | None, lots: AsyncIterator[Lot], difference: Any) -> AsyncIterator[str]:
    if first is not None:
        yield _lines_of(first)
    async for lot in lots:
        yield _lines_of(lot)
    yield _line({"totals": difference().model_dump(mode="json")})


def _lines_of(lot: Lot) -> str:
    moved = [_line(_moved(each).model_dump(mode="json")) for each in lot.moved]
    return "".join([*moved, _line({"progress": {"done": lot.done, "of": lot.of}})])


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


async def _document(database: Database, catalogue: Catalogue, version: Version) -> dict[str, Any]:
    async with database.read() as tx:
        in_force = version.name in names_of(await catalogue.applied(tx))
        states = await store.in_partitions(tx)
    return {
        **_fields(version, in_force),
        "document": json.loads(version.document),
        "partitions": sum(version.name in names_of(applied) for applied in states.values()),
        "of_partitions": PARTITIONS,
    }


def _fields(version: Version, in_force: bool) -> dict[str, Any]:
    document = json.loads(version.document)
    return {
        "name": version.name,
        "scorecard": version.scorecard,
        "version": version.version,
        "sha256": version.sha256,
        "created_at": version.at,
        "author": version.author,
        "note": version.note,
        "in_force": in_force,
        "applies_to": document.get("applies_to"),
        "precedence": document.get("precedence") or 0,
    }


def _application(each: Application) -> ApplicationAnswer:
    return ApplicationAnswer(
        number=each.number,
        kind=each.kind,
        name=each.name,
        sha256=each.sha256,
        in_force=names_of(each.in_force),
        at=each.at,
        actor=each.actor,
        note=each.note,
    )


def _applied(done: Done) -> AppliedScorecard:
    return AppliedScorecard(
        name=done.name,
        sha256=done.sha256,
        changed=done.changed,
        in_force=names_of(done.in_force),
        key_features=list(done.key_features),
        folded=done.folded,
    )


def _change(each: Any) -> FieldChange:
    return FieldChange(field=each.field, before=each.before, after=each.after)


def _moved(each: Compared) -> MovedAccount:
    return MovedAccount(
        account=each.account,
        name=each.name,
        segment=each.segment,
        owner=each.owner,
        mrr=each.mrr,
        before=_side(each.before),
        after=_side(each.after),
    )


def _side(side: Any) -> SideAnswer:
    return SideAnswer(scorecard=side.scorecard, score=side.score, band=side.band)


def _move(bands: tuple[Band, Band], move: Move) -> MoveAnswer:
    return MoveAnswer(from_band=bands[0], to_band=bands[1], accounts=move.accounts, mrr=move.mrr)


def _number_of(cursor: str) -> int:
    match decode_cursor(cursor):
        case (int() as number,):
            return number
    raise Invalid("invalid_cursor", "This cursor is not of this list. Leave it out to begin anew.", field="cursor")


def _version_of(scorecard: str, named: str) -> int | None:
    if not named:
        return None
    if not (named.isascii() and named.isdigit() and len(named) < 10):
        raise unknown(scorecard)
    return int(named)
