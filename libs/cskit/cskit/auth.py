"""API keys: their text, their file, their scopes; and who a request speaks for.

A key reads `kz_<id>_<secret>`; the file holds only the SHA-256 of the secret. Expiry is by the wall clock.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

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

log = get_logger()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a request speaks for. Keys of one `source` share the ids of their events; it is never None."""

    key_id: str
    name: str
    scopes: frozenset[str]
    source: str
    actor: str | None = None
    limit: Limit | None = None

    def has(self, scope: str) -> bool:
        """Whether it may do what `scope` covers; admin covers all."""
        return scope in self.scopes or ADMIN in self.scopes


class KeyEntry(BaseModel):
    """One line of the key file. `source` None means that the name is the source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9]{8,32}$")
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[str, ...]
    source: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    created: AwareDatetime
    expires: AwareDatetime | None = None
    rate: float | None = Field(default=None, gt=0)  # events per second; None: no limit
    daily: int | None = Field(default=None, gt=0)  # events per UTC day; None: no quota

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
    source: str | None,
    expires: datetime | None,
    now: datetime,
    *,
    rate: float | None = None,
    daily: int | None = None,
) -> tuple[str, KeyEntry]:
    """A key's text, to be shown once, and the entry that verifies it. Invalid if the name or a scope is not right.

    rate (events per second) and daily (events per UTC day) are above 0 if given.
    """
    wanted = tuple(dict.fromkeys(scopes))
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
            source=source,
            created=now.astimezone(UTC).replace(microsecond=0),
            expires=expires,
            rate=rate,
            daily=daily,
        )
    except ValidationError as error:
        at = str(error.errors()[0]["loc"][0])
        rule = "has 1 to 64 of A-Z a-z 0-9 _ . - and begins with a letter or digit"
        raise Invalid("invalid_key_name", f"The {at} of a key {rule}.", field=at) from None
    return f"kz_{key_id}_{secret}", entry


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
        entry = self._current().get(key_id) if prefix == "kz" and secret else None
        if entry is None or not hmac.compare_digest(_sha256(secret), entry.sha256):
            return None
        if entry.expires is not None and entry.expires <= self._wall.now():
            return None
        return Principal(entry.id, entry.name, frozenset(entry.scopes), entry.source or entry.name, limit=entry.limit)

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

    def verify(self, text: str, actor: str | None = None) -> Principal | None:
        """Whose key this is, acting for `actor` (the header Kizashi-Actor). Forbidden if it may not name an actor."""
        principal = self._of(text)
        if principal is None or not actor:
            return principal
        if ADMIN not in principal.scopes:
            raise Forbidden(
                "actor_not_allowed",
                f"The key “{principal.name}” may not act for others. Leave out {ACTOR_HEADER}, or use an admin key.",
                field=ACTOR_HEADER,
            )
        return replace(principal, actor=actor)

    def _of(self, text: str) -> Principal | None:
        for secret, name in self._shared:
            if hmac.compare_digest(text.encode(), secret.encode()):
                return Principal(name, name, frozenset({ADMIN}), name)
        return self.file.verify(text) if self.file is not None else None


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
