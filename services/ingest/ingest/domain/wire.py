"""A draft as it goes on the log: the same bytes as the event's own model writes, without making the model.

Everything in a draft has been checked, by the models or by `quick`; tests hold both to the same bytes.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import repeat
from typing import Final, NamedTuple

import msgspec

from csmodels.envelope import Data
from csmodels.ids import AccountId, PersonId
from csmodels.partitioning import partition_of
from ingest.domain.columns import Columns
from ingest.domain.drafts import Draft
from ingest.domain.quick import USAGE

_OF_THE_ACCOUNT: Final = frozenset({"account.described", "contract.changed", "invoice.changed"})  # whoever says it


class _Envelope(msgspec.Struct, omit_defaults=True, frozen=True, gc=False):
    """csmodels.envelope.Event in its order of fields; the optional ones only when they say something."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    receivedtime: datetime
    personid: str | None = None
    clamped: bool = False
    backfill: bool = False
    data: msgspec.Raw = msgspec.Raw(b"{}")


_ENCODER: Final = msgspec.json.Encoder()


class Home(NamedTuple):
    """Where the events of an account, or of somebody of it, go; and how both are written in an event."""

    account: AccountId
    partition: int
    key: bytes
    subject: bytes
    who: bytes


def value_of(draft: Draft, source: str, account: AccountId, person: PersonId | None) -> bytes:
    """The draft as an event of that account. It is about more than identity: it has a type, and so data."""
    assert draft.type is not None, "a draft without a type has no event"
    told = _Envelope(
        "1.0",
        draft.id,
        source,
        draft.type,
        account,
        draft.time,
        draft.received,
        None if draft.type in _OF_THE_ACCOUNT else person,
        draft.clamped,
        draft.backfill,
        msgspec.Raw(draft.data),
    )
    return _ENCODER.encode(told)


def values_of(said: Columns, source: str, received: datetime, homes: Sequence[Home]) -> list[bytes]:
    """Usage as events of these accounts: the same bytes as value_of writes, each joined of what is written already."""
    head = b'{"specversion":"1.0","id":'
    kind = b',"source":%b,"type":"%b","subject":' % (_ENCODER.encode(source), USAGE.encode())
    then = b',"receivedtime":%b' % _ENCODER.encode(received)
    data = [b',"backfill":true,"data":' if backfill else b',"data":' for backfill in said.backfills]
    pieces = zip(
        repeat(head),
        _lines(said.ids),
        repeat(kind),
        [home.subject for home in homes],
        repeat(b',"time":'),
        _lines(said.times),
        repeat(then),
        [home.who for home in homes],
        data,
        _lines(said.told),
        repeat(b"}"),
    )
    return list(map(b"".join, pieces))


def _lines(values: Sequence[object]) -> list[bytes]:
    """Each as JSON, in one call: none of them holds a line's end of its own."""
    return _ENCODER.encode_lines(values).splitlines()


def home_of(account: AccountId, person: PersonId | None) -> Home:
    """See Home."""
    who = b"" if person is None else b',"personid":%b' % _ENCODER.encode(person)
    return Home(account, *place_of(account), _ENCODER.encode(account), who)


def text_of(data: Data) -> bytes:
    """An event's data as it travels."""
    return data.model_dump_json(by_alias=True, exclude_unset=True).encode()


@lru_cache(maxsize=100_000)
def place_of(account: AccountId) -> tuple[int, bytes]:
    """The partition and the key of an account's events. Kafka's hash costs more than all of an event's encoding."""
    return partition_of(account), account.encode()
