"""/v1/playbooks and /v1/runs."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response

from cskit.auth import Principal
from cskit.errors import JSON, Conflict, Invalid, NotFound
from cskit.http import Cursor, Limit, WriteId, encode_cursor, requires
from csmodels.api import Body, Model, Page
from csmodels.fields import Account, UtcTime
from playbook.api.edge import Edge, actor_of, after_of, name_after, page_of
from playbook.definitions import definition_of
from playbook.domain.document import InvalidDocument
from playbook.domain.run import BY_HAND, Cause, Run, run_id
from playbook.ledger import Ledger
from playbook.store import definitions, lists
from playbook.store.definitions import Version

_DOCUMENT = {"requestBody": {"required": True, "content": {
    "application/yaml": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}},
}}}  # fmt: skip


class PlaybookVersion(Model):
    """A version of a playbook; `active` is the one that starts runs."""

    id: str
    version: int
    active: bool
    name: dict[str, str]
    kind: str
    trigger: str
    sha256: str
    applied_at: UtcTime
    applied_by: str


class PlaybookDocument(PlaybookVersion):
    """A version with its text, as it was applied."""

    document: str


class AppliedPlaybook(PlaybookVersion):
    """The answer to applying; `changed` is false if that very text was active already."""

    changed: bool


class PlaybookPatch(Body):
    """Switch a playbook on or off, or to another of its versions (a rollback)."""

    active: bool
    version: int | None = None


class RunStart(Body):
    """Start a run by hand."""

    account: Account


class RunAnswer(Model):
    """A run. `trigger` is the id of what started it; `reason` says why it ended."""

    id: str
    playbook: str
    version: int
    account: str
    trigger: str
    trigger_type: str
    state: Literal["waiting", "running", "ended"]
    reason: str | None
    started_at: UtcTime
    ended_at: UtcTime | None


def routes(edge: Edge) -> APIRouter:
    """The endpoints."""
    router = APIRouter(tags=["playbooks"])
    reader = Annotated[Principal, requires("read")]
    writer = Annotated[Principal, requires("write")]
    editor = Annotated[Principal, requires("configure")]

    @router.get("/v1/playbooks")
    async def list_playbooks(_: reader, limit: Limit = 50, cursor: Cursor = None) -> Page[PlaybookVersion]:
        """One version of each playbook: the active one, else the newest."""
        await edge.playbooks.apply_library()
        async with edge.database.read() as tx:
            found = await definitions.current(tx, name_after(cursor), limit + 1)
        more = encode_cursor(found[limit - 1].id) if len(found) > limit else None
        return Page(items=[PlaybookVersion(**_fields(each)) for each in found[:limit]], next=more)

    @router.post("/v1/playbooks", openapi_extra=_DOCUMENT)
    async def apply_playbook(request: Request, principal: editor, ids: WriteId, response: Response) -> AppliedPlaybook:
        """Apply a playbook, YAML or JSON: 201 for a new version, which is active at once, 200 if nothing changed."""
        text = _text(await request.body())
        await edge.playbooks.apply_library()
        try:
            async with edge.units() as uow:
                repeated = await edge.repeated(uow, ids)
                applied = await edge.playbooks.apply(uow, text, actor_of(principal), look_only=repeated)
                version = applied.version
                # With a key also that nothing had to be changed: a repeat must not change it later.
                if applied.changed or (ids.repeatable and not repeated):
                    edge.record(uow, ids, principal, "playbook.applied", version.id, version=version.version)
        except InvalidDocument as error:
            raise refused(error) from None
        response.status_code = 201 if applied.changed else 200
        return AppliedPlaybook(**_fields(version), changed=applied.changed)

    @router.get("/v1/playbooks/{playbook}")
    async def show_playbook(playbook: str, _: reader) -> PlaybookDocument:
        """The active version with its document, else the newest."""
        return _document(await _versions(edge, playbook))

    @router.get("/v1/playbooks/{playbook}/versions")
    async def list_playbook_versions(playbook: str, _: reader) -> Page[PlaybookDocument]:
        """All versions, the newest first."""
        found = await _versions(edge, playbook)
        return Page(items=[PlaybookDocument(**_fields(each), document=each.document) for each in found])

    @router.patch("/v1/playbooks/{playbook}")
    async def switch_playbook(playbook: str, body: PlaybookPatch, principal: editor, ids: WriteId) -> PlaybookDocument:
        """Switch it on or off, or back to a version. Runs that go on keep the version they started with."""
        async with edge.units() as uow:
            found = await definitions.versions(uow.tx, playbook, lock=True)
            if not found:
                raise _unknown(playbook)
            if await edge.repeated(uow, ids):
                return _document(found)
            wanted = next((each for each in found if body.version in (None, each.version)), None)
            if wanted is None:
                raise NotFound("unknown_version", f"The playbook “{playbook}” has no version {body.version}.")
            await definitions.activate(uow.tx, playbook, wanted.version if body.active else None)
            edge.record(uow, ids, principal, "playbook.switched", playbook, active=body.active, version=wanted.version)
        return PlaybookDocument(**{**_fields(wanted), "active": body.active}, document=wanted.document)

    @router.post("/v1/playbooks/{playbook}/runs", status_code=201)
    async def start_run(
        playbook: str, body: RunStart, principal: writer, ids: WriteId, response: Response
    ) -> RunAnswer:
        """Start a run by hand, whatever its trigger, accounts and limits say. Repeated with its key: the same run."""
        cause = Cause(f"hand/{ids()}", BY_HAND, {"id": ids(), "type": BY_HAND, "data": {"by": actor_of(principal)}})
        async with edge.units() as uow:
            catalogue = await edge.playbooks.catalogue(uow.tx)
            found = next((each for id_, each in catalogue.active.items() if id_ == playbook), None)
            if found is None:
                if any(id_ == playbook for id_, _ in catalogue.versions):
                    raise Conflict("playbook_off", f"The playbook “{playbook}” is switched off. Switch it on first.")
                raise _unknown(playbook)
            causes = [(found.definition.id, body.account, cause.id)]
            now = edge.world.now()
            ledger = await Ledger.opened(uow, edge.means, catalogue, {body.account}, now, causes=causes)
            started = ledger.start(found, body.account, cause)
            await ledger.save()
            id_ = run_id(*causes[0])
            if started is not None:
                edge.record(uow, ids, principal, "run.started", id_, playbook=playbook, account=body.account)
        async with edge.database.read() as tx:
            run = await lists.run(tx, id_)
        assert run is not None, "a run by hand always starts"
        response.status_code = 201 if started is not None else 200
        return _run(run)

    @router.get("/v1/runs")
    async def list_runs(
        _: reader,
        account: str | None = None,
        playbook: str | None = None,
        state: Literal["waiting", "running", "ended"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[RunAnswer]:
        """Runs, the newest first."""
        asked = {"account": account, "playbook": playbook, "state": state}
        equal = {name: value for name, value in asked.items() if value is not None}
        async with edge.database.read() as tx:
            found = await lists.run_page(tx, equal, after_of(cursor), limit + 1)
        shown, more = page_of(found, limit, lambda run: (run.started_at, run.id))
        return Page(items=[_run(run) for run in shown], next=more)

    return router


def refused(error: InvalidDocument) -> Invalid:
    """Every mistake of a document, in its order."""
    mistakes: list[JSON] = [
        {"line": each.at.line, "column": each.at.column, "field": each.path, "message": each.message}
        for each in error.mistakes
    ]
    return Invalid("invalid_playbook", str(error), field=error.mistakes[0].path, extra={"mistakes": mistakes})


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Invalid("invalid_playbook", f"The playbook is not UTF-8: an error at byte {error.start}.") from None


async def _versions(edge: Edge, playbook: str) -> list[Version]:
    await edge.playbooks.apply_library()
    async with edge.database.read() as tx:
        found = await definitions.versions(tx, playbook)
    if not found:
        raise _unknown(playbook)
    return list(found)


def _document(versions: Sequence[Version]) -> PlaybookDocument:
    """The active version, else the newest, which stands in front."""
    shown = next((each for each in versions if each.active), versions[0])
    return PlaybookDocument(**_fields(shown), document=shown.document)


def _fields(version: Version) -> dict[str, Any]:
    definition = definition_of(version.document)
    return {
        "id": version.id,
        "version": version.version,
        "active": version.active,
        "name": dict(definition.name),
        "kind": definition.kind,
        "trigger": definition.trigger.on,
        "sha256": version.sha256,
        "applied_at": version.applied_at,
        "applied_by": version.applied_by,
    }


def _run(run: Run) -> RunAnswer:
    return RunAnswer(
        id=run.id,
        playbook=run.playbook,
        version=run.version,
        account=run.account,
        trigger=run.cause.id,
        trigger_type=run.cause.type,
        state=run.state.value,
        reason=run.reason.value if run.reason else None,
        started_at=run.started_at,
        ended_at=run.ended_at,
    )


def _unknown(playbook: str) -> NotFound:
    return NotFound("unknown_playbook", f"There is no playbook “{playbook}”. GET /v1/playbooks lists them.")
