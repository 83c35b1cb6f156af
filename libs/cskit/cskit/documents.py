"""YAML as people write it: whatever cannot be read is told with its place."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.scanner import ScannerError


class DocumentLoader(yaml.SafeLoader):
    """A safe loader whose errors are YAMLErrors, those of values and escapes with their place, or RecursionError.

    PyYAML lets Python's own errors out, as of 2026-02-30 and 0x_. Whole numbers are such as a float can hold, texts
    such as UTF-8 can write: a pair of surrogates, as JSON writes an emoji, is the one character it means.
    """

    def fetch_more_tokens(self) -> None:
        try:
            super().fetch_more_tokens()
        except (ValueError, OverflowError):  # of an escape like "\UFFFFFFFF", of %YAML 1.99999...
            raise ScannerError(None, None, "found no character or number that there is", self.get_mark()) from None

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        try:
            value: Any = super().construct_object(node, deep)
            if isinstance(value, int):
                float(value)  # an OverflowError if none holds it
        except (ValueError, LookupError, AttributeError, ArithmeticError):
            kind = node.tag.rpartition(":")[2]
            problem = f"found no {kind} that can be read; put it in quotes if it is a text"
            raise ConstructorError(None, None, problem, node.start_mark) from None
        return value

    def construct_scalar(self, node: Any) -> str:
        text = super().construct_scalar(node)
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise ConstructorError(None, None, "found half a character (a surrogate)", node.start_mark) from None
