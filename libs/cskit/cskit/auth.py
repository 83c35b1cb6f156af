"""API keys: their text, their file, their scopes; and who a request speaks for.

A key reads `kz_<id>_<secret>`; the file holds only the SHA-256 of the secret. Expiry is by the wall clock.
A browser key begins with `kzb_`. Whoever opens the page can read it: it sends events, from its own origins, and does
nothing else.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from cskit.clock import Clock
from cskit.errors import Forbidden, Invalid, NotFound
from cskit.limits import Limit
from cskit.observability import get_logger

READ: Final = "read"  # GET of accounts, tasks, runs, segments, metrics
WRITE: Final = "write"  # changes to accounts, tasks, runs, plans, goals, invitations, reservations
CONFIGURE: Final = "configure"  # scorecards, playbooks, surveys, staff, webhook endpoints
PEOPLE: Final = "people"  # people, contacts, texts; erasing an account
INGEST: Final = "ingest"  # events and imports
OPERATE: Final = "operate"  # quarantine, sources, deliveries and their replay, dead letters, audit
ADMIN: Final = "admin"  # all of the above
SCOPES: Final = (READ, WRITE, CONFIGURE, PEOPLE, INGEST, OPERATE, ADMIN)

_UNBOUND: Final = 1e6  # events per second, for a key that has a quota only
ACTOR_HEADER: Final = "Kizashi-Actor"  # the staff id a service acts for; only the service key and admin may set it
SOURCE_HEADER: Final = "Kizashi-Source"  # which of the key's sources a request is of, if not the first

_SERVER: Final = "kz"
_BROWSER: Final = "kzb"
_LABEL: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_ORIGIN: Final = re.compile(r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_USUAL_PORT: Final = {"http": 80, "https": 443}
_SHOWN: Final = 200  # characters of what a request says, in an answer

log = get_logger()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for. Keys of one `source` share the ids of their events; it is never None.

    `sources` are those that its requests may choose from; `origins` those of the pages that may send with it, and none
    if it is a server's.
    """

    key_id: str
    name: str
    scopes: frozenset[str]
    source: str
    actor: str | None = None
    limit: Limit | None = None
    sources: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def has(self, scope: str) -> bool:
        """Whether it may do what `scope` covers; admin covers all."""
        return scope in self.scopes or ADMIN in self.scopes


class KeyEntry(BaseModel):
    """One line of the key file. The first of `sources` is the usual one; `origins` make it a browser key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]{8,32}$")
    name: str = Field(pattern=_LABEL)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    sources: tuple[Annotated[str, Field(pattern=_LABEL)], ...] = Field(min_length=1)
    origins: tuple[str, ...] = ()
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate: float | None = Field(default=None, gt=0)  # events per second; None: no limit
    daily: int | None = Field(default=None, gt=0)  # events per UTC day; None: no quota

    @model_validator(mode="before")
    @classmethod
    def _of_one_source(cls, given: Any) -> Any:
        """Files of before hold one `source`, or none where the name is the source."""
        if not isinstance(given, dict) or "sources" in given:
            return given
        rest = {field: value for field, value in given.items() if field != "source"}
        return {**rest, "sources": (given.get("source") or given.get("name"),)}

    @property
    def prefix(self) -> str:
        """How the key's text begins."""
        return _BROWSER if self.origins else _SERVER

    def expired(self, now: datetime) -> bool:
        """Whether it is good no more."""
        return self.expires is not None and self.expires <= now

    @property
    def limit(self) -> Limit | None:
        """How much may be sent with it, four seconds of it at once; None: as much as the server takes."""
        if self.rate is None and self.daily is None:
            return None
        rate = self.rate or _UNBOUND
        return Limit(rate, max(round(4 * rate), 1), self.daily)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: tuple[KeyEntry, ...] = ()


