"""What a client of the stream of health wants of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
from pydantic import Field

from cskit.http.feeds import Selection
from cskit.http.queries import unknown
from csmodels.api import Model
from csmodels.fields import Band
from csmodels.health import HealthChange

FIELDS: Final = tuple(HealthChange.model_fields)
_BOTH: Final = ("version", "band")  # without these nobody can tell what an event says


class StreamQuery(Model):
    """GET /v1/health/stream. Several values of one name: any of them; all names together."""

    account: list[str] = Field(default_factory=list, description="Ids, given several times: any of them")
    band: list[Band] = Field(default_factory=list, description="The band that an account is in now, or has just left")
    segment: list[str] = Field(default_factory=list, description="The account's own field, such as smb")
    owner: list[str] = Field(default_factory=list, description="Staff ids")
    only: list[Literal["band"]] = Field(
        default_factory=list, description="band: only where the band is another one than before, or the account's first"
    )
    fields: list[str] = Field(
        default_factory=list,
        description="Only these of `data`, as fields=score,account; all if left out. version and band always come",
    )

    def selection(self) -> Selection | None:
        """What of the stream this wants; None for all of it. Raises Invalid for a field that is unknown."""
        chosen = {name.strip() for part in self.fields for name in part.split(",")} - {""}
        for name in sorted(chosen - set(FIELDS)):
            raise unknown("field", name, FIELDS)
        if not any(getattr(self, name) for name in StreamQuery.model_fields):
            return None
        return _Selection(self, tuple(name for name in FIELDS if name in chosen or name in _BOTH) if chosen else ())


class _Previous(msgspec.Struct):
    version: int
    band: str


class _Account(msgspec.Struct):
    segment: str | None
    owner: str | None


class _Data(msgspec.Struct):
    band: str
    previous: _Previous
    account: _Account


class _Changed(msgspec.Struct):
    subject: str
    data: _Data


_look: Final = msgspec.json.Decoder(_Changed).decode
_whole: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode


class _Selection:
    def __init__(self, query: StreamQuery, fields: Sequence[str]) -> None:
        self._accounts, self._bands = frozenset(query.account), frozenset(query.band)
        self._segments, self._owners = frozenset(query.segment), frozenset(query.owner)
        self._crossing = bool(query.only)
        self._fields = fields

    def __call__(self, text: str) -> str | None:
        try:
            event = _look(text)
        except msgspec.DecodeError:
            return None  # no change of health
        bands = {event.data.band, event.data.previous.band}
        wanted = (
            (not self._accounts or event.subject in self._accounts)
            and (not self._bands or not self._bands.isdisjoint(bands))
            and (not self._segments or event.data.account.segment in self._segments)
            and (not self._owners or event.data.account.owner in self._owners)
            and (not self._crossing or len(bands) > 1 or not event.data.previous.version)
        )
        if not wanted:
            return None
        return self._sparse(text) if self._fields else text

    def _sparse(self, text: str) -> str:
        event: dict[str, Any] = dict(_whole(text))
        data = _whole(event["data"])
        event["data"] = {name: data[name] for name in self._fields if name in data}
        return _encode(event).decode()


def parameters() -> list[Mapping[str, Any]]:
    """The query as OpenAPI describes it."""
    properties = StreamQuery.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": {k: v for k, v in schema.items() if k != "title"}}
        for name, schema in properties.items()
    ]
