"""The streams of a session are counted, and the sound that owners use."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Each session that is kept had a stream at least."""
    op.execute("ALTER TABLE sessions ADD COLUMN stream BIGINT NOT NULL DEFAULT 1")
    op.execute(
        """
        CREATE TABLE used (
            owner TEXT NOT NULL,
            day TEXT NOT NULL,
            frames BIGINT NOT NULL,
            PRIMARY KEY (owner, day)
        )
        """
    )
    op.execute("CREATE INDEX used_by_day ON used (day)")
