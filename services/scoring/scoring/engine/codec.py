"""Facts as bytes, for rows, and as a canonical export, for equality and audits.

Bytes are MessagePack with their format's number in front. Equal facts give equal bytes.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct, structs

from scoring.engine.facts import NO_DAYS, Days, Facts, Feature, MonthFacts, SlowFacts
from scoring.engine.register import Entry, Register, Stamp, Value

FORMAT: Final = b"\x01"
_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")

K = TypeVar("K", str, int, tuple[str, str])
V = TypeVar("V")
Sparse = list[int]  # day, count, day, count, ...


class _Name(Struct, frozen=True, array_like=True):
    """A name of usage events; people by day as numbers in the month's table of people."""

    name: str
    counts: Sparse
    people: list[list[int]]  # [day, person] or [day, person, person]


class _Month(Struct, frozen=True, array_like=True):
    """A month with its people once: 16 bytes each, joined, in the order of ids, as are their bits."""

    people: bytes
    any: list[int]
    core: list[int]
    events: Sparse
    core_events: Sparse
    names: list[_Name]
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
_SLOW: Final = msgspec.msgpack.Decoder(_Slow)


def encode_month(month: MonthFacts) -> bytes:
    """A month as bytes; equal months give equal bytes."""
    ids = sorted(month.people)
    number = {person: n for n, person in enumerate(ids)}.__getitem__
    wire = _Month(
        people=bytes.fromhex("".join(ids).replace("-", "")),
        any=[month.people[person].any for person in ids],
        core=[month.people[person].core for person in ids],
        events=_sparse(month.events),
        core_events=_sparse(month.core),
        names=[
            _Name(
                name,
                _sparse(feature.counts),
                [[day, *map(number, persons)] for day, persons in sorted(feature.people.items())],
            )
            for name, feature in sorted(month.names.items())
        ],
        signals=[(kind, topic, _sparse(counts)) for (kind, topic), counts in sorted(month.signals.items())],
    )
    return FORMAT + _ENCODER.encode(wire)


def decode_month(raw: bytes) -> MonthFacts:
    """The month that encode_month made these bytes of. Raises ValueError for other bytes."""
    wire = _MONTH.decode(_body(raw))
    ids = [_uuid(wire.people[n : n + 16].hex()) for n in range(0, len(wire.people), 16)]
    return MonthFacts(
        people={person: Days(any_, core) for person, any_, core in zip(ids, wire.any, wire.core, strict=True)},
        events=_dense(wire.events),
        core=_dense(wire.core_events),
        names={
            n.name: Feature(_dense(n.counts), {row[0]: tuple([ids[p] for p in row[1:]]) for row in n.people})
            for n in wire.names
        },
        signals={(kind, topic): _dense(counts) for kind, topic, counts in wire.signals},
    )


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
    wire = _SLOW.decode(_body(raw))
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
    for field, entries in register.items():
        for entry in entries:
            by_stamp.setdefault(entry.stamp, {})[field] = entry.value
    return sorted(by_stamp.items(), key=lambda item: item[0])


def _register(writers: Writers) -> Register:
    fields: dict[str, list[Entry]] = {}
    for stamp, patch in writers:
        for field, value in patch.items():
            fields.setdefault(field, []).append(Entry(stamp, value))
    return {field: tuple(entries) for field, entries in fields.items()}


def _sparse(counts: tuple[int, ...]) -> Sparse:
    sparse: Sparse = []
    for day, count in enumerate(counts):
        if count:
            sparse += (day, count)
    return sparse


def _dense(sparse: Sparse) -> tuple[int, ...]:
    if not sparse:
        return NO_DAYS
    counts = list(NO_DAYS)
    for day, count in zip(sparse[::2], sparse[1::2], strict=True):
        counts[day] = count
    return tuple(counts)


def _body(raw: bytes) -> memoryview:
    if raw[:1] != FORMAT:
        raise ValueError(f"facts of format {raw[:1].hex() or 'nothing'} cannot be read, only of format {FORMAT.hex()}")
    return memoryview(raw)[1:]


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
