"""Rows of accounts that PostgreSQL rewrites cheaply: JSON as text, room for new versions in the same page."""

from alembic import op

from cskit.db.storage import Storage

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is there is written anew once."""
    op.execute(Storage("account_months", room=30, long=("body",)))
    op.execute(Storage("account_slow", room=30, long=("body",)))
    live = ("watch", "contributions", "adjustments", "verdict", "causes")
    op.execute(Storage("live", room=30, texts=live, long=("contributions",)))
    history = ("watch", "contributions", "adjustments", "cause")
    op.execute(Storage("history", texts=history, long=("contributions",)))
