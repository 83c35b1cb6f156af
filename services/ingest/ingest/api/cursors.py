"""What a page's cursor holds, checked: a cursor is a client's word."""

from cskit.errors import Invalid
from cskit.http import decode_cursor


def texts(cursor: str | None, count: int) -> tuple[str, ...] | None:
    """That many texts; None for the first page. Raises Invalid."""
    if cursor is None:
        return None
    parts = decode_cursor(cursor)
    found = tuple(part for part in parts if isinstance(part, str))
    if len(parts) != count or len(found) != count:
        raise foreign()
    return found


def place(cursor: str | None) -> int:
    """A row's number; 0 for the first page. Raises Invalid."""
    if cursor is None:
        return 0
    match decode_cursor(cursor):
        case (int(found),) if not isinstance(found, bool) and found >= 0:
            return found
    raise foreign()


def foreign() -> Invalid:
    """For a cursor of another list."""
    return Invalid("invalid_cursor", "This cursor is not one of this list. Leave it out to begin anew.", field="cursor")
