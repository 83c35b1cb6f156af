"""Facts as bytes, for rows, and as a canonical export, for equality and audits.

Bytes are MessagePack with their format's number in front. Equal facts give equal bytes. Months of format 1, which no
row is written in any more, are read, too.
"""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct, structs

from scoring.engine.facts import NO_DAYS, Days, Facts, Feature, MonthFacts, SlowFacts
from scoring.engine.packed import Names, People, keys, packed, shortened, text_of, whole
from scoring.engine.register import Entry, Register, Stamp, Value

FORMAT: Final = b"\x01"
MONTHS_FORMAT: Final = b"\x02"
_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")

K = TypeVar("K", str, int, tuple[str, str])
V = TypeVar("V")
Sparse = list[int]  # day, count, day, count, ...


class _Month(Struct, frozen=True, array_like=True):
    """A month with its people once (see engine.packed); counts of days end with the last that is not 0."""

    people: bytes
    any: bytes
    core: bytes
    events: tuple[int, ...]
    core_events: tuple[int, ...]
    names: Raw
    signals: list[tuple[str, str, tuple[int, ...]]]


class _FirstName(Struct, frozen=True, array_like=True):
    """A name of usage events in format 1; people by day as numbers in the month's table of people."""

    name: str
    counts: Sparse
    people: list[list[int]]  # [day, person] or [day, person, person]


class _FirstMonth(Struct, frozen=True, array_like=True):
    """A month in format 1."""

    people: bytes
    any: list[int]
    core: list[int]
    events: Sparse
    core_events: Sparse
    names: list[_FirstName]
    signals: list[tuple[str, str, Sparse]]


# A register as its writers, oldest first, each with the fields it set: an event's stamp is written once.
Writers = list[tuple[Stamp, dict[str, Value]]]


class _Slow(Struct, frozen=True, array_like=True):
    """The slow part: its registers, and the rest."""

    account: Writers
    contacts: dict[str, Writers]
    contracts: dict[str, Writers]
    tickets: dict[str, Writers]
    invoices: dict[str, Writers]
    rest: SlowFacts


_MONTH: Final = msgspec.msgpack.Decoder(_Month)
_FIRST_MONTH: Final = msgspec.msgpack.Decoder(_FirstMonth)
_SLOW: Final = msgspec.msgpack.Decoder(_Slow)


def encode_month(month: MonthFacts) -> bytes:
    """A month as bytes; equal months give equal bytes."""
    people, names = packed(month)
    wire = _Month(
        people=people.ids,
        any=people.any,
        core=people.core,
        events=shortened(month.events),
        core_events=shortened(month.core),
        names=Raw(names.raw),
        signals=[(kind, topic, shortened(counts)) for (kind, topic), counts in sorted(month.signals.items())],
    )
    return MONTHS_FORMAT + _ENCODER.encode(wire)


def decode_month(raw: bytes) -> MonthFacts:
    """The month that encode_month made these bytes of. Raises ValueError for other bytes."""
    if raw[:1] == FORMAT:
        return _first_month(raw)
    wire = _MONTH.decode(_body(raw, MONTHS_FORMAT))
    return MonthFacts(
        people=People(wire.people, wire.any, wire.core),
        events=whole(wire.events),
        core=whole(wire.core_events),
        names=Names(wire.people, bytes(wire.names)),
        signals={(kind, topic): whole(counts) for kind, topic, counts in wire.signals},
    )


def _first_month(raw: bytes) -> MonthFacts:
    wire = _FIRST_MONTH.decode(_body(raw, FORMAT))
    ids = [text_of(key) for key in keys(wire.people)]
    plain = MonthFacts(
        people={person: Days(any_, core) for person, any_, core in zip(ids, wire.any, wire.core, strict=True)},
        events=_dense(wire.events),
        core=_dense(wire.core_events),
        names={
            n.name: Feature(_dense(n.counts), {row[0]: tuple([ids[p] for p in row[1:]]) for row in n.people})
            for n in wire.names
        },
        signals={(kind, topic): _dense(counts) for kind, topic, counts in wire.signals},
    )
    people, names = packed(plain)
    return structs.replace(plain, people=people, names=names)


