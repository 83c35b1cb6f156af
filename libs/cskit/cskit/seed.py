"""Values that a deployment makes once and keeps."""

import secrets

from sqlalchemy import select

from cskit.db import Database
from cskit.db.plumbing import Plumbing


async def kept_value(database: Database, plumbing: Plumbing, name: str, made: str) -> str:
    """The value of that name; `made` is stored and returned if there is none yet, also when replicas start together."""
    table = plumbing.deployment
    async with database.write() as tx:
        tx.insert(table, [{"name": name, "value": made}], ignore=True)
        (row,) = await tx.fetch(select(table.c.value).where(table.c.name == name))
    value: str = row.value
    return value


async def deployment_seed(database: Database, plumbing: Plumbing) -> int:
    """The seed of this service's fingerprints: nobody outside can aim for a collision."""
    return int(await kept_value(database, plumbing, "fingerprint_seed", str(secrets.randbits(63))))
