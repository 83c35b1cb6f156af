"""What is wrong with a database that cannot be opened, in a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import ArgumentError, DBAPIError

from cskit.db import DatabaseUnavailable
from cskit.settings import SettingsError


@contextmanager
def opening_database(service: str) -> Iterator[None]:
    """Raises DatabaseUnavailable where the block finds no way to the database, SettingsError if its URL is none."""
    where = f"KIZASHI_DATABASE_URL or KIZASHI_{service.upper()}_DATABASE_URL"
    try:
        yield
    except ArgumentError:
        raise SettingsError(
            f"{where} is not a database URL. Write one like postgresql://user:password@host/name."
        ) from None
    except (OSError, DBAPIError) as error:
        if isinstance(error, DBAPIError) and error.statement is not None:
            raise  # it was reached: what the statement did is another matter
        said = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailable(
            f"The database of {service} cannot be reached: {said}. Start it, or correct {where}."
        ) from error
