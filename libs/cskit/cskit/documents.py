"""YAML as people write it: whatever cannot be read is told with its place."""

from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError
from yaml.scanner import ScannerError

DEEPEST: Final = 20  # levels of a document
MOST: Final = 10_000  # values in it: some 0.3 s for the reader, while nothing else gets its turn
LONGEST: Final = 1_000  # characters of a value without quotes and spaces

_QUICK: Final[Any] = getattr(yaml, "CSafeLoader", None)  # that of libyaml, where PyYAML was built with it


class Misshapen(ValueError):
    """A document that is not to be read, since that would take too long; line and column from 1."""

    def __init__(self, what: str, remedy: str, mark: Any) -> None:
        super().__init__(f"{what}; {remedy[:1].lower()}{remedy[1:]}")
        self.what, self.remedy = what, remedy
        self.line, self.column = mark.line + 1, mark.column + 1


def check_shape(text: str) -> None:
    """Refuse aliases (a few lines of them unfold to gigabytes), a second document, deep nesting and too many values.

    Raises Misshapen. What is no YAML is left to who reads it.
    """
    depth = values = documents = 0
    try:
        for event in yaml.parse(text, Loader=_QUICK or DocumentLoader):
            mark = event.start_mark
            if isinstance(event, yaml.AliasEvent):
                raise Misshapen("Aliases (“*name”) are not taken", "Write the value out.", mark)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise Misshapen(f"This is nested more than {DEEPEST} levels deep", "Flatten it.", mark)
            values += isinstance(event, yaml.NodeEvent)
            if values > MOST:
                raise Misshapen(f"There are more than {MOST:,} values", "Shorten it.", mark)
            plain = event.value if isinstance(event, yaml.ScalarEvent) and not event.style else ""
            if len(plain) > LONGEST and " " not in plain:
                raise Misshapen(f"This value is longer than {LONGEST:,} characters", "Put it in quotes.", mark)
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                raise Misshapen("A second document begins here", "Send it by itself.", mark)
    except (yaml.YAMLError, RecursionError, UnicodeError):
        return


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