def new_key(
    name: str,
    scopes: Iterable[str],
    sources: Sequence[str] | None,
    expires: datetime | None,
    now: datetime,
    *,
    origins: Iterable[str] | None = None,
    rate: float | None = None,
    daily: int | None = None,
) -> tuple[str, KeyEntry]:
    """A key's text, to be shown once, and the entry that verifies it. Invalid if a name, scope or origin is not right.

    sources: what a request may choose from, the usual one first; None: its name alone. origins: of the pages that may
    send with it, which makes it a browser key, of the scope ingest. rate (events per second) and daily (events per UTC
    day) are above 0 if given.
    """
    wanted = tuple(dict.fromkeys(scopes))
    pages = () if origins is None else _pages(origins)
    if pages:
        wanted = _of_browser(wanted)
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        named = f"The scope “{unknown[0]}” does not exist." if unknown else "A key needs at least one scope."
        raise Invalid("unknown_scope", f"{named} There are: {', '.join(SCOPES)}.", field="scopes")
    key_id = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    secret = secrets.token_urlsafe(32)
    try:
        entry = KeyEntry(
            id=key_id,
            name=name,
            sha256=_sha256(secret),
            scopes=wanted,
            sources=tuple(dict.fromkeys(sources or (name,))),
            origins=pages,
            created=now.astimezone(UTC).replace(microsecond=0),
            expires=expires,
            rate=rate,
            daily=daily,
        )
    except ValidationError as error:
        at = str(error.errors()[0]["loc"][0]).replace("sources", "source")
        rule = "has 1 to 64 of A-Z a-z 0-9 _ . - and begins with a letter or digit"
        raise Invalid("invalid_key_name", f"The {at} of a key {rule}.", field=at) from None
    return f"{entry.prefix}_{key_id}_{secret}", entry


def _pages(origins: Iterable[str]) -> tuple[str, ...]:
    """Origins as browsers write them, at least one: in small letters, without the usual port. Raises Invalid."""
    pages: dict[str, None] = {}
    for given in origins:
        found = _ORIGIN.fullmatch(given.strip().lower())
        port = int(found[3] or _USUAL_PORT[found[1]]) if found else 0
        if found is None or not 0 < port < 2**16:
            raise Invalid(
                "invalid_origin",
                f"“{given[:_SHOWN]}” is no origin. Write it as https://app.example.com or http://localhost:3000, with "
                "no path and no *, and a name of other letters as browsers do (xn--...).",
                field="origins",
            )
        shown = "" if port == _USUAL_PORT[found[1]] else f":{port}"
        pages[f"{found[1]}://{found[2]}{shown}"] = None
    if not pages:
        raise Invalid(
            "missing_origin",
            "A browser key needs the origin of its pages: --origin https://app.example.com.",
            field="origins",
        )
    return tuple(pages)


