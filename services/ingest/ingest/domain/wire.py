"""A draft as it goes on the log: the same bytes as the event's own model writes, without making the model.

Everything in a draft has been checked, by the models or by `quick`; tests hold both to the same bytes.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from csmodels.envelope import Data
from csmodels.ids import AccountId, PersonId
from csmodels.partitioning import partition_of
from ingest.domain.drafts import Draft

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


def text_of(data: Data) -> bytes:
    """An event's data as it travels."""
    return data.model_dump_json(by_alias=True, exclude_unset=True).encode()


@lru_cache(maxsize=100_000)
def place_of(account: AccountId) -> tuple[int, bytes]:
    """The partition and the key of an account's events. Kafka's hash costs more than all of an event's encoding."""
    return partition_of(account), account.encode()
