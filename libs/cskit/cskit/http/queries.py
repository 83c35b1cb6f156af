"""Query parameters: no name that is not known; as a model also several values for one name."""

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, TypeVar, get_origin
from urllib.parse import parse_qsl

from fastapi import Depends
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from cskit.errors import Invalid
from cskit.http.problems import of_validation

M = TypeVar("M", bound=BaseModel)


def query_of(model: type[M], request: Request) -> M:
    """The query of a request. Raises Invalid for an unknown name, with the nearest right one, and for a wrong value.

    Of a field that is no list the last value counts, as with FastAPI's own.
    """
    parsed: M = _parsed(model, request.scope["query_string"])
    return parsed


@lru_cache(maxsize=512)  # clients ask the same again and again
def _parsed(model: type[M], raw: bytes) -> M:
    known = {field.alias or name: get_origin(field.annotation) in (list, tuple)
             for name, field in model.model_fields.items()}  # fmt: skip
    values: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        if name not in known:
            raise unknown("parameter", name, known)
        if known[name]:
            several = values.setdefault(name, [])
            assert isinstance(several, list)
            several.append(value)
        else:
            values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise of_validation([{**one, "loc": ("query", *one["loc"])} for one in error.errors()]) from None


async def _known_only(request: Request) -> None:
    known = _parameters(request.scope["route"].dependant)
    for name in request.query_params:
        if name not in known:
            raise unknown("parameter", name, known)


KNOWN_ONLY: Final = Depends(_known_only)
"""For a route: a query parameter that it does not declare is refused, with the nearest right one."""


def _parameters(dependant: Any) -> list[str]:
    """The names of a route's query parameters, with those of what it depends on."""
    inner = [name for each in dependant.dependencies for name in _parameters(each)]
    return [*(parameter.alias for parameter in dependant.query_params), *inner]


def unknown(what: str, name: str, known: Iterable[str], where: str | None = None) -> Invalid:
    """The refusal of a name, with the one that was probably meant; where: the parameter that has it as its value."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean “{near[0]}”?" if near else f"There are: {', '.join(names)}."
    return Invalid(f"unknown_{what}", f"The {what} “{name[:64]}” is unknown. {hint}", field=where or name[:64])
