"""Amounts in the portfolio's currency by dated rates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from typing import Final, Self

# Prices have 15 digits before the point, rates 12. Rounded to these places each, sums of a million contracts are exact.
_PLACES: Final = Decimal("0.000001")
_ONE: Final = Decimal(1)
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit of a currency is worth in the portfolio's from a day on."""

    day: date
    rate: Decimal


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """The portfolio's currency, and the rates of others, oldest first. Two are the same if they are one object."""

    currency: str
    table: Mapping[str, tuple[Rate, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, currency: str, rows: Iterable[tuple[str, date, Decimal]]) -> Self:
        """From rows (currency, first day, rate) in any order."""
        table: dict[str, tuple[Rate, ...]] = {}
        for name, day, rate in sorted(rows):
            table[name] = (*table.get(name, ()), Rate(day, rate))
        return cls(currency, table)

    def is_own(self, currency: str | None) -> bool:
        """Whether amounts in it need no rate."""
        return currency is None or currency == self.currency

    def rate(self, currency: str | None, day: date) -> Decimal | None:
        """The rate of a day; before the first one that is known, that one. None if there is none at all."""
        if self.is_own(currency):
            return _ONE
        rates = self.table.get(currency or "", ())
        known = next((rate for rate in reversed(rates) if rate.day <= day), rates[0] if rates else None)
        return known.rate if known else None

    def convert(self, amount: Decimal, currency: str | None, day: date) -> Decimal:
        """An amount at the rate of a day, to six places at most, half to even; zero without a rate (see `unknown`)."""
        if self.is_own(currency):
            return amount
        rate = self.rate(currency, day)
        if rate is None:
            return Decimal(0)
        value = _WIDE.multiply(amount, rate).quantize(_PLACES, context=_WIDE)
        return value.quantize(_ONE, context=_WIDE) if value == value.to_integral_value() else value.normalize(_WIDE)

    def unknown(self, currencies: Iterable[str | None]) -> frozenset[str]:
        """Those of these currencies that no rate is known of."""
        return frozenset(c for c in currencies if c is not None and not self.is_own(c) and c not in self.table)


def added(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum."""
    return reduce(_WIDE.add, amounts, Decimal(0))


def quotient(part: Decimal, whole: Decimal, times: int = 1) -> Decimal | None:
    """times * part / whole to six places, half to even; None if the whole is zero: there is no such figure."""
    if not whole:
        return None
    return _WIDE.divide(_WIDE.multiply(part, Decimal(times)), whole).quantize(_PLACES, context=_WIDE)
