"""Record headers as JSON values for a column: any bytes, so in base64."""

import base64
from collections.abc import Sequence

from cskit.log.base import Headers


def packed(headers: Headers) -> list[list[str]]:
    """For a Json() column."""
    return [[name, base64.b64encode(value).decode()] for name, value in headers]


def unpacked(stored: Sequence[Sequence[str]]) -> Headers:
    """What `packed` was given."""
    return tuple((name, base64.b64decode(value)) for name, value in stored)
