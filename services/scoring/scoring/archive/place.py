"""Where the archive is: a folder, or a bucket of an S3-compatible store. pyarrow is loaded when a place is opened."""

import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from cskit.settings import Settings, SettingsError
from scoring.archive.files import TOPIC, ArchiveFile, FileGone, folder, parsed

_S3: Final = "s3://"
_ADDRESS: Final = re.compile(r"s3://[\w.-]+(/[^/]+)*/?", re.ASCII)
_SAID: Final = 300  # characters of what a store says


class ArchiveUnreachable(Exception):
    """The place of the archive does not answer or refuses; trying again may help. The text holds no secret."""


class ArchiveOfAnotherTopic(ArchiveUnreachable):
    """The place holds the records of another topic: of one before it was made anew, or of another installation."""

    def __init__(self, where: str, found: str, wanted: str) -> None:
        super().__init__(
            f"{where} holds the records of another log (topic {found}; ours is {wanted}). Nothing is archived there "
            "and the log keeps everything. Name an empty place as KIZASHI_ARCHIVE."
        )


@dataclass(frozen=True, slots=True)
class ArchiveRoot:
    """The address of an archive: a folder, or s3://bucket/prefix with what the store asks for. Secrets are not in repr.

    Without a key the store's usual ways of finding one hold (environment, profile, role).
    """

    address: str
    endpoint: str | None = None
    region: str | None = None
    access_key: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    patience: float = 10.0  # seconds without a byte from the store; each request is tried three times

    @classmethod
    def of(cls, settings: Settings, address: str) -> "ArchiveRoot":
        """From KIZASHI_ARCHIVE_*. SettingsError, without the address, if it is neither a folder nor s3://bucket/prefix."""
        if "://" in address and not _ADDRESS.fullmatch(address):
            raise SettingsError("KIZASHI_ARCHIVE is neither a folder nor an address such as s3://bucket/prefix.")
        key, secret = settings.archive_access_key, settings.archive_secret_key
        if (key is None) != (secret is None):
            raise SettingsError("KIZASHI_ARCHIVE_ACCESS_KEY and KIZASHI_ARCHIVE_SECRET_KEY go together: set both.")
        return cls(
            address,
            endpoint=settings.archive_endpoint,
            region=settings.archive_region,
            access_key=key.get_secret_value() if key else None,
            secret_key=secret.get_secret_value() if secret else None,
        )

    def open(self) -> "Place":
        """The place, for use from any thread, one call at a time."""
        return _bucket(self) if self.address.startswith(_S3) else Folder(Path(self.address))


class Place(Protocol):
    """Files by their names below a root. Raises ArchiveUnreachable where the place does not do what it should."""

    where: str  # for messages

    def files(self, partition: int) -> list[ArchiveFile]:
        """The files of a partition, in the order of their offsets."""

    def put(self, file: ArchiveFile, content: bytes) -> None:
        """Write a file whole: readers see all of it or what was there before; it is durable at the return."""

    def source(self, file: ArchiveFile) -> Any:
        """The file for pyarrow to read. FileGone if it is not there."""

    def delete(self, files: Iterable[ArchiveFile]) -> None:
        """Remove files; one that is gone already is well."""

    def topic(self) -> str | None:
        """The id of the topic whose records these are; None if nobody has said."""

    def set_topic(self, id_: str) -> None:
        """Say whose they are."""


def check_topic(place: Place, id_: str) -> bool:
    """Whether the place is known to be of this topic; False where nobody has said of which. ArchiveOfAnotherTopic."""
    found = place.topic()
    if found not in (None, id_):
        raise ArchiveOfAnotherTopic(place.where, str(found), id_)
    return found is not None


