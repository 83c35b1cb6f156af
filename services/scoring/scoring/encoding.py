"""Live rows as the bytes of their models, without building them: what lists, exports and single reads answer.

csmodels.api says what the answers are; a test holds each of them against its model. JSON columns come as text.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from pydantic import BaseModel
from sqlalchemy import Row

from csmodels.api import AccountSummary, Adjustment, Contribution, Health

SUMMARY: Final = tuple(AccountSummary.model_fields)
HEALTH: Final = tuple(Health.model_fields)
_COMPUTED: Final = frozenset({"change"})  # of a summary; no column

encode: Final = msgspec.json.Encoder().encode


def _reader_of(model: type[BaseModel]) -> Callable[[str], Any]:
    """Reads a list of what the model has of each object, and leaves the rest out."""
    fields: list[Any] = [
        (name, Any) if field.is_required() else (name, Any, field.default) for name, field in model.model_fields.items()
    ]
    struct = msgspec.defstruct(model.__name__, fields, frozen=True, gc=False)
    return msgspec.json.Decoder(list[struct]).decode  # type: ignore[valid-type]


_READ: Final[Mapping[str, Callable[[str], Any]]] = {
    "contributions": _reader_of(Contribution),
    "adjustments": _reader_of(Adjustment),
    "watch": lambda text: msgspec.Raw(text.encode()),
}


def columns_of(fields: Sequence[str]) -> tuple[str, ...]:
    """The columns that these fields of a summary need."""
    needed = [name for name in fields if name not in _COMPUTED]
    return (*needed, "score") if "change" in fields and "score" not in needed else tuple(needed)


def summary_of(row: Row[Any], fields: Sequence[str], before: float | None) -> dict[str, Any]:
    """A row of a list, with these fields of AccountSummary; `before`: the score of seven days ago, if there was one."""
    found: dict[str, Any] = {}
    for name in fields:
        if name == "change":
            found[name] = None if before is None else row.score - before
        else:
            value = getattr(row, name)
            found[name] = _READ[name](value) if name in _READ else value
    return found


def health_of(row: Row[Any]) -> bytes:
    """The health of an account."""
    found = {name: getattr(row, name) for name in HEALTH}
    for name, read in _READ.items():
        found[name] = read(found[name])
    return encode(found)
