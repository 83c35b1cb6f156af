"""Whose account a text is about: it goes with the account."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("texts", sa.Column("account", sa.String(128)))
    op.create_index("ix_texts_account", "texts", ["account"])