class Folder:
    """A folder on this machine or a mounted one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.where = str(root)

    def files(self, partition: int) -> list[ArchiveFile]:
        """See Place."""
        try:
            names = os.listdir(self._root / folder(partition))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _refused(self.where, error) from error
        return sorted(file for name in names if (file := parsed(partition, name)))

    def put(self, file: ArchiveFile, content: bytes) -> None:
        """See Place: a temporary name beside it, then renamed."""
        self._write(self._root / file.name, content)

    def topic(self) -> str | None:
        """See Place."""
        try:
            return (self._root / TOPIC).read_text()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(self.where, error) from error

    def set_topic(self, id_: str) -> None:
        """See Place."""
        self._write(self._root / TOPIC, id_.encode())

    def _write(self, path: Path, content: bytes) -> None:
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            beside.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise _refused(self.where, error) from error

    def source(self, file: ArchiveFile) -> Any:
        """See Place."""
        from pyarrow import OSFile  # type: ignore[import-untyped]

        try:
            return OSFile(str(self._root / file.name))
        except FileNotFoundError as error:
            raise FileGone(self.where, file) from error
        except OSError as error:
            raise _refused(self.where, error) from error

    def delete(self, files: Iterable[ArchiveFile]) -> None:
        """See Place."""
        try:
            for file in files:
                (self._root / file.name).unlink(missing_ok=True)
        except OSError as error:
            raise _refused(self.where, error) from error


class Bucket:
    """A store that pyarrow reaches: a put is whole or not at all."""

    def __init__(self, filesystem: Any, prefix: str, where: str, hidden: tuple[str, ...] = ()) -> None:
        self._files = filesystem
        self._hidden = hidden  # secrets, should the store repeat them in an error
        self._prefix = prefix.rstrip("/")
        self.where = where

    def files(self, partition: int) -> list[ArchiveFile]:
        """See Place."""
        from pyarrow.fs import FileSelector  # type: ignore[import-untyped]

        try:
            found = self._files.get_file_info(FileSelector(f"{self._prefix}/{folder(partition)}"))
        except FileNotFoundError:  # nothing is below it; a bucket that is not there is another error
            return []
        except OSError as error:
            raise _refused(self.where, error, self._hidden) from error
        return sorted(file for info in found if (file := parsed(partition, info.base_name)))

    def put(self, file: ArchiveFile, content: bytes) -> None:
        """See Place."""
        self._write(file.name, content)

    def topic(self) -> str | None:
        """See Place."""
        try:
            with self._files.open_input_file(f"{self._prefix}/{TOPIC}") as opened:
                return bytes(opened.read()).decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _refused(self.where, error, self._hidden) from error

    def set_topic(self, id_: str) -> None:
        """See Place."""
        self._write(TOPIC, id_.encode())

    def _write(self, name: str, content: bytes) -> None:
        try:
            with self._files.open_output_stream(f"{self._prefix}/{name}") as out:
                out.write(content)
        except OSError as error:
            raise _refused(self.where, error, self._hidden) from error

    def source(self, file: ArchiveFile) -> Any:
        """See Place: read at once, so that a store that fails in the middle is not taken for a damaged file."""
        from pyarrow import BufferReader

        try:
            with self._files.open_input_file(self._path(file)) as opened:
                return BufferReader(opened.read_buffer())
        except FileNotFoundError as error:
            raise FileGone(self.where, file) from error
        except OSError as error:
            raise _refused(self.where, error, self._hidden) from error

    def delete(self, files: Iterable[ArchiveFile]) -> None:
        """See Place."""
        for file in files:
            try:
                self._files.delete_file(self._path(file))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _refused(self.where, error, self._hidden) from error

    def _path(self, file: ArchiveFile) -> str:
        return f"{self._prefix}/{file.name}"


def _bucket(root: ArchiveRoot) -> Bucket:
    from pyarrow.fs import S3FileSystem

    scheme, _, host = (root.endpoint or "").rpartition("://")
    options: dict[str, Any] = {
        "access_key": root.access_key,
        "secret_key": root.secret_key,
        "region": root.region or ("us-east-1" if root.endpoint else None),
        "endpoint_override": host or None,
        "scheme": scheme or "https",
        "connect_timeout": root.patience / 2,
        "request_timeout": root.patience,
        "allow_delayed_open": True,  # what fits into one request is put by one, and leaves nothing if it fails
        "allow_bucket_creation": False,
    }
    store = S3FileSystem(**{name: value for name, value in options.items() if value is not None})
    hidden = tuple(secret for secret in (root.secret_key, root.access_key) if secret)
    return Bucket(store, root.address.removeprefix(_S3), root.address, hidden)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(where: str, error: OSError, hidden: Iterable[str] = ()) -> ArchiveUnreachable:
    said = error.strerror or str(error)[:_SAID]
    for secret in hidden:
        said = said.replace(secret, "[hidden]")
    return ArchiveUnreachable(f"The archive at {where} cannot be used: {said}")