def encode_slow(slow: SlowFacts) -> bytes:
    """The slow part as bytes; equal parts give equal bytes."""
    wire = _Slow(
        account=_writers(slow.account),
        contacts={id_: _writers(register) for id_, register in slow.contacts.items()},
        contracts={id_: _writers(register) for id_, register in slow.contracts.items()},
        tickets={id_: _writers(register) for id_, register in slow.tickets.items()},
        invoices={id_: _writers(register) for id_, register in slow.invoices.items()},
        rest=structs.replace(slow, account={}, contacts={}, contracts={}, tickets={}, invoices={}),
    )
    return FORMAT + _ENCODER.encode(wire)


def decode_slow(raw: bytes) -> SlowFacts:
    """The slow part that encode_slow made these bytes of. Raises ValueError for other bytes."""
    wire = _SLOW.decode(_body(raw, FORMAT))
    return structs.replace(
        wire.rest,
        account=_register(wire.account),
        contacts={id_: _register(writers) for id_, writers in wire.contacts.items()},
        contracts={id_: _register(writers) for id_, writers in wire.contracts.items()},
        tickets={id_: _register(writers) for id_, writers in wire.tickets.items()},
        invoices={id_: _register(writers) for id_, writers in wire.invoices.items()},
    )


def canonical(facts: Facts) -> dict[str, Any]:
    """The facts as plain JSON values with people and registers sorted by id; empty months are left out."""
    exported: dict[str, Any] = {"account": facts.account}
    exported["slow"] = {name: _plain(getattr(facts.slow, name)) for name in SlowFacts.__struct_fields__}
    exported["months"] = {
        key: {
            "people": {person: {"any": days.any, "core": days.core} for person, days in _ordered(month.people)},
            "events": list(month.events),
            "core": list(month.core),
            "names": {
                name: {"counts": list(feature.counts), "people": {str(d): list(p) for d, p in _ordered(feature.people)}}
                for name, feature in _ordered(month.names)
            },
            "signals": [[kind, topic, list(counts)] for (kind, topic), counts in _ordered(month.signals)],
        }
        for key, month in sorted(facts.months.items())
        if month != MonthFacts()
    }
    return exported


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, order="deterministic", builtin_types=())


def _ordered(values: Mapping[K, V]) -> list[tuple[K, V]]:
    return sorted(values.items(), key=lambda item: item[0])


def _writers(register: Register) -> Writers:
    by_stamp: dict[Stamp, dict[str, Value]] = {}
    stamp, patch = None, {}
    for field, entries in register.items():
        for entry in entries:
            if entry.stamp is not stamp:  # fields of one event share it
                stamp = entry.stamp
                patch = by_stamp.setdefault(stamp, {})
            patch[field] = entry.value
    return sorted(by_stamp.items(), key=itemgetter(0)) if len(by_stamp) > 1 else list(by_stamp.items())


def _register(writers: Writers) -> Register:
    if not writers:
        return {}
    stamp, patch = writers[0]
    fields: dict[str, tuple[Entry, ...]] = {field: (Entry(stamp, value),) for field, value in patch.items()}
    if len(writers) > 1:
        for stamp, patch in writers[1:]:
            for field, value in patch.items():
                fields[field] = (*fields.get(field, ()), Entry(stamp, value))
    return fields


def _dense(sparse: Sparse) -> tuple[int, ...]:
    if not sparse:
        return NO_DAYS
    counts = list(NO_DAYS)
    for day, count in zip(sparse[::2], sparse[1::2], strict=True):
        counts[day] = count
    return tuple(counts)


def _body(raw: bytes, number: bytes) -> bytes:
    if raw[:1] != number:
        raise ValueError(f"facts of format {raw[:1].hex() or 'nothing'} cannot be read, only of format {number.hex()}")
    return raw[1:]
