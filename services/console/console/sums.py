"""Shown figures that add up to the shown total."""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal

from console.formats import rounded


def shares_of(parts: Sequence[float], total: Decimal, digits: int = 1) -> list[Decimal]:
    """The parts with so many decimals, adding up to exactly `total` (the largest remainder method).

    No part is moved by a whole unit of the last digit while another is nearer; a part of 0 stays 0. ValueError if the
    total is not the parts' sum, give or take their rounding.
    """
    unit = Decimal(1).scaleb(-digits)
    exact = [Decimal(repr(part)) for part in parts]
    shown = [part.quantize(unit, ROUND_FLOOR) for part in exact]
    left = int((rounded(total, digits) - sum(shown, Decimal(0))) / unit)
    movable = [index for index, part in enumerate(exact) if part]
    if abs(left) > len(parts) + 2 or (left and not movable):
        raise ValueError(f"the parts {list(parts)} do not make {total}")
    by_remainder = sorted(movable, key=lambda index: exact[index] - shown[index], reverse=left > 0)
    step = unit if left > 0 else -unit
    for turn in range(abs(left)):
        shown[by_remainder[turn % len(by_remainder)]] += step
    return [abs(part) if part.is_zero() else part for part in shown]
