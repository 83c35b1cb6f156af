"""Values that are made when they are asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class lazy(Generic[V]):
    """functools.cached_property without its lock: two threads may both make the value, which is the same."""

    def __init__(self, make: Callable[[Any], V]) -> None:
        self._make, self.__doc__ = make, make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> V:
        value = self._make(instance)
        instance.__dict__[self._name] = value
        return value
