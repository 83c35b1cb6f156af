"""A body of usage in our own form by its columns: each check once for all of them, in a few calls.

It takes a body as a whole, and as `quick.native` would take each of its items; None sends them there, one by one. With
hundreds of events in a request the dozen calls that each one costs there are most of the work.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat
from math import hypot
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, UnsetType

from csmodels.ids import MAX_WIRE_ID, AccountId, EventId, are_plain
from ingest.domain.drafts import Arrival, Draft
from ingest.domain.properties import MAX_INT, is_name, travelling
from ingest.domain.quick import NOT_TAKEN, USAGE, UsageData, UsageItem, is_account, is_label, is_user, written
from ingest.domain.times import BACKFILL_AFTER, EARLIEST

_NUMBERS: Final = frozenset({bool, int, float})
_FAR_IN: Final = MAX_INT // 2  # whatever rounding does
_ENDS: Final = dict.fromkeys((20, 24, 27), "Z") | dict.fromkeys((25, 29, 32), "+00:00")  # of a time, by its length

_TYPE: Final = USAGE.encode()
_MANY: Final = 8  # events, from which on columns cost less than one by one

_Properties = Mapping[str, Any] | UnsetType


class _Events(msgspec.Struct, gc=False):
    events: list[UsageItem]


_OBJECT: Final = msgspec.json.Decoder(_Events).decode
_LIST: Final = msgspec.json.Decoder(list[UsageItem]).decode


class Usage(msgspec.Struct, gc=False):
    """A body that seems to hold usage only: its items, its text, and the quotes of it that are no item's."""

    items: list[UsageItem]
    text: bytes
    outer: int

    def __len__(self) -> int:
        return len(self.items)

    def let_go(self) -> None:
        """Forget items and text, whoever holds this: its events are written."""
        self.items, self.text = [], b""


class Columns:
    """What the items of a request say, by field, all checked: ids travel as they are, `told` is the data of
    each as it travels, `dropped` counts the properties that do not, if there are any.
    """

    __slots__ = (
        *("accounts", "backfills", "counts", "dropped", "ids", "names", "properties", "sources", "times", "told"),
        "users",
    )

    def __init__(self, items: Sequence[UsageItem]) -> None:
        self.ids = [item.id for item in items]
        self.users = [item.user for item in items]
        self.accounts = [item.account for item in items]
        self.sources = [item.source for item in items]
        self.backfills = [item.backfill for item in items]
        self.told: list[UsageData] = [item.data for item in items]
        self.names = [data.name for data in self.told]
        self.counts = [data.count for data in self.told]
        self.properties = [data.properties for data in self.told]
        self.times: list[datetime] = []
        self.dropped: list[int] | None = None  # none of any

    @property
    def names_accounts(self) -> bool:
        """Whether any says itself which account it is of; who names no user does."""
        return self.accounts.count(None) < len(self.accounts)

    def drafts(self, arrival: Arrival) -> list[Draft] | None:
        """A draft of each, from index 0 on; None if one names a user that cannot be, which only the models refuse."""
        if not all(map(is_user, set(self.users) - {None})):
            return None
        return list(
            map(
                Draft,
                range(len(self.ids)),
                self.ids,
                cast("list[EventId]", self.ids),
                repeat(USAGE),
                self.times,
                repeat(arrival.received),
                repeat(False),
                self.backfills,
                map(written, self.told),
                self.users,
                cast("list[AccountId | None]", self.accounts),
                self.dropped or repeat(0),
            )
        )