def _of_browser(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if any(scope != INGEST for scope in scopes):
        raise Invalid(
            "browser_scope",
            "A browser key has the scope ingest and no other, since whoever opens the page can read it.",
            field="scopes",
        )
    return (INGEST,)


class KeyFile:
    """The keys in a JSON file, mode 0600. A change by another process is seen by the next call.

    A broken file keeps the last good content in force and logs an error once for each version of the file.
    """

    def __init__(self, path: Path, wall: Clock) -> None:
        self._path = path
        self._wall = wall
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._entries: dict[str, KeyEntry] = {}

    def verify(self, text: str) -> Principal | None:
        """Whose key this is; None if it is unknown, revoked, expired or no key at all."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        entry = self._current().get(key_id) if secret else None
        if entry is None or prefix != entry.prefix or not hmac.compare_digest(_sha256(secret), entry.sha256):
            return None
        if entry.expired(self._wall.now()):
            return None
        return Principal(
            entry.id,
            entry.name,
            frozenset(entry.scopes),
            entry.sources[0],
            limit=entry.limit,
            sources=entry.sources,
            origins=entry.origins,
        )

    def knows_origin(self, origin: str) -> bool:
        """Whether it is one of a browser key that is good now."""
        now = self._wall.now()
        return any(origin in entry.origins and not entry.expired(now) for entry in self._current().values())

    def list(self) -> Sequence[KeyEntry]:
        """All entries, expired ones too, the oldest first."""
        return sorted(self._current().values(), key=lambda entry: (entry.created, entry.id))

    def add(self, entry: KeyEntry) -> None:
        """Write the file with one key more."""
        with self._changing() as entries:
            entries[entry.id] = entry

    def revoke(self, name_or_id: str) -> int:
        """Remove the key of this id, or all keys of this name; answers how many. NotFound if there is none."""
        with self._changing() as entries:
            gone = [key_id for key_id, entry in entries.items() if name_or_id in (key_id, entry.name)]
            if not gone:
                raise NotFound(
                    "unknown_key", f"There is no key “{name_or_id}” in {self._path}. `kizashi keys list` shows them."
                )
            for key_id in gone:
                del entries[key_id]
        return len(gone)

    def _current(self) -> dict[str, KeyEntry]:
        with self._lock:
            seen = self._stamp()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._entries = self._read()
                except (OSError, ValueError) as error:
                    kept = len(self._entries)
                    log.error("keys.unreadable", path=str(self._path), reason=_first_line(error), kept=kept)
            return self._entries

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino, stat.st_size

    def _read(self) -> dict[str, KeyEntry]:
        """The file's entries by id; none if there is no file. ValueError if it is not a key file."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return {}
        return {entry.id: entry for entry in _File.model_validate_json(content).keys}

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, KeyEntry]]:
        """Read, let the caller change, replace the file; other processes that change it wait."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        guard = os.open(self._path.with_name(self._path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            try:
                entries = self._read()
            except ValueError as error:
                what = f"{self._path} is not a key file ({_first_line(error)})"
                raise Invalid("broken_key_file", f"{what}. Repair or remove it first.") from None
            yield entries
            self._replace(entries)
        finally:
            os.close(guard)

    def _replace(self, entries: dict[str, KeyEntry]) -> None:
        whole = {"keys": [entry.model_dump(mode="json") for entry in entries.values()]}
        fresh = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(whole, out, indent=2)
                out.write("\n")
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


class Keys:
    """All that can open a door: the key file, the services' shared key, and the operator key of a running server."""

    def __init__(
        self, file: KeyFile | None = None, service_key: SecretStr | None = None, operator_key: SecretStr | None = None
    ) -> None:
        self.file = file
        self._shared = tuple(
            (key.get_secret_value(), name)
            for key, name in ((service_key, "service"), (operator_key, "operator"))
            if key is not None and key.get_secret_value()
        )

    def verify(self, text: str, actor: str | None = None, source: str | None = None) -> Principal | None:
        """Whose key this is, acting for `actor` (the header Kizashi-Actor) and as `source` (Kizashi-Source).

        Forbidden if it may not name an actor, or has no such source.
        """
        principal = self._of(text)
        if principal is None:
            return None
        if source and source != principal.source:
            principal = _speaking_as(source, principal)
        if not actor:
            return principal
        if ADMIN not in principal.scopes:
            raise Forbidden(
                "actor_not_allowed",
                f"The key “{principal.name}” may not act for others. Leave out {ACTOR_HEADER}, or use an admin key.",
                field=ACTOR_HEADER,
            )
        return replace(principal, actor=actor)

    def knows_origin(self, origin: str) -> bool:
        """Whether pages of this origin may send with some key."""
        return self.file is not None and self.file.knows_origin(origin)

    def _of(self, text: str) -> Principal | None:
        if not text.isascii():  # no key is; and half a character, which JSON may hold, has no bytes to compare
            return None
        for secret, name in self._shared:
            if hmac.compare_digest(text.encode(), secret.encode()):
                return Principal(name, name, frozenset({ADMIN}), name, sources=(name,))
        return self.file.verify(text) if self.file is not None else None


def _speaking_as(source: str, principal: Principal) -> Principal:
    if source not in principal.sources:
        raise Forbidden(
            "source_not_allowed",
            f"The key “{principal.name}” does not have the source “{source[:_SHOWN]}”. "
            f"It has: {', '.join(principal.sources)}.",
            field=SOURCE_HEADER,
            extra={"sources": principal.sources},
        )
    return replace(principal, source=source)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
