"""What mappings can call besides JMESPath's own functions, and a reader that stops after so much work."""

import json
import re
import unicodedata
from collections.abc import Sized
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import jmespath.functions
import jmespath.visitor
from jmespath.exceptions import JMESPathError, JMESPathTypeError

from csmodels.ids import is_wire_id

BUDGET: Final = 500_000  # nodes visited and elements made for one body
_LONGEST_CODE: Final = 64
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9])")
# ISO 4217 currencies whose amounts Stripe gives in whole units, and those in thousandths
_WHOLE: Final = frozenset({
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
})  # fmt: skip
_THOUSANDTHS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


class MappingFailed(Exception):
    """An expression cannot be used on what came in. The text says why, and quotes nothing of what came in."""


class Functions(jmespath.functions.Functions):
    """money, monthly, times, total, epoch, day, lookup, code, label, lower, upper. A null comes back as null."""

    @jmespath.functions.signature({"types": ["number", "null"]}, {"types": ["string", "null"]})
    def _func_money(self, amount: float | None, currency: str | None) -> str | None:
        """Minor units as decimal text: money(1050, 'usd') is 10.50, money(1050, 'jpy') is 1050."""
        return None if amount is None or currency is None else _decimal_text(Decimal(str(amount)), currency)

    @jmespath.functions.signature(
        {"types": ["number", "null"]},
        {"types": ["string", "null"]},
        {"types": ["string", "null"]},
        {"types": ["number", "null"]},
    )
    def _func_monthly(
        self, amount: float | None, currency: str | None, interval: str | None, count: float | None
    ) -> str | None:
        """A price of `count` intervals (day, week, month, year) as a month's, in decimal text."""
        months = {"year": Decimal(12), "month": Decimal(1), "week": Decimal(84) / 365, "day": Decimal(12) / 365}
        if amount is None or currency is None or interval not in months:
            return None
        return _decimal_text(Decimal(str(amount)) / (months[interval] * Decimal(str(count or 1))), currency)

    @jmespath.functions.signature({"types": ["number", "null"]}, {"types": ["number", "null"]})
    def _func_times(self, one: float | None, other: float | None) -> float | None:
        """One number times the other; a missing second one counts as 1."""
        return None if one is None else one * (1 if other is None else other)

    @jmespath.functions.signature({"types": ["array", "null"]})
    def _func_total(self, amounts: list[Any] | None) -> str | None:
        """The sum of decimal texts; null if there is none."""
        given = [Decimal(str(amount)) for amount in amounts or () if amount is not None]
        return format(sum(given, Decimal(0)), "f") if given else None

    @jmespath.functions.signature({"types": ["number", "string", "null"]})
    def _func_epoch(self, seconds: float | str | None) -> str | None:
        """Seconds since 1970 as a time; milliseconds, if there are too many to be seconds."""
        return None if seconds is None else _moment(seconds).isoformat().replace("+00:00", "Z")

    @jmespath.functions.signature({"types": ["number", "string", "null"]})
    def _func_day(self, moment: float | str | None) -> str | None:
        """The day, in UTC, of seconds since 1970 or of a time as text."""
        if moment is None:
            return None
        if isinstance(moment, str) and _DAY.match(moment):
            return moment[:10]
        return _moment(moment).date().isoformat()

    @jmespath.functions.signature({"types": ["string", "number", "boolean", "null"]}, {"types": ["string"]})
    def _func_lookup(self, value: object, table: str) -> Any:
        """lookup(status, '{"new": "open", "*": "pending"}'): by the value, else by "*", else null."""
        try:
            known = json.loads(table)
        except ValueError as error:
            raise MappingFailed(f"lookup: its table is not JSON: {error}") from None
        if not isinstance(known, dict):
            raise MappingFailed("lookup: its table should be a JSON object.")
        name = value if isinstance(value, str) else json.dumps(value)
        return known.get(name, known.get("*"))

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_code(self, text: str | None) -> str | None:
        """A text as a code of a-z, 0-9, _ . and -: code('Billing / Refund') is billing-refund. Null if none is
        left, and of a text with an "@", since an address would still be one.
        """
        if text is None or "@" in text:
            return None
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9_.]+", "-", plain).strip("-")[:_LONGEST_CODE].strip("-") or None

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_label(self, text: str | None) -> str | None:
        """The text, if it may be a plan's or a product's name; null for one that is too long or has an "@"."""
        return text if text is not None and is_wire_id(text) else None

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_upper(self, text: str | None) -> str | None:
        """The text in capitals."""
        return None if text is None else text.upper()

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_lower(self, text: str | None) -> str | None:
        """The text in small letters."""
        return None if text is None else text.lower()


class Reader:
    """Evaluates expressions over one body. MappingFailed once all of them together did more than BUDGET.

    JMESPath has no loops, but nested projections and flattened lists can multiply: what bounds the time is the budget,
    which counts each visited node and each element or character of what it gave.
    """

    def __init__(self, budget: int = BUDGET) -> None:
        self._interpreter = _Counting(budget)

    def value(self, parsed: Any, of: Any) -> Any:
        """What a parsed expression gives for `of`."""
        try:
            return self._interpreter.visit(parsed, of)
        except JMESPathTypeError as error:  # its own words quote the value
            wanted = " or ".join(error.expected_types)
            raise MappingFailed(f"{error.function_name}() takes {wanted}, and finds {error.actual_type}.") from None
        except JMESPathError as error:
            raise MappingFailed(str(error)) from None
        except (ArithmeticError, ValueError, TypeError, OSError, RecursionError) as error:
            raise MappingFailed(f"it cannot be worked out ({type(error).__name__}).") from None


class _Counting(jmespath.visitor.TreeInterpreter):
    def __init__(self, budget: int) -> None:
        super().__init__(jmespath.visitor.Options(custom_functions=Functions()))
        self._left = budget

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._spend(1)
        found = super().visit(node, *args, **kwargs)
        if isinstance(found, Sized):
            self._spend(len(found) // 8 if isinstance(found, str) else len(found))
        return found

    def _spend(self, work: int) -> None:
        self._left -= work
        if self._left < 0:
            raise MappingFailed("the expressions do too much work on this body. Make them simpler, or send less.")


def _moment(seconds: float | str) -> datetime:
    number = float(seconds)
    return datetime.fromtimestamp(number / 1000 if abs(number) >= 1e11 else number, UTC)


def _decimal_text(minor: Decimal, currency: str) -> str:
    name = currency.upper()
    digits = 0 if name in _WHOLE else 3 if name in _THOUSANDTHS else 2
    return format((minor / 10**digits).quantize(Decimal(1).scaleb(-digits)), "f")