def read(body: bytes, *, most: int, largest: int, least: int = _MANY) -> Usage | None:
    """The items of a body of `least` to `most` usage events and nothing else, none of more than `largest` bytes.

    None: it is to be read item by item.
    """
    count = body.count(_TYPE)
    if not least <= count <= most or not _stands_all_over(body, _TYPE, largest // 4):
        return None
    try:
        given = Usage(_LIST(body), body, 0) if body.startswith(b"[") else Usage(_OBJECT(body).events, body, 2)
    except NOT_TAKEN:
        return None
    return given if len(given) == count else None


def _stands_all_over(text: bytes, piece: bytes, every: int) -> bool:
    """Whether it has that piece in each stretch of `every` bytes, one after the other; the last may be shorter.

    So less than twice as much lies between two that are next to each other, and less than four times around one.
    """
    return all(text.find(piece, at, at + every) >= 0 for at in range(0, len(text) - every + 1, every))


def usual(given: Usage, arrival: Arrival) -> Columns | None:
    """The items by their columns, if there is nothing about them that only the models can judge."""
    said = Columns(given.items)
    times = _times([item.time for item in given.items], arrival.received)
    if times is None or not _is_well_formed(said, arrival):
        return None
    said.times = times
    properties: list[Mapping[str, Any]] = [each for each in said.properties if each is not UNSET]
    values = list(chain.from_iterable([each.values() for each in properties]))
    kinds = list(map(type, values))
    timed = len(times) - [item.time for item in given.items].count(None)
    if not _is_all(given, said, timed, len(properties), kinds):
        return None
    if not _all_travel(properties, values, kinds):
        kept = [UNSET if each is UNSET else travelling(each, arrival.keep) for each in said.properties]
        said.dropped = list(map(_lost, said.properties, kept))
        said.told = list(map(UsageData, said.names, said.counts, kept))
    return said


def _lost(given: _Properties, kept: _Properties) -> int:
    return 0 if isinstance(given, UnsetType) or isinstance(kept, UnsetType) else len(given) - len(kept)


def _times(texts: Sequence[str | None], received: datetime) -> list[datetime] | None:
    """When each happened, if all say it in one usual form and none lies in the future or is old news."""
    given = [text for text in texts if text is not None]
    if not _have_one_form(given):
        return None
    try:
        if len(given) == len(texts):
            times = list(map(datetime.fromisoformat, given))
        else:
            times = [received if text is None else datetime.fromisoformat(text) for text in texts]
    except ValueError:
        return None
    earliest = min(times)
    is_usual = earliest >= EARLIEST and max(times) <= received and received - earliest <= BACKFILL_AFTER
    return times if is_usual else None


def _have_one_form(texts: Sequence[str]) -> bool:
    """Whether all are written as 2026-01-31T09:30:00Z (or +00:00), or all so with three decimals, or all with six."""
    sizes = set(map(len, texts))
    if not sizes:
        return True
    size = sizes.pop()
    if sizes or size not in _ENDS:
        return False
    joined, seconds = "".join(texts), size - len(_ENDS[size])
    marks = [*zip((4, 7, 10, 13, 16), "--T::", strict=True), *enumerate(_ENDS[size], seconds)]
    marks += [(19, ".")] if seconds > 19 else []
    return all(joined[at::size] == mark * len(texts) for at, mark in marks)


def _is_well_formed(said: Columns, arrival: Arrival) -> bool:
    """Whether ids travel as they are, and accounts, names and sources may be what they are."""
    if None in said.users and (None, None) in zip(said.users, said.accounts, strict=True):
        return False
    accounts = set(said.accounts) - {None}
    return (
        are_plain("".join(said.ids))
        and max(map(len, said.ids)) <= MAX_WIRE_ID
        and set(said.sources) <= {None, arrival.source}
        and all(map(is_account, cast("set[str]", accounts)))
        and all(map(is_label, set(said.names)))
    )


def _is_all(given: Usage, said: Columns, timed: int, properties: int, kinds: Sequence[type]) -> bool:
    """Whether the text surely holds nothing but what was read, and nothing too deep.

    A field has four quotes, or two if its value is no text. A key that stands twice, or that is not read here, is at
    least two more; no item has less. Objects among the properties have more; lists may be deep without any.
    """
    text, size = given.text, len(said.ids)
    quotes = given.outer + 14 * size + 2 * properties  # 14: type, id, name, the key of data
    quotes += 2 * len(kinds) + 2 * kinds.count(str) + 4 * timed
    quotes += sum(4 * (size - column.count(None)) for column in (said.users, said.accounts, said.sources))
    quotes += 2 * (sum(said.backfills) + size - said.counts.count(UNSET))
    return text.count(b'"') == quotes and list not in kinds and (b"\\" not in text or b'\\"' not in text)


def _all_travel(given: Sequence[Mapping[str, Any]], values: Sequence[Any], kinds: Iterable[type]) -> bool:
    """Whether all properties are numbers of a usual size, with names that may travel."""
    if not values:
        return True
    try:
        return (
            _NUMBERS.issuperset(kinds)
            and hypot(*values) <= _FAR_IN  # no less than the largest of them
            and all(map(is_name, set[str]().union(*given)))
        )
    except OverflowError:  # a number of hundreds of digits
        return False
